#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "server/journal/data_directory.hpp"
#include "server/journal/journal.hpp"
#include "server/journal/log_tail.hpp"
#include "server/journal/record_codec.hpp"
#include "server/journal/rocksdb_engine.hpp"

namespace holdfast::server {

struct rocksdb_settings {
  std::filesystem::path directory;  ///< created if missing
  /// false: a commit survives the end of the process, but not a power loss.
  bool sync = true;
  /// Opens a damaged database with its readable part, under a new database id. No effect without damage.
  bool accept_loss = false;
  /// has_room() is false below this free space. The engine may need it before it can free anything: four logs, and as
  /// much again for the tables that they become.
  std::uint64_t room_bytes_min = 256ull * 1024 * 1024;
  rocksdb_tuning tuning{};
};

/// A journal in a local directory, kept by RocksDB. ARCHITECTURE.md gives the reasons and the rules.
class rocksdb_journal final : public journal {
 public:
  /// Opens the directory, or creates a database in it. @throws journal_error; then the directory is unchanged, except
  /// that an empty one may contain an unfinished creation.
  explicit rocksdb_journal(rocksdb_settings settings);
  ~rocksdb_journal() override;

  [[nodiscard]] std::string_view name() const noexcept override { return "rocksdb"; }
  void recover(visitor const& visit) override;
  [[nodiscard]] journal_position position() const override;
  [[nodiscard]] std::optional<journal_error> commit(std::span<change const> batch) override;
  [[nodiscard]] bool has_room() override;
  [[nodiscard]] journal_figures figures() const override;
  void close() override;

  [[nodiscard]] std::string accepted_loss() const override { return accepted_loss_; }
  [[nodiscard]] std::string removed_tail() const override { return removed_tail_; }
  /// On the same file system, the copy shares files with the database through hard links: fast, but no protection
  /// against a failing disk.
  journal_position back_up(std::filesystem::path const& to) const override;

 private:
  void create();
  void open();
  void create_witness();
  void open_witness();
  [[nodiscard]] bool cut_what_a_power_loss_tore(std::vector<torn_file> torn) const;
  [[nodiscard]] std::string what_is_left() const;
  void go_on_under_a_new_id();

  rocksdb_settings settings_;
  std::unique_ptr<data_directory> directory_;
  std::unique_ptr<rocksdb_engine> engine_;
  std::unique_ptr<witness_file> witness_;  ///< null before recover() if the loss of the file is accepted
  record::head head_;
  std::string accepted_loss_, removed_tail_;
  std::optional<journal_error> failure_;  ///< error of the first failed commit
  std::atomic<std::int64_t> last_commit_at_ns_{0};
  std::atomic<bool> had_room_{true};
};

}  // namespace holdfast::server
