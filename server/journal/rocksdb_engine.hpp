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
  /// What gathers in memory, and in one log, before it is written into a table. The logs take four times as much.
  std::size_t buffer_bytes = 16 * 1024 * 1024;
  std::shared_ptr<rocksdb::Env> environment;  ///< files and clocks, for tests; null: the system's
};

/// RocksDB as a journal wants it: its options, its errors in our words, its records as ours. All that knows RocksDB's
/// headers is in rocksdb_engine.cpp. What is not said to return an error throws journal_error.
class rocksdb_engine {
 public:
  enum class mode : std::uint8_t {
    create,  ///< makes a database; there must be none
    write,   ///< one process at a time
    read,    ///< changes no file
  };
  /// What a log that is damaged means.
  enum class damage : std::uint8_t {
    refused,     ///< an error. A last record that is cut off is no damage: it was never acknowledged
    ends_there,  ///< the changes up to the damage are the database
  };

  rocksdb_engine(std::filesystem::path path, mode opened_as, damage damaged_log, rocksdb_tuning const& tuning = {});
  rocksdb_engine(rocksdb_engine const&) = delete;
  rocksdb_engine& operator=(rocksdb_engine const&) = delete;
  ~rocksdb_engine();

  [[nodiscard]] record::head read_head() const;

  struct contents {
    std::uint64_t entries = 0;   ///< of the data
    std::uint64_t expiring = 0;  ///< of these, those with a time to live
    std::uint64_t bytes = 0;     ///< of their keys and values
    std::uint64_t records = 0;   ///< beside the data: of requests and locks
    std::uint64_t fingerprint = 0;
    std::uint64_t revision = 0;  ///< the highest
  };
  /// Reads all entries, those of a keyspace in the order of keys, checksums included.
  contents scan(std::function<void(recovered_entry const&)> const& visit) const;

  /// Reads every byte of every table, also those that no scan would need.
  void verify_checksums() const;

  /// Writes changes and the head, all or nothing. Whoever gets an error must not write again. One call at a time.
  [[nodiscard]] std::optional<journal_error> write(std::span<change const> changes, record::head const& head,
                                                   bool sync);

  /// Syncs what was written without.
  void sync();

  /// Makes a copy that can be opened, of hard links where that is possible; writes may continue. Any thread.
  void copy_to(std::filesystem::path const& path) const;

  /// Ends all use; the destructor does it too, and keeps errors to itself.
  void close();

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// Sixteen bytes in a file that stays open, and how much space there is beside it. Through the same environment as the
/// engine, so that a test sees both.
class witness_file {
 public:
  /// Makes it, and syncs it.
  static void create(std::filesystem::path const& path, std::string_view bytes,
                     std::shared_ptr<rocksdb::Env> const& environment);
  /// Nothing when there is no such file.
  static std::optional<std::string> read(std::filesystem::path const& path,
                                         std::shared_ptr<rocksdb::Env> const& environment);

  witness_file(std::filesystem::path path, std::shared_ptr<rocksdb::Env> const& environment);
  witness_file(witness_file const&) = delete;
  witness_file& operator=(witness_file const&) = delete;
  ~witness_file();

  /// Does not sync.
  [[nodiscard]] std::optional<journal_error> write(std::string_view bytes);
  /// Nothing when the file system does not say. Any thread.
  [[nodiscard]] std::optional<std::uint64_t> bytes_free() const;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace holdfast::server
