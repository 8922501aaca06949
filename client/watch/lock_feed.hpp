#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "client/resuming_stream.hpp"

namespace holdfast::client::watch {

/// The events of a server's lock, which goes on by itself behind the last one when the connection breaks; when the
/// server was restarted, with the first event of its new life. For one coroutine, on the executor given.
class lock_feed {
 public:
  /// @param from the number of the last event that is not wanted; empty: only what happens from now on
  lock_feed(executor on, resuming_stream::settings settings, std::optional<std::uint64_t> from = {});

  /// The next event, a line of JSON.
  awaitable<result<std::string>> next();

  /// Called with what a reader should know: the connection broke, is back, the server was restarted.
  std::function<void(std::string const&)> on_news;

  /// The number of the last event; empty as long as there was none.
  [[nodiscard]] std::optional<std::uint64_t> last_number() const { return last_number_; }

 private:
  void say(std::string const& what) const;
  [[nodiscard]] bool is_of_another_life(std::string_view line);

  resuming_stream stream_;
  std::optional<std::uint64_t> last_number_;
  std::string life_;  // which process sends; empty: not known
  bool is_coming_back_ = false;
};

}  // namespace holdfast::client::watch
