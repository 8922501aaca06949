#pragma once

#include "client/cli/command_line.hpp"

namespace holdfast::client::cli {

// Commands for named locks: showing them, and running a command while holding one. @return the exit status.

int run(locks_command const& command);
int run(with_lock_command const& command);

}  // namespace holdfast::client::cli
