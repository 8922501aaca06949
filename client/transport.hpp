#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <span>

#include "client/endpoint.hpp"
#include "client/error.hpp"
#include "tls/stream.hpp"

namespace holdfast::client {

using executor = boost::asio::io_context::executor_type;

template <class T>
using awaitable = boost::asio::awaitable<T, executor>;

/// The result of a read or a write.
struct transferred {
  boost::system::error_code failed;
  std::size_t bytes = 0;
};

/// A connected socket, plain or with TLS. Used on its executor's thread, with one read and one write at a time. close()
/// ends pending calls.
class transport {
 public:
  using tcp = boost::asio::ip::tcp;
  using socket_type = boost::asio::basic_stream_socket<tcp, executor>;

  explicit transport(executor on) : socket_(on) {}

  [[nodiscard]] socket_type& socket() noexcept { return socket_; }
  [[nodiscard]] bool is_open() const { return socket_.is_open(); }

  /// Sets the options of a connected socket. An idle connection whose peer's system is gone ends within half a minute.
  void set_options();

  /// Takes a connected socket. With TLS, shakes hands and checks the server's certificate against the host.
  /// @return error_kind::untrusted with advice, if there is any
  awaitable<result<void>> secure(endpoint const& server);

  /// @return boost::asio::error::eof at the end; connection_reset for a truncated TLS stream.
  awaitable<transferred> read_some(std::span<char> room);
  /// Writes everything.
  awaitable<transferred> write(std::span<boost::asio::const_buffer const> parts);

  /// Closes the sending side.
  void end_sending();

  /// True if the peer has sent data or ended the stream although nothing was requested.
  [[nodiscard]] bool has_unread();

  void close();

 private:
  awaitable<boost::system::error_code> until_ready(tls::outcome wanted);
  awaitable<transferred> write_tls(std::string bytes);

  socket_type socket_;
  tls::context context_;  // kept, so that files are not read for every connection
  std::optional<tls::stream> tls_;
};

}  // namespace holdfast::client
