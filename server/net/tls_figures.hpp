#pragma once

#include <atomic>
#include <cstdint>

namespace holdfast::server {

/// What is counted of TLS. Any thread.
struct tls_figures {
  std::atomic<std::uint64_t> handshakes{0};       ///< done, resumptions included
  std::atomic<std::uint64_t> resumptions{0};      ///< of those, that went on with an earlier session
  std::atomic<std::uint64_t> failures{0};         ///< handshakes that failed or took too long
  std::atomic<std::uint64_t> reloads{0};          ///< certificates taken over since the start
  std::atomic<std::uint64_t> reload_failures{0};  ///< that could not be used, so that the old one stayed
  std::atomic<std::int64_t> not_after{0};         ///< end of the certificate's time, in seconds since 1970
};

}  // namespace holdfast::server
