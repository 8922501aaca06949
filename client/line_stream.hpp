#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "client/connection.hpp"

namespace holdfast::client {

/// Time limits of a stream.
struct stream_limits {
  std::chrono::nanoseconds connect = std::chrono::seconds(5);  ///< includes the name look-up
  std::chrono::nanoseconds answer = std::chrono::seconds(30);  ///< from the connection to the beginning of the answer
  std::optional<std::chrono::nanoseconds> silence{};           ///< between two pieces; nullopt: no limit
  bool probes = true;  ///< asks one of several servers that has not begun to answer after a while whether it lives
};

/// Reads an answer line by line as it arrives, even if it never ends. Uses a connection of its own with HTTP/1.0, so
/// that the bytes received are the content, until the server closes it. With several servers (endpoint::others), the
/// next one is asked if one can't be reached, gives no answer, or refuses with 503 `no_leader` or `draining`; after a
/// silence within the answer, the next open() begins there. For one coroutine, on the given executor.
class line_stream {
 public:
  line_stream(executor on, endpoint const& server, stream_limits limits = {});
  ~line_stream();
  line_stream(line_stream const&) = delete;
  line_stream& operator=(line_stream const&) = delete;

  /// Connects and sends the request. @param fields further header lines, each with its line end
  /// @return an error of kind status if the answer is not a 200, or of kind timeout
  awaitable<result<void>> open(std::string target, std::string fields = {});

  /// The next line without its end; nullopt if the server has ended the answer. A line above 64 MiB is
  /// error_kind::bad_answer.
  awaitable<result<std::optional<std::string>>> next();

  /// Ends a pending call.
  void close();

  /// The current server, or the last one.
  [[nodiscard]] endpoint const& server() const noexcept { return servers_.current(); }

 private:
  struct timed_transport;

  [[nodiscard]] error at_server(error_kind kind, std::string_view what) const;
  [[nodiscard]] error broken(boost::system::error_code why, std::string_view what) const;
  awaitable<result<void>> connect();
  awaitable<result<void>> open_unless_silent(std::string const& target, std::string const& fields);
  awaitable<result<void>> open_at_one(std::string const& target, std::string const& fields);
  awaitable<std::string> refusal_content(std::string_view head);
  awaitable<result<std::optional<std::string>>> read_up_to(std::string_view end);

  server_choice servers_;
  stream_limits limits_;
  std::shared_ptr<timed_transport> transport_;  // shared with the timer's handler, which may run later
  std::array<char, 16 * 1024> piece_;
  std::string unread_;
  std::size_t searched_ = 0;  // length of the start of unread_ that contains no line end
};

}  // namespace holdfast::client
