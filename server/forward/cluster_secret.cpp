#include "server/forward/cluster_secret.hpp"

#include <utility>

#include "server/http/constant_time.hpp"

namespace holdfast::server {

void cluster_secret::set(std::string text) {
  std::lock_guard const lock(mutex_);
  text_ = std::move(text);
}

std::string cluster_secret::text() const {
  std::lock_guard const lock(mutex_);
  return text_;
}

bool cluster_secret::is(std::string_view given) const {
  std::lock_guard const lock(mutex_);
  return !text_.empty() && equal_in_constant_time(text_, given);
}

}  // namespace holdfast::server
