#pragma once

#include <string>

#include "manual/description.hpp"

namespace holdfast::manual {

// The text of --help, in lines of at most 80 columns if each word fits.

/// Usage, up to three examples, and a line for each command, argument, flag and exit status.
[[nodiscard]] std::string help(command_description const& command);

/// The same with all examples and details.
[[nodiscard]] std::string full_help(command_description const& command);

/// True if full_help() shows more than help().
[[nodiscard]] bool has_more(command_description const& command);

}  // namespace holdfast::manual
