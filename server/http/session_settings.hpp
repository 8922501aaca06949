#pragma once

#include <chrono>
#include <cstddef>

namespace holdfast::server {

/// How much of the server one connection may use, and for how long.
struct session_settings {
  std::size_t header_bytes_max = 8 * 1024;
  std::size_t body_bytes_max = 1024 * 1024;
  /// From a request's first byte to the end of its header.
  std::chrono::nanoseconds header_timeout = std::chrono::seconds(10);
  /// Between requests.
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds(60);
  /// For a body or an answer, and a second more for each 16 KiB that moved.
  std::chrono::nanoseconds transfer_timeout = std::chrono::seconds(10);
};

}  // namespace holdfast::server
