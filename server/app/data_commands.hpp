#pragma once

#include <filesystem>

#include "server/journal/journal.hpp"

namespace holdfast::server {

/// How a process ends when its journal can't be used, by the codes of sysexits.h: 65 damaged or of another format, 73
/// can't be created, 74 the disk failed or is full, 75 in use, 77 not permitted.
[[nodiscard]] int exit_status_of(journal_fault fault) noexcept;

// The subcommands about data directories. Each prints to standard output, or what went wrong to standard error, and
// returns the exit status.

/// What is in a data directory or a backup, and whether it is complete and undamaged; 65 when it is not.
[[nodiscard]] int run_inspect(std::filesystem::path const& directory);

/// Copies the data of a server that does not run. A running one makes its backups itself.
[[nodiscard]] int run_backup(std::filesystem::path const& directory, std::filesystem::path const& to);

/// Makes a data directory of a backup.
[[nodiscard]] int run_restore(std::filesystem::path const& backup, std::filesystem::path const& to);

/// How quick syncs are in a directory, whether they can be trusted, and how many durable puts they allow.
[[nodiscard]] int run_check_disk(std::filesystem::path const& directory);

}  // namespace holdfast::server
