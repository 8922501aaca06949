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

/// What a data directory or a backup contains.
struct data_report {
  bool is_backup = false;
  journal_position position;
  std::optional<std::uint64_t> acknowledged;  ///< the sequence of the witness; empty where it can't be read
  rocksdb_engine::contents contents;
  std::uint64_t bytes_on_disk = 0;
  std::optional<change::instant> last_commit_at;
  std::vector<std::string> problems;  ///< a line each; none: it is complete and undamaged

  [[nodiscard]] bool whole() const noexcept { return problems.empty(); }
};

/// Reads all of a directory that no server uses, and changes nothing. @throws journal_error when it can't be looked at:
/// it does not exist, is in use, or belongs to somebody else. Damage is in the report.
[[nodiscard]] data_report inspect_data(std::filesystem::path const& directory);

/// Makes a database of a backup, in a directory that is empty or does not exist, and checks all of it. It gets a new
/// database id, so that those who remember something of the old one notice. @throws journal_error.
journal_position restore_data(std::filesystem::path const& backup, std::filesystem::path const& to);

/// What is wrong with the contents, in one line; empty when they are what the head says.
[[nodiscard]] std::string difference(record::head const& head, rocksdb_engine::contents const& contents);

/// A database id: random, never 0.
[[nodiscard]] std::uint64_t new_database_id();

/// What all files in a directory and below take on the disk.
[[nodiscard]] std::uint64_t bytes_in(std::filesystem::path const& directory);

}  // namespace holdfast::server
