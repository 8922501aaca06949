#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "client/cli/exit_status.hpp"
#include "client/connection.hpp"

namespace holdfast::client::cli {

/// Prints the reason of a failed request to standard error. @return the exit status for it
int complain(error const& failed);

/// Prints a line that is not an error message to standard error.
void remark(std::string const& what);

/// True if standard output is a terminal with cursor control (TERM is not dumb).
[[nodiscard]] bool is_screen();

/// Writes to standard output without buffering, and waits while its reader is slow. @return exit_ok; exit_interrupted
/// if a signal that run_stream() handles ended the wait; or the status of a write error
int print(std::string_view text);

/// Reads everything from a file, or from standard input if the path is empty or `-`. On failure prints an error and
/// returns nullopt. @param what the expected text, for a prompt if a person must type it
[[nodiscard]] std::optional<std::string> read_text(std::string const& path, std::string const& what);

/// A command as a coroutine that returns the exit status.
using task = std::function<awaitable<int>(executor)>;

/// Runs a command until it ends. @return the exit status
int run_task(task const& command);

/// Runs a command that only reads, possibly without end: until it ends, until SIGINT or SIGTERM, or until the reader of
/// standard output is gone, as with `| head`. @return the exit status
/// @param duration time limit, after which it ends successfully; nullopt for none
/// @param at_end called if a signal or the time limit ends it
int run_stream(task const& command, std::optional<std::chrono::nanoseconds> duration = {},
               std::function<void()> const& at_end = {});

}  // namespace holdfast::client::cli
