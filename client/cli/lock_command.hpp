#pragma once

#include "client/cli/command_line.hpp"

namespace holdfast::client::cli {

// Each function runs its command until it is done or the server ends. @return the exit status.

int run(lock_events_command const& command);
int run(lock_top_command const& command);

}  // namespace holdfast::client::cli
