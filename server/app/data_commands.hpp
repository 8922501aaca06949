#pragma once

#include <filesystem>

#include "server/journal/journal.hpp"

namespace holdfast::server {

/// Exit status for a journal that can't be used, as in sysexits.h: 65 damaged or of another format, 73 can't be
/// created,
/// 74 the disk failed or is full, 75 in use, 77 not permitted.
[[nodiscard]] int exit_status_of(journal_fault fault) noexcept;

// The subcommands about data directories. Each prints its result to standard output or its error to standard error, and
// returns the exit status.

/// Shows the contents of a data directory or a backup, and checks them; 65 if they are incomplete or damaged.
[[nodiscard]] int run_inspect(std::filesystem::path const& directory);

/// Copies the data of a server that is not running. A running server makes its own backups.
[[nodiscard]] int run_backup(std::filesystem::path const& directory, std::filesystem::path const& to);

/// Creates a data directory from a backup.
[[nodiscard]] int run_restore(std::filesystem::path const& backup, std::filesystem::path const& to);

/// Measures how fast syncs are in a directory, whether they can be trusted, and how many durable puts per second they
/// allow.
[[nodiscard]] int run_check_disk(std::filesystem::path const& directory);

}  // namespace holdfast::server
