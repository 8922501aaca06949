#pragma once

#include "client/cli/command_line.hpp"

namespace holdfast::client::cli {

/// Compares two experiments and prints the result to standard output. @return an exit_status.
int run(compare_command const& command);

}  // namespace holdfast::client::cli
