#pragma once

#include <CLI/App.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::client::cli {

// The command line as data: CLI11's definitions and the texts of command_texts(). This file generates help from it;
// manual pages and shell completion are generated from the same data elsewhere.

struct example {
  std::string line;   ///< a command line as typed
  std::string about;  ///< what it does; may be empty
};

/// A flag, or a positional argument.
struct flag_description {
  std::vector<std::string> short_names, long_names;  ///< without dashes; both empty for a positional argument
  std::string value;     ///< placeholder of its value, such as `DURATION`; empty if it has none
  std::string what;      ///< one line
  std::string fallback;  ///< its default; empty if it has none or `what` contains it
  std::string group;     ///< its heading
  bool is_required = false;
  bool is_value_optional = false;
};

struct command_description {
  std::string name;  ///< the full name: `holdfast lock top`
  std::vector<std::string> aliases;
  std::string group;  ///< its heading among its siblings
  std::string summary;
  std::vector<flag_description> arguments, flags;
  std::vector<example> examples;
  std::string details;
  std::vector<command_description> commands;
};

/// Describes the command parsed by `app`, and its subcommands.
[[nodiscard]] command_description describe(CLI::App const& app);

/// Help in lines of at most 80 columns: usage, up to three examples, and a line per argument, flag and command.
[[nodiscard]] std::string help_of(command_description const& command);

/// The same with all examples and details.
[[nodiscard]] std::string manual_of(command_description const& command);

/// The candidate that `word` is most likely a typing error of; empty if none is close.
[[nodiscard]] std::string_view closest(std::string_view word, std::vector<std::string> const& candidates);

}  // namespace holdfast::client::cli
