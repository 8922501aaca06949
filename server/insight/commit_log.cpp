#include "server/insight/commit_log.hpp"

#include <algorithm>

namespace holdfast::server {

void commit_log::add(commit const& one) {
  std::lock_guard const guard(mutex_);
  kept_.push_back(one);
  if (kept_.size() > commits_max) kept_.pop_front();
  ++next_;
}

std::uint64_t commit_log::next_number() const {
  std::lock_guard const guard(mutex_);
  return next_;
}

std::vector<commit_log::commit> commit_log::take(std::uint64_t& number, std::size_t most) const {
  std::lock_guard const guard(mutex_);
  number = std::clamp(number, next_ - kept_.size(), next_);
  auto const count = std::min<std::uint64_t>(next_ - number, most);
  auto const begin = kept_.end() - static_cast<std::ptrdiff_t>(next_ - number);
  number += count;
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace holdfast::server
