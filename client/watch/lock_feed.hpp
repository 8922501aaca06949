#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "client/resuming_stream.hpp"

namespace holdfast::client::watch {

/// The events of a server's lock. If the connection breaks, it resumes after the last event; if the server restarted,
/// with the first event of the new process. For one coroutine, on the given executor.
class lock_feed {
 public:
  /// @param from the last known event: its id, `<start>-<number>`, or its number; empty: only new events
  lock_feed(executor on, resuming_stream::settings settings, std::string from = {});

  /// The next event, a line of JSON.
  awaitable<result<std::string>> next();

  /// Called with messages for people: the connection broke or is back, the server restarted.
  std::function<void(std::string const&)> on_news;

  /// The id of the last event; empty if there was none.
  [[nodiscard]] std::string const& last_id() const { return last_id_; }

 private:
  void say(std::string const& what) const;
  void take_note(std::string_view line);

  resuming_stream stream_;
  std::string last_id_;
  std::string life_;  // the server's process; empty: unknown
  bool is_coming_back_ = false;
};

}  // namespace holdfast::client::watch
