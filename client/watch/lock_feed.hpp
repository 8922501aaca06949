#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "client/resuming_stream.hpp"

namespace holdfast::client::watch {

/// The events of a server's lock, which resumes by itself behind the last one when the connection breaks; when the
/// server was restarted, with the first event of its new life. For one coroutine, on the executor given.
class lock_feed {
 public:
  /// @param from the last event that is not wanted: its id, `<start>-<number>`, or its number alone; empty: only what
  /// happens from now on
  lock_feed(executor on, resuming_stream::settings settings, std::string from = {});

  /// The next event, a line of JSON.
  awaitable<result<std::string>> next();

  /// Called with what a reader should know: the connection broke, is back, the server was restarted.
  std::function<void(std::string const&)> on_news;

  /// The id of the last event; empty as long as there was none.
  [[nodiscard]] std::string const& last_id() const { return last_id_; }

 private:
  void say(std::string const& what) const;
  void take_note(std::string_view line);

  resuming_stream stream_;
  std::string last_id_;
  std::string life_;  // which process sends; empty: not known
  bool is_coming_back_ = false;
};

}  // namespace holdfast::client::watch
