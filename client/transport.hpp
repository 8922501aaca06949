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

/// What a read or a write came to.
struct transferred {
  boost::system::error_code failed;
  std::size_t bytes = 0;
};

/// A connected socket, plain or with TLS. On its executor's thread; one read and one write at a time. close() ends what
/// is awaited.
class transport {
 public:
  using tcp = boost::asio::ip::tcp;
  using socket_type = boost::asio::basic_stream_socket<tcp, executor>;

  explicit transport(executor on) : socket_(on) {}

  [[nodiscard]] socket_type& socket() noexcept { return socket_; }
  [[nodiscard]] bool is_open() const { return socket_.is_open(); }

  /// Over the socket, once that is connected: with TLS, shakes hands and holds the server's certificate to the host.
  /// @return error_kind::untrusted with what to do, as far as that is known
  awaitable<result<void>> secure(endpoint const& server);

  /// @return boost::asio::error::eof at the end; the end of a TLS stream that was cut is connection_reset.
  awaitable<transferred> read_some(std::span<char> room);
  /// Writes all.
  awaitable<transferred> write(std::span<boost::asio::const_buffer const> parts);

  /// Ends the stream from this side.
  void end_sending();

  /// Whether the peer has said something, or has ended the stream, although nothing was asked.
  [[nodiscard]] bool has_unread();

  void close();

 private:
  awaitable<boost::system::error_code> until_ready(tls::outcome wanted);
  awaitable<transferred> write_tls(std::string bytes);

  socket_type socket_;
  tls::context context_;  // kept, so that the files are not read again for each connection
  std::optional<tls::stream> tls_;
};

}  // namespace holdfast::client
