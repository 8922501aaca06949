#pragma once

#include <CLI/App.hpp>
#include <string>

#include "manual/completion.hpp"

namespace holdfast::server {

/// What --help shows behind the flags: examples and notes.
[[nodiscard]] std::string help_footer();

/// The manual page of the program that `app` parses the command line of.
[[nodiscard]] std::string man_page_of(CLI::App const& app);

/// The script by which a shell completes it.
[[nodiscard]] std::string completion_of(CLI::App const& app, manual::shell shell);

}  // namespace holdfast::server
