#pragma once

#include <sys/types.h>
#include <array>
#include <string>

#include "server/net/tls_figures.hpp"
#include "tls/context.hpp"

namespace holdfast::server {

/// The server's certificate and key, reloaded when their files change. Single-threaded, except for the figures.
class tls_certificates {
 public:
  /// @throws tls::error if the files are not usable
  explicit tls_certificates(tls::server_files files);
  tls_certificates(tls_certificates const&) = delete;
  tls_certificates& operator=(tls_certificates const&) = delete;

  /// The context for newly accepted connections; existing connections keep theirs.
  [[nodiscard]] tls::context const& current() const noexcept { return current_; }

  /// Reads the files again. If they are not usable, logs that and keeps the old certificate.
  void reload();

  /// Call periodically. Reloads if the files have changed but not since the previous call, because a certificate and
  /// its key are two files that cannot be replaced at the same instant.
  void look();

  [[nodiscard]] tls_figures& figures() noexcept { return figures_; }
  [[nodiscard]] tls_figures const& figures() const noexcept { return figures_; }

 private:
  /// Identifies a version of the three files.
  using state = std::array<std::array<std::int64_t, 4>, 3>;

  [[nodiscard]] state look_at_files() const noexcept;
  void take(tls::context made);

  tls::server_files const files_;
  tls::context current_;
  state read_{};  // when they were last read
  state seen_{};  // at the last look()
  tls_figures figures_;
};

}  // namespace holdfast::server
