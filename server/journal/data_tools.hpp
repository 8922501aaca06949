#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "server/journal/journal.hpp"
#include "server/journal/record_codec.hpp"
#include "server/journal/rocksdb_engine.hpp"

namespace holdfast::server {

/// The contents of a data directory or a backup.
struct data_report {
  bool is_backup = false;
  journal_position position;
  std::optional<std::uint64_t> acknowledged;  ///< sequence of the witness; nullopt if it can't be read
  rocksdb_engine::contents contents;
  std::uint64_t bytes_on_disk = 0;
  std::optional<change::instant> last_commit_at;
  std::string torn;                   ///< one line: what a start removes, without loss; empty: nothing
  std::vector<std::string> problems;  ///< one line each; none: complete and undamaged

  [[nodiscard]] bool whole() const noexcept { return problems.empty(); }
};

/// Reads an unused directory in full, and changes nothing. @throws journal_error if it can't be read: it does not
/// exist, is in use, or has another owner. Damage is part of the report.
[[nodiscard]] data_report inspect_data(std::filesystem::path const& directory);

struct restored_data {
  journal_position position;             ///< of the new database
  std::uint64_t revision_in_backup = 0;  ///< the highest there; the new database continues far beyond
};

/// Creates a database from a backup in an empty or new directory, and checks it in full. It gets a new database id, so
/// that clients with knowledge of the old one notice. @throws journal_error; then the directory holds an unfinished
/// copy, which a server refuses.
restored_data restore_data(std::filesystem::path const& backup, std::filesystem::path const& to);

/// What is wrong with the contents, in one line; empty if they match the head.
[[nodiscard]] std::string difference(record::head const& head, rocksdb_engine::contents const& contents);

/// A revision that every earlier one of any copy of the database is below, also of what a copy has lost: so that a
/// token of a named lock is never given twice. It assumes less than a million changes a second, and a clock that is
/// right; with a wrong one, that a copy has lost at most 2^32 changes.
[[nodiscard]] std::uint64_t revision_after_a_loss(std::uint64_t revision);

/// A database id: random, never 0.
[[nodiscard]] std::uint64_t new_database_id();

/// Bytes on the disk of all files below a directory.
[[nodiscard]] std::uint64_t bytes_in(std::filesystem::path const& directory);

}  // namespace holdfast::server
