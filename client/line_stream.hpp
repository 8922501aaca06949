#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "client/connection.hpp"

namespace holdfast::client {

/// How long a stream may keep its reader waiting.
struct stream_limits {
  std::chrono::nanoseconds connect = std::chrono::seconds(5);  ///< name look-up included
  std::chrono::nanoseconds answer = std::chrono::seconds(30);  ///< from then on until the answer begins
  std::optional<std::chrono::nanoseconds> silence{};           ///< between two pieces of it; empty: no limit
};

/// An answer read line by line while it comes, also one that never ends. Over a connection of its own, and asked for by
/// HTTP/1.0, so that what comes is the content and nothing else, until the server closes. Where there are other servers
/// (endpoint::others), the next one is asked when one can't be reached, gives no answer, or refuses with 503
/// `no_leader` or `draining`. For one coroutine, on the executor given.
class line_stream {
 public:
  line_stream(executor on, endpoint const& server, stream_limits limits = {});
  ~line_stream();
  line_stream(line_stream const&) = delete;
  line_stream& operator=(line_stream const&) = delete;

  /// Connects and asks. @param fields more header lines, each with its line end
  /// @return an error of kind status where the answer is not a 200, of kind timeout where a limit passed
  awaitable<result<void>> open(std::string target, std::string fields = {});

  /// The next line, without its end; nothing where the server has ended the answer. A line above 64 MiB is
  /// error_kind::bad_answer.
  awaitable<result<std::optional<std::string>>> next();

  /// Ends what is awaited.
  void close();

  /// The server that is asked, or was asked last.
  [[nodiscard]] endpoint const& server() const noexcept { return servers_.current(); }

 private:
  struct timed_transport;

  [[nodiscard]] error at_server(error_kind kind, std::string_view what) const;
  [[nodiscard]] error broken(boost::system::error_code why, std::string_view what) const;
  awaitable<result<void>> connect();
  awaitable<result<void>> open_at_one(std::string const& target, std::string const& fields);
  awaitable<result<std::optional<std::string>>> read_up_to(std::string_view end);

  server_choice servers_;
  stream_limits limits_;
  std::shared_ptr<timed_transport> transport_;  // shared with the timer's handler, which may run later
  std::array<char, 16 * 1024> piece_;
  std::string unread_;
  std::size_t searched_ = 0;  // so much of unread_ has no end of a line
};

}  // namespace holdfast::client
