#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

namespace holdfast::manual {

// A command line described as data: what CLI11 parses by, and the words about it. Help, the manual page and the
// completions of the shells are made of this, so that they cannot disagree.

struct example {
  std::string line;   ///< a command line as it is typed
  std::string about;  ///< what it does; may be empty
};

/// A flag, or an argument without a name.
struct flag_description {
  std::vector<std::string> short_names, long_names;  ///< without dashes; both empty: an argument
  std::string value;                                 ///< what stands for its value, such as `DURATION`; empty: none
  std::string type;                                  ///< what its value is, such as `FILE`
  std::vector<std::string> choices;                  ///< the only values that it takes; empty: others too
  std::string what;                                  ///< one line
  std::string fallback;                              ///< its default; empty: none, or `what` says it
  std::string variable;                              ///< the environment variable that sets it too; empty: none
  std::string group;                                 ///< the heading under which it stands
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
  std::string group;  ///< the heading under which it stands among its siblings
  std::string summary;
  std::vector<flag_description> arguments, flags;
  std::vector<example> examples;
  std::string details;  ///< a line for each paragraph
  std::vector<command_description> commands;
  bool needs_command = false;  ///< does nothing without one of those
};

/// The last word of a command's name.
[[nodiscard]] std::string word_of(command_description const& command);

/// Adds the flags and arguments that `app` itself takes and shows.
void add_flags(CLI::App const& app, command_description& to);

}  // namespace holdfast::manual
