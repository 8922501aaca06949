#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "client/connection.hpp"

namespace holdfast::client {

/// An answer read line by line while it comes, also one that never ends. Over a connection of its own, and asked for by
/// HTTP/1.0, so that what comes is the content and nothing else, until the server closes. For one coroutine, on the
/// executor given.
class line_stream {
 public:
  line_stream(executor on, endpoint server);

  /// Connects and asks. @return an error of kind status where the answer is not a 200.
  awaitable<result<void>> open(std::string target);

  /// The next line, without its end; nothing where the server has ended the answer. A line above 16 MiB is
  /// error_kind::bad_answer.
  awaitable<result<std::optional<std::string>>> next();

  /// Ends what is awaited.
  void close();

 private:
  using tcp = boost::asio::ip::tcp;

  [[nodiscard]] error at_server(error_kind kind, std::string_view what) const;
  awaitable<result<void>> connect();
  awaitable<result<std::optional<std::string>>> read_up_to(std::string_view end);

  endpoint server_;
  boost::asio::basic_stream_socket<tcp, executor> socket_;
  std::string unread_;
};

}  // namespace holdfast::client
