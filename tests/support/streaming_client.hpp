#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

namespace holdfast::tests {

/// A client on its own thread that sends the same request without pause on one connection, and reads and ignores the
/// answers. The server always finds more to read on it, so a server that serves a connection as long as it has data
/// would starve all others.
class streaming_client {
 public:
  /// Waits until the first answers have arrived. Throws std::runtime_error if there are none.
  streaming_client(std::uint16_t port, std::string_view request);
  ~streaming_client();
  streaming_client(streaming_client const&) = delete;
  streaming_client& operator=(streaming_client const&) = delete;

  [[nodiscard]] std::uint64_t bytes_received() const noexcept { return received_; }

  /// True while the server has not closed the connection and `lifetime` has not passed.
  [[nodiscard]] bool is_streaming() const noexcept { return streaming_; }

  /// The client ends by itself after this time, so that a test of a server that it starves fails and does not hang.
  static constexpr std::chrono::seconds lifetime{6};

 private:
  void run();
  bool send_some();
  bool receive_some();

  std::string const bytes_;  // whole requests
  std::size_t sent_ = 0;     // offset in bytes_
  int socket_;
  std::atomic<bool> stop_{false}, streaming_{true};
  std::atomic<std::uint64_t> received_{0};
  std::thread thread_;
};

}  // namespace holdfast::tests
