#include "server/net/tls_certificates.hpp"

#include <chrono>
#include <utility>

#include "server/log/log.hpp"

namespace holdfast::server {
namespace {

std::int64_t seconds_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

tls_certificates::tls_certificates(tls::server_files files)
    : files_(std::move(files)), watch_({files_.certificate, files_.key, files_.client_ca}) {
  take(tls::server_context(files_));
}

void tls_certificates::take(tls::context made) {
  current_ = std::move(made);
  auto const end = tls::not_after(current_);
  figures_.not_after = end;
  auto const days = (end - seconds_now()) / (24 * 3600);
  log_info("certificate read", {{"file", files_.certificate}, {"days_left", days}});
  if (end < seconds_now()) log_warn("certificate expired", {{"file", files_.certificate}, {"not_after", end}});
}

void tls_certificates::reload() {
  watch_.begin_read();
  try {
    take(tls::server_context(files_));
    ++figures_.reloads;
  } catch (tls::error const& error) {
    ++figures_.reload_failures;
    log_error("certificate not replaced", {{"error", error.what()}, {"serving_until", figures_.not_after.load()}});
  }
}

void tls_certificates::look() {
  if (watch_.have_changed_and_settled()) reload();
}

}  // namespace holdfast::server
