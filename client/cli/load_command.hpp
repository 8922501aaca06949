#pragma once

#include "client/cli/command_line.hpp"

namespace holdfast::client::cli {

/// Runs the load and prints its report. @return the exit status.
int run(load_command const& command);

}  // namespace holdfast::client::cli
