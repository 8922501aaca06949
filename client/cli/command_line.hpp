#pragma once

#include <string>
#include <variant>
#include <vector>

#include "client/compare/limit.hpp"
#include "client/connection.hpp"
#include "client/load/settings.hpp"
#include "client/request.hpp"

namespace holdfast::client::cli {

/// The exit statuses of `holdfast`.
enum exit_status : int {
  exit_ok = 0,
  exit_refused = 1,      ///< not found, or refused for another reason; of a load run: there were errors
  exit_usage = 2,        ///< the command line, the environment or an input file is wrong
  exit_unreachable = 3,  ///< refused, reset, timed out, or answered by something that is no Holdfast server
  exit_threshold = 4,    ///< a load run broke a threshold, a comparison a limit
  exit_violated = 5,     ///< a load run was answered as no correct server would
  exit_undecided = 6,    ///< whether it was could not be decided
};

/// What get, put and del have in common.
struct key_command {
  connection_settings connection;
  std::string key;
  lock_wishes wishes;
  bool show_status = false;
};

struct get_command : key_command {
  bool exact = false;  ///< no line feed is added to a value that has none
};

struct put_command : key_command {
  std::optional<std::string> value;  ///< else it is read
  std::string file;                  ///< from this file; empty or `-`: from standard input
};

struct del_command : key_command {};

struct load_command {
  load::load_settings settings;
  std::string experiment_file;    ///< that settings were read from too; empty: none
  bool print_experiment = false;  ///< instead of running
};

struct compare_command {
  std::string before, after;  ///< files of load reports
  std::vector<compare::limit> limits;
  bool json = false;
  std::string html_file;  ///< empty: none
};

struct lock_events_command {
  connection_settings connection;
  bool json = false;
  std::optional<std::uint64_t> from;   ///< the number of the last event that is not wanted; empty: from now on
  std::optional<std::uint64_t> count;  ///< of lines; empty: until the server ends
};

struct lock_top_command {
  connection_settings connection;
  std::chrono::nanoseconds interval = std::chrono::milliseconds(500);
  std::optional<std::uint64_t> count;  ///< of screens; empty: until it is interrupted
};

/// Nothing to do but print `text` and exit: help, the version, or what is wrong with the command line.
struct print_command {
  std::string text;
  int exit_status = exit_ok;
};

using parsed_command = std::variant<get_command, put_command, del_command, load_command, compare_command,
                                    lock_events_command, lock_top_command, print_command>;

/// Reads the command line and HOLDFAST_URL; the flag wins over the variable.
[[nodiscard]] parsed_command parse_command_line(int argc, char const* const* argv);

}  // namespace holdfast::client::cli
