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

/// Binds and listens: from now on connections enter the backlog.
/// @throws boost::system::system_error if the address is not available.
[[nodiscard]] unique_socket listen_at(boost::asio::ip::tcp::endpoint const& endpoint);

/// Accepts connections on one loop, for all threads. With a listener per thread (SO_REUSEPORT), the kernel distributes
/// unevenly and resets the backlog of a listener that is closed. Single-threaded.
class listener final : private poll_source {
 public:
  /// The most descriptors it opens besides those of accepted connections.
  static constexpr int descriptors_max = 16;

  /// Takes over the connection and returns true, or returns false to refuse it.
  using admit_function = std::function<bool(unique_socket&)>;

  /// @param listening from listen_at(), or a duplicate of it.
  /// @param refusal the bytes sent to a refused connection before it is closed.
  listener(event_loop& loop, unique_socket listening, admit_function admit, std::string refusal);
  ~listener();
  listener(listener const&) = delete;
  listener& operator=(listener const&) = delete;

  /// The bound address, including the actual port if 0 was requested.
  [[nodiscard]] boost::asio::ip::tcp::endpoint const& endpoint() const noexcept { return endpoint_; }

  /// Starts accepting.
  void start();

  /// Accepts what is in the backlog, before close(): the clients may have sent requests already.
  void accept_rest();

  /// Stops accepting and closes the socket; connections in the backlog are reset, unless there is a duplicate of it.
  /// May be called at any time, repeatedly.
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
  unique_socket spare_;  // closed when descriptors run out, so that a connection can be accepted and refused
  boost::asio::ip::tcp::endpoint endpoint_;
  admit_function const admit_;
  std::string const refusal_;
  bool is_watched_ = false;
  timer pause_;
  std::list<unique_socket> refused_;  // open for refused_time
  timer forget_refused_;
  event_loop::clock::time_point failure_told_at_{};
};

}  // namespace holdfast::server
