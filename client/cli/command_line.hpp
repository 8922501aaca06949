#pragma once

#include <string>
#include <variant>
#include <vector>

#include "client/cli/exit_status.hpp"
#include "client/compare/limit.hpp"
#include "client/connection.hpp"
#include "client/load/settings.hpp"
#include "client/request.hpp"
#include "client/watch/watch.hpp"

namespace holdfast::client::cli {

/// Common members of the commands for one key.
struct key_command {
  connection_settings connection;
  std::string key;
  request_options options;
  bool show_status = false;
};

struct get_command : key_command {
  bool exact = false;  ///< adds no line feed on a terminal
  std::optional<std::chrono::nanoseconds> wait;
};

/// A text from the command line, a file or standard input.
struct text_source {
  std::optional<std::string> text;  ///< nullopt if it must be read
  std::string file;                 ///< the file to read; empty or `-` for standard input
};

struct put_command : key_command {
  text_source value;
};

struct del_command : key_command {
  std::optional<std::string> prefix;  ///< removes all keys with this prefix instead of one key
  bool all = false;                   ///< allows an empty prefix
};

struct patch_command : key_command {
  text_source patch;
  bool is_merge = false;  ///< always a merge patch, whatever the text looks like
};

struct incr_command : key_command {
  increment change;
};

struct touch_command : key_command {};

struct list_command {
  connection_settings connection;
  list_query asked;
  request_options options;
  std::optional<std::uint64_t> count;  ///< limit of lines; nullopt for all
  bool in_long = false;
  bool json = false;
};

struct txn_command {
  connection_settings connection;
  text_source transaction;
  request_options options;
};

struct watch_command {
  connection_settings connection;
  watch::watch_settings watch;
  bool json = false;
  std::optional<std::uint64_t> count;                ///< limit of changes; nullopt for none
  std::optional<std::chrono::nanoseconds> duration;  ///< nullopt for no limit
};

struct export_command {
  connection_settings connection;
  std::string prefix;
  request_options options;
};

struct import_command {
  connection_settings connection;
  std::string file;  ///< empty or `-` for standard input
  if_exists existing = if_exists::replace;
  request_options options;
};

struct load_command {
  load::load_settings settings;
  std::string experiment_file;    ///< the experiment file that settings were also read from; empty for none
  bool print_experiment = false;  ///< prints the experiment instead of running it
};

struct compare_command {
  std::string before, after;  ///< files with load reports
  std::vector<compare::limit> limits;
  bool json = false;
  std::string html_file;  ///< empty for none
};

struct lock_events_command {
  connection_settings connection;
  bool json = false;
  std::string from;                                  ///< the last event already known; empty to begin now
  std::optional<std::uint64_t> count;                ///< limit of lines; nullopt for none
  std::optional<std::chrono::nanoseconds> duration;  ///< nullopt for no limit
};

struct lock_top_command {
  connection_settings connection;
  std::chrono::nanoseconds interval = std::chrono::milliseconds(500);
  std::optional<std::uint64_t> count;  ///< limit of screens; nullopt for none
};

struct locks_command {
  connection_settings connection;
  std::string lock;    ///< the lock to show; empty to list locks
  std::string prefix;  ///< lists only locks with this prefix
  bool json = false;
};

struct with_lock_command {
  connection_settings connection;
  std::string lock;
  std::vector<std::string> words;  ///< the command to run
  std::chrono::nanoseconds lease = std::chrono::seconds(10);
  std::optional<std::chrono::nanoseconds> wait;  ///< nullopt for no limit
  std::string owner;                             ///< empty for the default: user, host and process
};

/// Only prints `text` and exits: help, the version, or an error in the command line.
struct print_command {
  std::string text;
  int exit_status = exit_ok;
};

using parsed_command =
    std::variant<get_command, put_command, del_command, patch_command, incr_command, touch_command, list_command,
                 txn_command, watch_command, export_command, import_command, lock_events_command, lock_top_command,
                 locks_command, with_lock_command, load_command, compare_command, print_command>;

/// Parses the command line and HOLDFAST_URL; the flag takes precedence over the variable.
[[nodiscard]] parsed_command parse_command_line(int argc, char const* const* argv);

}  // namespace holdfast::client::cli
