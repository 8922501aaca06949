#pragma once

#include <chrono>
#include <cstddef>

namespace holdfast::server {

/// Limits of one connection.
struct session_settings {
  std::size_t header_bytes_max = 8 * 1024;
  std::size_t body_bytes_max = 1024 * 1024;
  /// From a request's first byte to the end of its header.
  std::chrono::nanoseconds header_timeout = std::chrono::seconds(10);
  /// Between requests.
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds(60);
  /// For a body or an answer; each 16 KiB moved adds a second.
  std::chrono::nanoseconds transfer_timeout = std::chrono::seconds(10);
};

}  // namespace holdfast::server
