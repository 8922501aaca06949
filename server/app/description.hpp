#pragma once

#include <CLI/App.hpp>
#include <string>

#include "manual/completion.hpp"

namespace holdfast::server {

/// The text of --help for the program or one of its commands.
[[nodiscard]] std::string help_of(CLI::App const& app);

/// The same with all examples and details.
[[nodiscard]] std::string full_help_of(CLI::App const& app);

/// The manual page of the program.
[[nodiscard]] std::string man_page_of(CLI::App const& app);

/// The script by which a shell completes the program's command line.
[[nodiscard]] std::string completion_of(CLI::App const& app, manual::shell shell);

}  // namespace holdfast::server
