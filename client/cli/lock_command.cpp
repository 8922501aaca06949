#include "client/cli/lock_command.hpp"

#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "client/line_stream.hpp"
#include "client/load/progress.hpp"
#include "client/watch/event_text.hpp"
#include "client/watch/lock_screen.hpp"

namespace holdfast::client::cli {
namespace {

constexpr std::string_view events_target = "/v1/lock/events?format=ndjson";

int complain(error const& error) {
  std::cerr << "holdfast: " << error.message << '\n';
  return error.kind == error_kind::status ? exit_refused : exit_unreachable;
}

/// Runs a coroutine to its end.
int wait_for(boost::asio::io_context& context, awaitable<int> command) {
  int status = exit_unreachable;
  boost::asio::co_spawn(context, std::move(command), [&](std::exception_ptr const& thrown, int done) {
    if (thrown) std::rethrow_exception(thrown);
    status = done;
    context.stop();
  });
  context.run();
  return status;
}

// --- events -------------------------------------------------------------------------------------------------------

awaitable<int> print_events(executor on, lock_events_command const& command) {
  line_stream stream(on, command.connection.server);
  auto target = std::string(events_target);
  if (command.from) target += "&from=" + std::to_string(*command.from);
  auto opened = co_await stream.open(std::move(target));
  if (!opened) co_return complain(opened.error());
  for (std::uint64_t printed = 0; !command.count || printed < *command.count;) {
    auto line = co_await stream.next();
    if (!line) co_return complain(line.error());
    if (!*line) co_return exit_ok;
    auto const text = command.json ? **line : watch::event_text(**line);
    if (text.empty()) continue;
    std::cout << text << std::endl;
    if (!std::cout) co_return exit_refused;
    ++printed;
  }
  co_return exit_ok;
}

// --- top ----------------------------------------------------------------------------------------------------------

awaitable<void> follow_events(executor on, endpoint server, watch::lock_screen& screen) {
  line_stream stream(on, std::move(server));
  auto opened = co_await stream.open(std::string(events_target));
  if (!opened) co_return;  // the state, which is asked for besides, tells why
  for (;;) {
    auto line = co_await stream.next();
    if (!line || !*line) co_return;
    screen.take_event(**line);
  }
}

bool is_screen() {
  auto const* const terminal = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) != 0 && (terminal == nullptr || std::string_view(terminal) != "dumb");
}

/// Shows one screen after the other: on a terminal in the same place, elsewhere one below the other.
class screen_writer {
 public:
  /// All that there is to tell, where nobody looks on.
  [[nodiscard]] static watch::screen_size size() {
    if (!is_screen()) return {.columns = 100'000, .lines = 1'000};
    auto const style = load::style_of(stdout);
    return {.columns = style.columns, .lines = style.lines - 1};
  }

  void write(std::vector<std::string> const& lines) {
    // Each line is written over and what stood behind it erased, rather than all erased first: that would flicker.
    std::string text = !is_screen_ ? "" : std::exchange(is_first_, false) ? "\x1b[2J\x1b[H" : "\x1b[H";
    for (auto const& line : lines) (text += line) += is_screen_ ? "\x1b[K\n" : "\n";
    text += is_screen_ ? "\x1b[J" : "\n";
    std::cout << text << std::flush;
  }

 private:
  bool const is_screen_ = is_screen();
  bool is_first_ = true;
};

awaitable<int> show_top(executor on, lock_top_command const& command) {
  using timer_type = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                       boost::asio::wait_traits<std::chrono::steady_clock>, executor>;
  watch::lock_screen screen;
  boost::asio::co_spawn(on, follow_events(on, command.connection.server, screen), boost::asio::detached);
  timer_type timer(on);
  screen_writer out;
  auto const title = "holdfast lock top  http://" + command.connection.server.authority;
  for (std::uint64_t shown = 0; !command.count || shown < *command.count; ++shown) {
    if (shown != 0) {
      timer.expires_after(command.interval);
      co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable_t<executor>()));
    }
    line_stream state(on, command.connection.server);
    auto opened = co_await state.open("/v1/lock?limit=" + std::to_string(watch::lock_screen::queue_lines_max));
    if (!opened) co_return complain(opened.error());
    auto line = co_await state.next();
    if (!line) co_return complain(line.error());
    out.write(screen.lines(title, line->value_or(std::string()), screen_writer::size()));
    if (!std::cout) co_return exit_refused;
  }
  co_return exit_ok;
}

}  // namespace

int run(lock_events_command const& command) {
  boost::asio::io_context context(1);
  return wait_for(context, print_events(context.get_executor(), command));
}

int run(lock_top_command const& command) {
  boost::asio::io_context context(1);
  return wait_for(context, show_top(context.get_executor(), command));
}

}  // namespace holdfast::client::cli
