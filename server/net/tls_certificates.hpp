#pragma once

#include <sys/types.h>
#include <array>
#include <string>

#include "server/net/tls_figures.hpp"
#include "tls/context.hpp"

namespace holdfast::server {

/// The server's certificate and key, read again when they change. One thread, but for the figures.
class tls_certificates {
 public:
  /// @throws tls::error where the files can't be used
  explicit tls_certificates(tls::server_files files);
  tls_certificates(tls_certificates const&) = delete;
  tls_certificates& operator=(tls_certificates const&) = delete;

  /// With what a connection begins that is accepted now; one that has begun keeps its own.
  [[nodiscard]] tls::context const& current() const noexcept { return current_; }

  /// Reads the files again. What can't be used is logged, and the old certificate stays.
  void reload();

  /// To be called now and then: reloads when the files have changed, and not since the last call. A certificate and its
  /// key are two files, and nobody replaces both in one instant.
  void look();

  [[nodiscard]] tls_figures& figures() noexcept { return figures_; }
  [[nodiscard]] tls_figures const& figures() const noexcept { return figures_; }

 private:
  /// What tells one state of the three files from another.
  using state = std::array<std::array<std::int64_t, 4>, 3>;

  [[nodiscard]] state look_at_files() const noexcept;
  void take(tls::context made);

  tls::server_files const files_;
  tls::context current_;
  state read_{};  // when they were read
  state seen_{};  // by the last look()
  tls_figures figures_;
};

}  // namespace holdfast::server
