#include "client/cli/lock_command.hpp"

#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "client/cli/console.hpp"
#include "client/load/progress.hpp"
#include "client/watch/event_text.hpp"
#include "client/watch/lock_feed.hpp"
#include "client/watch/lock_screen.hpp"

namespace holdfast::client::cli {
namespace {

using clock = std::chrono::steady_clock;

resuming_stream::settings stream_settings(connection_settings const& connection) {
  return {.server = connection.server, .timeout = connection.request_timeout};
}

// --- events -------------------------------------------------------------------------------------------------------

/// Prints how to continue with another command. Programs find that in the lines.
void say_where(watch::lock_feed const& events, lock_events_command const& command) {
  if (!command.json && !events.last_id().empty()) remark("--from " + events.last_id() + " goes on from here");
}

/// @param current points to the feed while there is one
awaitable<int> print_events(executor on, lock_events_command const& command, watch::lock_feed*& current) {
  watch::lock_feed events(on, stream_settings(command.connection), command.from);
  events.on_news = remark;
  current = &events;
  for (std::uint64_t printed = 0; !command.count || printed < *command.count;) {
    auto const line = co_await events.next();
    if (!line) {
      auto const status = complain(line.error());
      say_where(events, command);
      co_return status;
    }
    auto const text = command.json ? *line : watch::event_text(*line);
    if (text.empty()) continue;
    if (auto const failed = print(text + '\n'); failed != exit_ok) {
      current = nullptr;
      co_return failed;
    }
    ++printed;
  }
  co_return exit_ok;
}

// --- top ----------------------------------------------------------------------------------------------------------

/// Passes events to the screen. Connection errors are reported by the separate requests for the state.
awaitable<void> follow_events(executor on, connection_settings const& connection, watch::lock_screen& screen) {
  watch::lock_feed events(on, {.server = connection.server});
  for (;;) {
    auto const line = co_await events.next();
    if (!line) co_return;
    screen.take_event(*line);
  }
}

/// Writes screens: on a terminal in place, otherwise one after another.
class screen_writer {
 public:
  /// Without a terminal, large enough for everything.
  [[nodiscard]] static watch::screen_size size() {
    if (!is_screen()) return {.columns = 100'000, .lines = 1'000};
    auto const style = load::style_of(stdout);
    return {.columns = style.columns, .lines = style.lines - 1};
  }

  /// @return exit_ok, or the status of a write error
  int write(std::vector<std::string> const& lines) {
    // Overwrite each line and clear the rest of it; clearing everything first would flicker.
    std::string text = !is_screen_ ? "" : std::exchange(is_first_, false) ? "\x1b[2J\x1b[H" : "\x1b[H";
    for (auto const& line : lines) (text += line) += is_screen_ ? "\x1b[K\n" : "\n";
    text += is_screen_ ? "\x1b[J" : "\n";
    return print(text);
  }

 private:
  bool const is_screen_ = is_screen();
  bool is_first_ = true;
};

awaitable<int> show_top(executor on, lock_top_command const& command) {
  boost::asio::basic_waitable_timer<clock, boost::asio::wait_traits<clock>, executor> timer(on);
  auto settings = command.connection;
  // The server answers at once, even while the lock is held.
  if (!settings.request_timeout) settings.request_timeout = std::chrono::seconds(10);
  connection server(on, settings);
  watch::lock_screen screen;
  screen_writer out;
  auto const title = "holdfast lock top  " + settings.server.url();
  auto const target = "/v1/lock?limit=" + std::to_string(watch::lock_screen::queue_lines_max);
  auto heard_at = clock::now();
  bool is_lost = false;
  for (std::uint64_t shown = 0; !command.count || shown < *command.count;) {
    auto const state = co_await server.fetch(target);
    if (state) {
      if (shown == 0) boost::asio::co_spawn(on, follow_events(on, command.connection, screen), boost::asio::detached);
      heard_at = clock::now();
      if (std::exchange(is_lost, false)) remark("connected again");
      if (auto const failed = out.write(screen.lines(title, state->value, screen_writer::size())); failed != exit_ok)
        co_return failed;
      ++shown;
    } else {
      auto const silent = clock::now() - heard_at;
      auto const gives_up = command.connection.request_timeout && silent >= *command.connection.request_timeout;
      if (shown == 0 || state.error().refused || gives_up) co_return complain(state.error());
      if (!std::exchange(is_lost, true)) remark(state.error().message + "; trying again");
    }
    if (command.count && shown == *command.count) break;
    timer.expires_after(command.interval);
    co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable_t<executor>()));
  }
  co_return exit_ok;
}

}  // namespace

int run(lock_events_command const& command) {
  watch::lock_feed* events = nullptr;
  auto const follow = [&](executor on) { return print_events(on, command, events); };
  return run_stream(follow, command.duration, [&] {
    if (events != nullptr) say_where(*events, command);
  });
}

int run(lock_top_command const& command) {
  return run_stream([&](executor on) { return show_top(on, command); });
}

}  // namespace holdfast::client::cli
