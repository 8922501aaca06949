#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

namespace holdfast::manual {

// A command line as data: its CLI11 definition and the texts about it. Help, the manual page and the completions for
// shells are made from it, so they can't disagree.

struct example {
  std::string line;   ///< a command line as it is typed
  std::string about;  ///< what it does; may be empty
};

/// A flag, or a positional argument. A line feed in its CLI11 description separates `what` from `details`.
struct flag_description {
  std::vector<std::string> short_names, long_names;  ///< without dashes; both empty: positional
  std::string value;                                 ///< placeholder of its value, such as `DURATION`; empty: none
  std::string type;                                  ///< type of its value, such as `FILE`
  std::vector<std::string> choices;                  ///< the allowed values; empty: any
  std::string what;                                  ///< one line, for help
  std::string details;                               ///< sentences that only the manual shows; may be empty
  std::string fallback;                              ///< its default; empty: none, or part of `what`
  std::string variable;                              ///< the environment variable that sets it; empty: none
  std::string group;                                 ///< its heading
  bool is_required = false;
  bool is_value_optional = false;
  bool is_repeated = false;  ///< takes several values
};

/// An exit status and what it means.
struct status_description {
  int status = 0;
  std::string what;
};

struct command_description {
  std::string name;  ///< in full: `holdfast lock top`
  std::vector<std::string> aliases;
  std::string group;  ///< its heading in the list of commands
  std::string summary;
  std::vector<flag_description> arguments, flags;
  std::vector<example> examples;
  std::string details;                       ///< a line for each paragraph
  std::vector<status_description> statuses;  ///< exit statuses; only the program itself has them
  std::vector<command_description> commands;
  bool needs_command = false;  ///< does nothing without one of `commands`
};

/// The last word of a command's name.
[[nodiscard]] std::string word_of(command_description const& command);

/// Adds the visible flags and arguments of `app`, without those of its parents.
void add_flags(CLI::App const& app, command_description& to);

}  // namespace holdfast::manual
