#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <list>
#include <string>

#include "server/loop/asio.hpp"
#include "server/loop/timer.hpp"
#include "server/net/unique_socket.hpp"

namespace holdfast::server {

/// `127.0.0.1:8080`, `[::1]:8080`.
[[nodiscard]] std::string text_of(std::string const& address, std::uint16_t port);

/// Accepts connections on one loop, for all threads: with a listener each (SO_REUSEPORT) the kernel deals unevenly, and
/// what waits in a closed one's backlog is reset. One thread.
class listener final : private poll_source {
 public:
  /// Descriptors that it may have open besides those of accepted connections.
  static constexpr int descriptors_max = 16;

  /// Takes a connection; false: refuses it.
  using admit_function = std::function<bool(unique_socket&)>;

  /// Binds and listens, so that connections queue up from now on.
  /// @param refusal what a refused connection is sent before it is closed.
  /// @throws boost::system::system_error if the address can't be had.
  listener(event_loop& loop, boost::asio::ip::tcp::endpoint const& endpoint, admit_function admit, std::string refusal);
  ~listener();
  listener(listener const&) = delete;
  listener& operator=(listener const&) = delete;

  /// What it listens on; tells which port was found for port 0.
  [[nodiscard]] boost::asio::ip::tcp::endpoint const& endpoint() const noexcept { return endpoint_; }

  /// Accepts from now on.
  void start();

  /// Accepts no more, and closes; what is in the backlog is reset. Also before start() and again.
  void close() noexcept;

 private:
  void on_ready(std::uint32_t events) override;
  bool accept_one();
  void answer_refused(unique_socket const& socket) const;
  void refuse(unique_socket socket);
  void refuse_without_descriptor();
  void pause();

  event_loop& loop_;
  unique_socket socket_;
  unique_socket spare_;  // closed where there is no other descriptor, so that a connection can be refused by it
  boost::asio::ip::tcp::endpoint endpoint_;
  admit_function const admit_;
  std::string const refusal_;
  bool is_watched_ = false;
  timer pause_;
  std::list<unique_socket> refused_;  // kept for a moment
  timer forget_refused_;
  event_loop::clock::time_point failure_told_at_{};
};

}  // namespace holdfast::server
