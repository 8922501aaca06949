#pragma once

#include <CLI/App.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "manual/description.hpp"

namespace holdfast::client::cli {

using manual::command_description;
using manual::example;
using manual::flag_description;

/// The command that `app` parses, with the words of command_texts(), and those below it.
[[nodiscard]] command_description describe(CLI::App const& app);

/// Help in lines of at most 80 columns: usage, at most three examples, and a line for each argument, flag and command.
[[nodiscard]] std::string help_of(command_description const& command);

/// The same with all examples and the details.
[[nodiscard]] std::string manual_of(command_description const& command);

/// That of `candidates` which `word` is most likely a slip of the keyboard for; empty where none is near.
[[nodiscard]] std::string_view closest(std::string_view word, std::vector<std::string> const& candidates);

}  // namespace holdfast::client::cli
