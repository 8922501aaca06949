#pragma once

#include <atomic>
#include <cstdint>

namespace holdfast::server {

/// TLS counters. Thread-safe.
struct tls_figures {
  std::atomic<std::uint64_t> handshakes{0};       ///< completed, including resumptions
  std::atomic<std::uint64_t> resumptions{0};      ///< completed handshakes that resumed a session
  std::atomic<std::uint64_t> failures{0};         ///< handshakes that failed or timed out
  std::atomic<std::uint64_t> reloads{0};          ///< certificates loaded since the start
  std::atomic<std::uint64_t> reload_failures{0};  ///< reloads that failed, so that the old certificate stayed
  std::atomic<std::int64_t> not_after{0};         ///< expiry of the certificate, in seconds since 1970
};

}  // namespace holdfast::server
