#pragma once

#include "client/cli/command_line.hpp"

namespace holdfast::client::cli {

// Each function runs its command: results go to standard output, errors to standard error. @return the exit status.

int run(get_command const& command);
int run(put_command const& command);
int run(del_command const& command);
int run(patch_command const& command);
int run(incr_command const& command);
int run(touch_command const& command);

}  // namespace holdfast::client::cli
