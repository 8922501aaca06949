#pragma once

#include <CLI/App.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::manual {

// Error messages for a command line that CLI11 can't parse.

/// The innermost command that was named, or the program itself.
[[nodiscard]] CLI::App const& chosen_in(CLI::App const& app);

/// The message for an error of parsing `app`: what is wrong, what was probably meant, and where to read more.
[[nodiscard]] std::string complaint(CLI::App const& app, CLI::ParseError const& error);

/// The message for a missing or unknown command of `app`. @param words the arguments that were not understood
[[nodiscard]] std::string complaint_about_command(CLI::App const& app, std::vector<std::string> const& words);

/// The variables of `environment` whose names begin with HOLDFAST_ and are not among `known`: most likely typing
/// errors. Omits the variables that Kubernetes sets for a service named holdfast.
[[nodiscard]] std::vector<std::string> unknown_variables(char const* const* environment,
                                                         std::vector<std::string> const& known);

/// The candidate that `word` is most likely a typing error of; empty if none is close.
[[nodiscard]] std::string_view closest(std::string_view word, std::vector<std::string> const& candidates);

}  // namespace holdfast::manual
