#pragma once

#include <CLI/App.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::client::cli {

// The command line described as data: what CLI11 parses by, and the words of command_texts(). Help is made of it here;
// manual pages and shell completion can be made of it elsewhere.

struct example {
  std::string line;   ///< a command line as it is typed
  std::string about;  ///< what it does; may be empty
};

/// A flag, or an argument without a name.
struct flag_description {
  std::vector<std::string> short_names, long_names;  ///< without dashes; both empty: an argument
  std::string value;                                 ///< what stands for its value, such as `DURATION`; empty: none
  std::string what;                                  ///< one line
  std::string fallback;                              ///< its default; empty: none, or `what` says it
  std::string group;                                 ///< the heading under which it stands
  bool is_required = false;
  bool is_value_optional = false;
};

struct command_description {
  std::string name;  ///< in full: `holdfast lock top`
  std::vector<std::string> aliases;
  std::string group;  ///< the heading under which it stands among its siblings
  std::string summary;
  std::vector<flag_description> arguments, flags;
  std::vector<example> examples;
  std::string details;
  std::vector<command_description> commands;
};

/// The command that `app` parses, with those below it.
[[nodiscard]] command_description describe(CLI::App const& app);

/// Help in lines of at most 80 columns: usage, at most three examples, and a line for each argument, flag and command.
[[nodiscard]] std::string help_of(command_description const& command);

/// The same with all examples and the details.
[[nodiscard]] std::string manual_of(command_description const& command);

/// That of `candidates` which `word` is most likely a slip of the keyboard for; empty where none is near.
[[nodiscard]] std::string_view closest(std::string_view word, std::vector<std::string> const& candidates);

}  // namespace holdfast::client::cli
