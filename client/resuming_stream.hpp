#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "client/line_stream.hpp"

namespace holdfast::client {

/// A stream of lines that is reopened whenever it ends, for example because the server restarted or the connection
/// broke; on another server if there are several. `request_of` provides the next request, because it knows where to
/// continue. The first attempt must succeed; later ones are repeated without limit, or within the time limit.
class resuming_stream {
 public:
  struct settings {
    endpoint server;
    /// Time without an answer until the stream ends with an error. nullopt: the limits of stream_limits for the first
    /// answer, then no limit.
    std::optional<std::chrono::nanoseconds> timeout{};
    /// A server that sends nothing for this long, not even a heartbeat, is considered gone.
    std::chrono::nanoseconds silence = std::chrono::seconds(20);
  };

  struct request {
    std::string target;
    std::string fields{};
  };

  enum class event {
    line,     ///< `text` is a line
    broken,   ///< the connection is lost, with the reason in `text`. It resumes by itself
    resumed,  ///< connected again
  };
  struct item {
    event is;
    std::string text;
  };

  resuming_stream(executor on, settings chosen, std::function<request()> request_of);

  /// The next item. @return an error if the first attempt failed, the server refuses, or the time is over
  awaitable<result<item>> next();

  /// Reopens the stream in the next call of next(), silently.
  void restart();
  /// Ends a pending call.
  void close();

 private:
  using clock = std::chrono::steady_clock;
  awaitable<result<void>> open();

  settings settings_;
  std::function<request()> request_of_;
  line_stream stream_;
  boost::asio::basic_waitable_timer<clock, boost::asio::wait_traits<clock>, executor> timer_;
  clock::time_point silent_since_{};  ///< when the server last sent something
  bool is_open_ = false;
  bool was_open_ = false;
  unsigned attempts_ = 0;  ///< since the last line
};

}  // namespace holdfast::client
