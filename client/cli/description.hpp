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

/// Help in lines of at most 80 columns: usage, up to three examples, and a line per argument, flag and command.
[[nodiscard]] std::string help_of(command_description const& command);

/// The same with all examples and details.
[[nodiscard]] std::string manual_of(command_description const& command);

/// The candidate that `word` is most likely a typing error of; empty if none is close.
[[nodiscard]] std::string_view closest(std::string_view word, std::vector<std::string> const& candidates);

}  // namespace holdfast::client::cli
