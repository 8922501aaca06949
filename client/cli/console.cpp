#include "client/cli/console.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>

namespace holdfast::client::cli {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using timer_type =
    net::basic_waitable_timer<std::chrono::steady_clock, net::wait_traits<std::chrono::steady_clock>, executor>;

std::optional<std::string> read_all(std::FILE* in) {
  std::string text;
  std::array<char, 64 * 1024> bytes;
  while (auto const count = std::fread(bytes.data(), 1, bytes.size(), in)) text.append(bytes.data(), count);
  if (std::ferror(in) != 0) return std::nullopt;
  return text;
}

/// Writes everything to standard output. @return 0, or the error number; EINTR if a signal was handled meanwhile
int write_all(std::string_view text) {
  while (!text.empty()) {
    // A pipe that is ready takes this much at once. A signal thus ends the wait, and never only a part of a write.
    pollfd out{STDOUT_FILENO, POLLOUT, 0};
    if (::poll(&out, 1, -1) < 0) return errno;
    auto const count = ::write(STDOUT_FILENO, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    if (count < 0 && errno != EAGAIN) return errno;
    if (count > 0) text.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

/// Calls `left` when the reader of standard output, a pipe or a socket, is gone. Asks from time to time: Asio would
/// make the descriptor non-blocking, also for the other processes that have it.
class reader_watch {
 public:
  reader_watch(executor on, std::function<void()> left) : timer_(on), left_(std::move(left)) { wait(); }

 private:
  void wait() {
    timer_.expires_after(std::chrono::milliseconds(250));
    timer_.async_wait([this](error_code aborted) {
      if (aborted) return;
      pollfd out{STDOUT_FILENO, 0, 0};
      if (::poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLHUP)) != 0) return left_();
      wait();
    });
  }

  timer_type timer_;
  std::function<void()> left_;
};

}  // namespace

int complain(error const& failed) {
  std::cerr << "holdfast: ";
  if (!failed.refused) {
    std::cerr << failed.message << std::endl;
    return exit_of(failed);
  }
  auto const& refused = *failed.refused;
  std::cerr << refused.title << '\n';
  if (!refused.detail.empty()) std::cerr << "  " << refused.detail << '\n';
  if (refused.status == 412 && !refused.etag.empty() && refused.detail.find(refused.etag) == std::string::npos)
    std::cerr << "  The present ETag is " << refused.etag << '\n';
  if (refused.status == 401)
    std::cerr << "  This program takes a token from --token-file FILE or from the variable HOLDFAST_TOKEN\n";
  if (refused.code == "invalid_json")
    std::cerr << R"(  A JSON string needs its quotes, and the shell its own: '"hello"')" << '\n';
  std::cerr.flush();
  return exit_of(failed);
}

void remark(std::string const& what) {
  std::cerr << "holdfast: " << what << std::endl;
}

bool is_screen() {
  auto const* const terminal = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) != 0 && (terminal == nullptr || std::string_view(terminal) != "dumb");
}

int print(std::string_view text) {
  auto const failed = write_all(text);
  if (failed == 0) return exit_ok;
  if (failed == EPIPE) return exit_reader_left;
  if (failed == EINTR) return exit_interrupted;
  remark(std::string("can't write to standard output: ") + std::strerror(failed));
  return exit_refused;
}

std::optional<std::string> read_text(std::string const& path, std::string const& what) {
  auto const from_input = path.empty() || path == "-";
  if (from_input && ::isatty(STDIN_FILENO) != 0)
    std::cerr << "Reading " << what << " from the terminal; Ctrl-D on a new line ends it.\n";
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> const in(
      from_input ? nullptr : std::fopen(path.c_str(), "rb"),
      [](std::FILE* file) { return file ? std::fclose(file) : 0; });
  auto text = from_input ? read_all(stdin) : in ? read_all(in.get()) : std::optional<std::string>();
  if (!text) remark("can't read '" + (from_input ? "standard input" : path) + "': " + std::strerror(errno));
  return text;
}

int run_task(task const& command) {
  net::io_context context(1);
  int status = exit_unreachable;
  net::co_spawn(context, command(context.get_executor()), [&](std::exception_ptr const& thrown, int done) {
    if (thrown) std::rethrow_exception(thrown);
    status = done;
    context.stop();
  });
  context.run();
  return status;
}

int run_stream(task const& command, std::optional<std::chrono::nanoseconds> duration,
               std::function<void()> const& at_end) {
  net::io_context context(1);
  std::optional<int> status;
  auto const end = [&](int with) {
    if (!status) status = with;
    context.stop();
  };
  net::basic_signal_set<executor> signals(context.get_executor(), SIGINT, SIGTERM);
  signals.async_wait([&](error_code aborted, int number) {
    if (aborted) return;
    if (at_end) at_end();
    end(128 + number);
  });
  timer_type timer(context.get_executor());
  if (duration) {
    timer.expires_after(*duration);
    timer.async_wait([&](error_code aborted) {
      if (aborted) return;
      if (at_end) at_end();
      end(exit_ok);
    });
  }
  reader_watch const reader(context.get_executor(), [&] { end(exit_reader_left); });
  net::co_spawn(context, command(context.get_executor()), [&](std::exception_ptr const& thrown, int done) {
    if (thrown) std::rethrow_exception(thrown);
    if (done != exit_interrupted) end(done);  // the signal's handler is next
  });
  context.run();
  return status.value_or(exit_unreachable);
}

}  // namespace holdfast::client::cli
