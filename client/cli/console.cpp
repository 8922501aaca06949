#include "client/cli/console.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <cerrno>
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

std::optional<std::string> read_all(std::FILE* in) {
  std::string text;
  std::array<char, 64 * 1024> bytes;
  while (auto const count = std::fread(bytes.data(), 1, bytes.size(), in)) text.append(bytes.data(), count);
  if (std::ferror(in) != 0) return std::nullopt;
  return text;
}

/// Calls `left` when the reader of standard output, a pipe or a socket, is gone. Does nothing for files and terminals.
class reader_watch {
 public:
  reader_watch(executor on, std::function<void()> left) : descriptor_(on) {
    error_code failed;
    descriptor_.assign(::dup(STDOUT_FILENO), failed);
    if (failed || is_file()) return;
    // epoll reports this for a pipe whose other end is closed, without a request for events.
    descriptor_.async_wait(net::posix::descriptor_base::wait_error, [left = std::move(left)](error_code aborted) {
      if (!aborted) left();
    });
  }

 private:
  /// True if standard output has no reader that could disappear. epoll does not accept files.
  [[nodiscard]] bool is_file() { return ::lseek(STDOUT_FILENO, 0, SEEK_CUR) != -1 || ::isatty(STDOUT_FILENO) != 0; }

  net::posix::basic_stream_descriptor<executor> descriptor_;
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
  errno = 0;
  std::cout.write(text.data(), static_cast<std::streamsize>(text.size())).flush();
  if (std::cout) return exit_ok;
  if (errno == EPIPE) return exit_reader_left;
  remark("can't write to standard output" + (errno == 0 ? std::string() : std::string(": ") + std::strerror(errno)));
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
  net::basic_waitable_timer<std::chrono::steady_clock, net::wait_traits<std::chrono::steady_clock>, executor> timer(
      context.get_executor());
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
    end(done);
  });
  context.run();
  return status.value_or(exit_unreachable);
}

}  // namespace holdfast::client::cli
