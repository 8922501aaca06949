#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "server/journal/change.hpp"
#include "server/journal/journal.hpp"
#include "server/journal/record_codec.hpp"

namespace rocksdb {
class Env;  // NOLINT(readability-identifier-naming): RocksDB's name
}

namespace holdfast::server {

struct rocksdb_tuning {
  /// Size of the memtable, and of one log, before it is written to a table. The logs together take four times as much.
  std::size_t buffer_bytes = 16 * 1024 * 1024;
  std::shared_ptr<rocksdb::Env> environment;  ///< files and clocks, replaced in tests; null: the system's
};

/// RocksDB with the journal's options, errors and records. Only rocksdb_engine.cpp includes RocksDB's headers.
/// Functions throw journal_error unless they return an error.
class rocksdb_engine {
 public:
  static constexpr int open_tables_max = 32;
  /// Descriptors that one journal takes at most: of tables, of those in a compaction, of logs and directories, and of
  /// the copy that a backup checks.
  static constexpr int descriptors_max = 3 * open_tables_max;

  enum class mode : std::uint8_t {
    create,  ///< creates a database; none may exist
    write,   ///< exclusive
    read,    ///< changes no file
  };
  /// How to treat a damaged log.
  enum class damage : std::uint8_t {
    refused,     ///< as an error. An incomplete last record is not damage: it was never acknowledged
    ends_there,  ///< the changes before the damage are the database
  };

  rocksdb_engine(std::filesystem::path path, mode opened_as, damage damaged_log, rocksdb_tuning const& tuning = {});
  rocksdb_engine(rocksdb_engine const&) = delete;
  rocksdb_engine& operator=(rocksdb_engine const&) = delete;
  ~rocksdb_engine();

  [[nodiscard]] record::head read_head() const;

  struct contents {
    std::uint64_t entries = 0;   ///< in keyspace::data
    std::uint64_t expiring = 0;  ///< of these, with an expiry
    std::uint64_t bytes = 0;     ///< of their keys and values
    std::uint64_t records = 0;   ///< in the other keyspaces: requests and locks
    std::uint64_t fingerprint = 0;
    std::uint64_t revision = 0;  ///< the highest
  };
  /// Reads all entries, in the order of keys within a keyspace, and verifies checksums.
  contents scan(std::function<void(recovered_entry const&)> const& visit) const;

  /// Reads every byte of every table, including parts that scans never read.
  void verify_checksums() const;

  /// Writes changes and the head, all or nothing. After an error, nothing more may be written. One call at a time.
  [[nodiscard]] std::optional<journal_error> write(std::span<change const> changes, record::head const& head,
                                                   bool sync);

  /// Syncs earlier writes that were not synced.
  void sync();

  /// Makes a copy that can be opened, with hard links where possible; writes may continue. Any thread.
  void copy_to(std::filesystem::path const& path) const;

  /// Closes it. The destructor does so too, but drops errors.
  void close();

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// Sixteen bytes in an open file, and the free space of its disk. Uses the engine's environment, so that a test can
/// replace both.
class witness_file {
 public:
  /// Creates and syncs it.
  static void create(std::filesystem::path const& path, std::string_view bytes,
                     std::shared_ptr<rocksdb::Env> const& environment);
  /// nullopt if there is no such file.
  static std::optional<std::string> read(std::filesystem::path const& path,
                                         std::shared_ptr<rocksdb::Env> const& environment);

  witness_file(std::filesystem::path path, std::shared_ptr<rocksdb::Env> const& environment);
  witness_file(witness_file const&) = delete;
  witness_file& operator=(witness_file const&) = delete;
  ~witness_file();

  /// Does not sync.
  [[nodiscard]] std::optional<journal_error> write(std::string_view bytes);
  /// nullopt if the file system does not report it. Any thread.
  [[nodiscard]] std::optional<std::uint64_t> bytes_free() const;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace holdfast::server
