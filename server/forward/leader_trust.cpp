#include "server/forward/leader_trust.hpp"

#include <utility>

#include "server/log/log.hpp"

namespace holdfast::server {

leader_trust::leader_trust(tls::client_trust files)
    : files_(std::move(files)),
      watch_({files_.ca_certificate, files_.client_certificate, files_.client_key}),
      current_(tls::new_client_context(files_)) {}

tls::context leader_trust::current() const {
  std::lock_guard const lock(mutex_);
  return current_;
}

void leader_trust::reload() {
  watch_.begin_read();
  try {
    auto made = tls::new_client_context(files_);
    std::lock_guard const lock(mutex_);
    current_ = std::move(made);
  } catch (tls::error const& error) {
    log_error("certificates for the leader not replaced", {{"error", error.what()}});
  }
}

void leader_trust::look() {
  if (watch_.have_changed_and_settled()) reload();
}

}  // namespace holdfast::server
