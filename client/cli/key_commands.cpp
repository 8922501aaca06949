#include "client/cli/key_commands.hpp"

#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>
#include <optional>

namespace holdfast::client::cli {
namespace {

using std::chrono::nanoseconds;

/// Runs one request to its end.
result<answer> wait_for(boost::asio::io_context& context, awaitable<result<answer>> request) {
  std::optional<result<answer>> outcome;
  boost::asio::co_spawn(context, std::move(request), [&outcome](std::exception_ptr thrown, result<answer> done) {
    if (thrown) std::rethrow_exception(thrown);
    outcome = std::move(done);
  });
  context.run();
  return std::move(outcome.value());
}

char const* reason_of(unsigned status) {
  switch (status) {
    case 200:
      return " OK";
    case 201:
      return " Created";
    case 204:
      return " No Content";
    case 400:
      return " Bad Request";
    case 404:
      return " Not Found";
    case 413:
      return " Content Too Large";
    case 503:
      return " Service Unavailable";
    default:
      return "";
  }
}

std::string in_ms(nanoseconds duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f ms", static_cast<double>(duration.count()) / 1e6);
  return text;
}

std::string status_lines(unsigned status, answer const* done, std::optional<protocol::lock_timing> const& timing,
                         nanoseconds total) {
  auto lines = "status:   " + std::to_string(status) + reason_of(status) + '\n';
  if (done != nullptr && done->revision) lines += "revision: " + std::to_string(*done->revision) + '\n';
  if (done != nullptr && !done->etag.empty()) lines += "etag:     " + done->etag + '\n';
  if (timing) lines += "wait:     " + in_ms(timing->wait) + "\nhold:     " + in_ms(timing->hold) + '\n';
  return lines + "total:    " + in_ms(total) + '\n';
}

int exit_of(error_kind kind) {
  if (kind == error_kind::status) return exit_refused;
  return kind == error_kind::invalid_request ? exit_usage : exit_unreachable;
}

void complain(error const& error) {
  std::cerr << "holdfast: ";
  if (!error.refused) {
    std::cerr << error.message << '\n';
    return;
  }
  std::cerr << error.refused->title << '\n';
  if (!error.refused->detail.empty()) std::cerr << "  " << error.refused->detail << '\n';
  if (error.refused->code == "invalid_json")
    std::cerr << R"(  A JSON string needs its quotes, and the shell its own: '"hello"')" << '\n';
}

/// Prints what came of a request; `content` goes to standard output when it succeeded.
int finish(key_command const& command, result<answer> const& outcome, nanoseconds total, bool exact = true) {
  std::string text;
  if (outcome) {
    if (command.show_status) text = status_lines(outcome->status, &*outcome, outcome->timing, total);
    if (command.show_status && !outcome->value.empty()) text += '\n';
    text += outcome->value;
    if (!exact && !outcome->value.ends_with('\n')) text += '\n';
  } else if (outcome.error().refused && command.show_status) {
    text = status_lines(outcome.error().refused->status, nullptr, outcome.error().refused->timing, total);
  }
  std::cout.write(text.data(), static_cast<std::streamsize>(text.size())).flush();
  if (!outcome) complain(outcome.error());
  if (!std::cout) {
    std::cerr << "holdfast: can't write to standard output\n";
    return exit_refused;
  }
  return outcome ? exit_ok : exit_of(outcome.error().kind);
}

/// Runs the request that `make` builds on a connection of its own.
template <class Command, class Make>
int request(Command const& command, Make make, bool exact = true) {
  boost::asio::io_context context(1);
  connection server(context.get_executor(), command.connection);
  auto const started = std::chrono::steady_clock::now();
  auto const outcome = wait_for(context, make(server));
  return finish(command, outcome, std::chrono::steady_clock::now() - started, exact);
}

/// Everything up to the end of `in`; nothing and errno when it can't be read.
std::optional<std::string> read_all(std::FILE* in) {
  std::string text;
  std::array<char, 64 * 1024> bytes;
  while (auto const count = std::fread(bytes.data(), 1, bytes.size(), in)) text.append(bytes.data(), count);
  if (std::ferror(in) != 0) return std::nullopt;
  return text;
}

std::optional<std::string> read_file(std::string const& path) {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> const in(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (!in) return std::nullopt;
  return read_all(in.get());
}

std::optional<std::string> read_value(put_command const& command) {
  if (command.value) return command.value;
  auto const from_input = command.file.empty() || command.file == "-";
  if (from_input && ::isatty(STDIN_FILENO) != 0)
    std::cerr << "Reading the value from the terminal; Ctrl-D on a new line ends it.\n";
  auto text = from_input ? read_all(stdin) : read_file(command.file);
  if (!text) {
    std::cerr << "holdfast: can't read '" << (from_input ? "standard input" : command.file)
              << "': " << std::strerror(errno) << '\n';
  }
  return text;
}

}  // namespace

int run(get_command const& command) {
  return request(command, [&](connection& server) { return server.get(command.key, command.wishes); }, command.exact);
}

int run(put_command const& command) {
  auto value = read_value(command);
  if (!value) return exit_usage;
  return request(command,
                 [&](connection& server) { return server.put(command.key, std::move(*value), command.wishes); });
}

int run(del_command const& command) {
  return request(command, [&](connection& server) { return server.del(command.key, command.wishes); });
}

}  // namespace holdfast::client::cli
