#include "server/net/tls_certificates.hpp"

#include <sys/stat.h>

#include <chrono>
#include <utility>

#include "server/log/log.hpp"

namespace holdfast::server {
namespace {

std::int64_t seconds_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

tls_certificates::tls_certificates(tls::server_files files) : files_(std::move(files)) {
  read_ = seen_ = look_at_files();
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
  // Check the files before reading them: a change during the read is then noticed by the next look().
  read_ = seen_ = look_at_files();
  try {
    take(tls::server_context(files_));
    ++figures_.reloads;
  } catch (tls::error const& error) {
    ++figures_.reload_failures;
    log_error("certificate not replaced", {{"error", error.what()}, {"serving_until", figures_.not_after.load()}});
  }
}

void tls_certificates::look() {
  auto const now = look_at_files();
  if (now == std::exchange(seen_, now) && now != read_) reload();
}

tls_certificates::state tls_certificates::look_at_files() const noexcept {
  state found{};
  std::size_t at = 0;
  for (auto const* file : {&files_.certificate, &files_.key, &files_.client_ca}) {
    struct stat status{};
    if (!file->empty() && ::stat(file->c_str(), &status) == 0)
      found[at] = {static_cast<std::int64_t>(status.st_ino), static_cast<std::int64_t>(status.st_size),
                   static_cast<std::int64_t>(status.st_mtim.tv_sec), static_cast<std::int64_t>(status.st_mtim.tv_nsec)};
    ++at;
  }
  return found;
}

}  // namespace holdfast::server
