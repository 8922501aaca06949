#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "client/cli/exit_status.hpp"
#include "client/connection.hpp"

namespace holdfast::client::cli {

/// Prints why a request failed on standard error. @return the exit status for it
int complain(error const& failed);

/// Prints a line about something that is no failure on standard error.
void remark(std::string const& what);

/// Whether standard output is a terminal, and not one that can do no more than print lines (TERM=dumb).
[[nodiscard]] bool is_screen();

/// Writes to standard output at once. @return exit_ok, or why it can't be written
int print(std::string_view text);

/// Everything up to the end of a file, or of standard input where the path is empty or `-`; complains and returns
/// nothing where it can't be read. @param what what is asked for, where a person is to type it
[[nodiscard]] std::optional<std::string> read_text(std::string const& path, std::string const& what);

/// A command that does its work as a coroutine, whose result is the exit status.
using task = std::function<awaitable<int>(executor)>;

/// Runs a command to its end. @return the exit status
int run_task(task const& command);

/// Runs a command that only reads, and perhaps without an end: to its end, until SIGINT or SIGTERM, or until whoever
/// reads standard output has left, as `| head` does. @return the exit status
/// @param duration after which it ends as it was asked to; empty: no limit
/// @param at_end is called where a signal or the time ends it
int run_stream(task const& command, std::optional<std::chrono::nanoseconds> duration = {},
               std::function<void()> const& at_end = {});

}  // namespace holdfast::client::cli
