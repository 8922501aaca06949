#pragma once

#include "client/cli/command_line.hpp"

namespace holdfast::client::cli {

// Commands for many keys. Each function runs its command: results go to standard output as they arrive, errors to
// standard error. @return the exit status.

int run(list_command const& command);
int run(txn_command const& command);
int run(watch_command const& command);
int run(export_command const& command);
int run(import_command const& command);

}  // namespace holdfast::client::cli
