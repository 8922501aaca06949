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

/// What the commands of one key have in common.
struct key_command {
  connection_settings connection;
  std::string key;
  request_options options;
  bool show_status = false;
};

struct get_command : key_command {
  bool exact = false;  ///< no line feed is added on a terminal either
  std::optional<std::chrono::nanoseconds> wait;
};

/// A text that stands on the command line, in a file, or is read from standard input.
struct text_source {
  std::optional<std::string> text;  ///< else it is read
  std::string file;                 ///< from this file; empty or `-`: from standard input
};

struct put_command : key_command {
  text_source value;
};

struct del_command : key_command {
  std::optional<std::string> prefix;  ///< of all keys to remove, instead of the one
  bool all = false;                   ///< also where the prefix is empty
};

struct patch_command : key_command {
  text_source patch;
  bool is_merge = false;  ///< whatever it looks like
};

struct incr_command : key_command {
  increment change;
};

struct touch_command : key_command {};

struct list_command {
  connection_settings connection;
  list_query asked;
  request_options options;
  std::optional<std::uint64_t> count;  ///< of lines; empty: all
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
  std::optional<std::uint64_t> count;                ///< of changes; empty: no end
  std::optional<std::chrono::nanoseconds> duration;  ///< empty: no end
};

struct export_command {
  connection_settings connection;
  std::string prefix;
  request_options options;
};

struct import_command {
  connection_settings connection;
  std::string file;  ///< empty or `-`: standard input
  if_exists existing = if_exists::replace;
  request_options options;
};

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
  std::string from;                                  ///< the last event that is not wanted; empty: from now on
  std::optional<std::uint64_t> count;                ///< of lines; empty: no end
  std::optional<std::chrono::nanoseconds> duration;  ///< empty: no end
};

struct lock_top_command {
  connection_settings connection;
  std::chrono::nanoseconds interval = std::chrono::milliseconds(500);
  std::optional<std::uint64_t> count;  ///< of screens; empty: no end
};

struct locks_command {
  connection_settings connection;
  std::string lock;    ///< the one to show; empty: all are listed
  std::string prefix;  ///< of those that are listed
  bool json = false;
};

struct with_lock_command {
  connection_settings connection;
  std::string lock;
  std::vector<std::string> words;  ///< of the command to run
  std::chrono::nanoseconds lease = std::chrono::seconds(10);
  std::optional<std::chrono::nanoseconds> wait;  ///< empty: as long as it takes
  std::string owner;                             ///< empty: user, host and process
};

/// Nothing to do but print `text` and exit: help, the version, or what is wrong with the command line.
struct print_command {
  std::string text;
  int exit_status = exit_ok;
};

using parsed_command =
    std::variant<get_command, put_command, del_command, patch_command, incr_command, touch_command, list_command,
                 txn_command, watch_command, export_command, import_command, lock_events_command, lock_top_command,
                 locks_command, with_lock_command, load_command, compare_command, print_command>;

/// Reads the command line and HOLDFAST_URL; the flag wins over the variable.
[[nodiscard]] parsed_command parse_command_line(int argc, char const* const* argv);

}  // namespace holdfast::client::cli
