#pragma once

#include <CLI/App.hpp>
#include <string>

#include "manual/description.hpp"

namespace holdfast::client::cli {

using manual::command_description;
using manual::example;
using manual::flag_description;

/// The command that `app` parses, with the words of command_texts(), and those below it.
[[nodiscard]] command_description describe(CLI::App const& app);

/// The text of `--help`: manual::help() and where to read more.
[[nodiscard]] std::string help_of(command_description const& command);

/// The text of `holdfast help COMMAND`, with all examples and details.
[[nodiscard]] std::string manual_of(command_description const& command);

}  // namespace holdfast::client::cli
