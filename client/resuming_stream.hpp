#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "client/line_stream.hpp"

namespace holdfast::client {

/// A stream of lines that is opened again whenever it ends: the server was restarted, a connection was cut, a machine
/// between fell silent; at another server where there are others. What it is asked for next is decided by `request_of`,
/// which knows where to continue. The first attempt must succeed; after that it tries for as long as it takes, or as it
/// is allowed.
class resuming_stream {
 public:
  struct settings {
    endpoint server;
    /// How long to go without an answer before it is an error. Empty: the first answer may take what stream_limits
    /// says; after that, no limit.
    std::optional<std::chrono::nanoseconds> timeout{};
    /// A server that sends nothing for this long, not even a sign of life, is taken for gone.
    std::chrono::nanoseconds silence = std::chrono::seconds(20);
  };

  struct request {
    std::string target;
    std::string fields{};
  };

  enum class event {
    line,     ///< `text` is one
    broken,   ///< the connection is lost; `text` says why. It resumes by itself
    resumed,  ///< there is a connection again
  };
  struct item {
    event is;
    std::string text;
  };

  resuming_stream(executor on, settings chosen, std::function<request()> request_of);

  /// What comes next. @return an error where the first attempt failed, the server refuses, or the time is over
  awaitable<result<item>> next();

  /// Opens the stream again with the next call of next(), without a word.
  void restart();
  /// Ends what is awaited.
  void close();

 private:
  using clock = std::chrono::steady_clock;
  awaitable<result<void>> open();

  settings settings_;
  std::function<request()> request_of_;
  line_stream stream_;
  boost::asio::basic_waitable_timer<clock, boost::asio::wait_traits<clock>, executor> timer_;
  clock::time_point silent_since_{};  ///< when the server was heard last
  bool is_open_ = false;
  bool was_open_ = false;
  unsigned attempts_ = 0;  ///< since the last line
};

}  // namespace holdfast::client
