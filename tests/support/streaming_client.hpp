#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

namespace holdfast::tests {

/// A client on a thread of its own that sends the same request without pause on one connection and reads the answers
/// as they come, which it does not look at. Its socket is always writable for the server's next read, so a server that
/// serves a connection for as long as there is something to serve never turns to anybody else.
class streaming_client {
 public:
  /// Returns when the first answers have come; throws std::runtime_error where none do.
  streaming_client(std::uint16_t port, std::string_view request);
  ~streaming_client();
  streaming_client(streaming_client const&) = delete;
  streaming_client& operator=(streaming_client const&) = delete;

  [[nodiscard]] std::uint64_t bytes_received() const noexcept { return received_; }

  /// Whether it still streams: the server has not closed the connection, and `lifetime` has not passed.
  [[nodiscard]] bool is_streaming() const noexcept { return streaming_; }

  /// It ends by itself then, so that a test of a server that it starves fails and does not hang.
  static constexpr std::chrono::seconds lifetime{6};

 private:
  void run();
  bool send_some();
  bool receive_some();

  std::string const bytes_;  // whole requests
  std::size_t sent_ = 0;     // of bytes_
  int socket_;
  std::atomic<bool> stop_{false}, streaming_{true};
  std::atomic<std::uint64_t> received_{0};
  std::thread thread_;
};

}  // namespace holdfast::tests
