#pragma once

#include "server/net/file_watch.hpp"
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

  /// Call periodically. Reloads if the files have changed; see file_watch.
  void look();

  [[nodiscard]] tls_figures& figures() noexcept { return figures_; }
  [[nodiscard]] tls_figures const& figures() const noexcept { return figures_; }

 private:
  void take(tls::context made);

  tls::server_files const files_;
  file_watch watch_;
  tls::context current_;
  tls_figures figures_;
};

}  // namespace holdfast::server
