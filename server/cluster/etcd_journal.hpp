#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/cluster/checkpoint.hpp"
#include "server/cluster/cluster_settings.hpp"
#include "server/cluster/commit_format.hpp"
#include "server/cluster/etcd_client.hpp"
#include "server/cluster/leadership.hpp"
#include "server/cluster/warm_copy.hpp"
#include "server/journal/journal.hpp"
#include "server/journal/record_codec.hpp"
#include "server/journal/rocksdb_engine.hpp"

namespace holdfast::server {

/// A journal in etcd. Each commit is one record of a log, under one key; etcd's work grows with the number of keys. The
/// records also carry the entries of a checkpoint (see there), so that the beginning of the log can be removed.
///
/// The transaction that writes a record demands that this server still leads, that the log has its last record, and
/// none after it. So a commit with an unknown outcome can be repeated, and one of an earlier leader, or one that
/// arrives late, has no effect. A commit that exceeds etcd's limit for a transaction is written in pieces, and becomes
/// valid with the last of them.
class etcd_journal final : public journal {
 public:
  using clock = etcd_client::clock;

  /// etcd's default limits for a transaction, less a reserve for the checks.
  static constexpr std::size_t steps_max = 120, transaction_bytes_max = 1280 * 1024;

  /// Takes over the cluster's database, or creates it if there is none. Reads all entries from etcd unless the copy has
  /// reached the last commit, or can reach it. @param copy consumed. @throws journal_error
  etcd_journal(cluster_settings const& settings, leadership leads, warm_copy copy);

  [[nodiscard]] std::string_view name() const noexcept override { return "etcd"; }
  /// If the copy is not what was committed, reads all entries from etcd.
  void recover(visitor const& visit) override;
  [[nodiscard]] std::vector<change> take_recent_changes() override { return std::exchange(recent_, {}); }
  /// False if everything was read from etcd, because the copy could not be used.
  [[nodiscard]] bool came_from_copy() const noexcept { return came_from_copy_; }
  [[nodiscard]] journal_position position() const override {
    return {.database = head_.database, .sequence = head_.sequence, .revision = head_.revision};
  }
  [[nodiscard]] std::optional<journal_error> commit(std::span<change const> batch) override;
  [[nodiscard]] bool is_shared() const noexcept override { return true; }
  /// The end of the lease if reads may rely on it (read_rule::lease).
  [[nodiscard]] clock::time_point sure_until() const noexcept override {
    return settings_.reads == read_rule::lease ? leads_.valid_until() : clock::time_point::min();
  }
  /// Besides the place, etcd must still have the last record: a restored etcd may have the place alone.
  [[nodiscard]] std::optional<journal_error> confirm() override;
  /// Estimates etcd's size from the bytes committed since the last but one note(): the size that etcd reports lags.
  [[nodiscard]] bool has_room() override;
  [[nodiscard]] journal_figures figures() const override;
  void close() override {}

  // Thread-safe:

  /// Cancels the current commit and all later ones: this server no longer leads.
  void abandon() noexcept { cancel_.set(); }
  /// Reports etcd's size and quota. For one thread; two calls some 100 ms apart, so that etcd writes in between.
  void note(etcd_status const& status) noexcept;
  /// What etcd must have as long as this server leads and etcd was not restored: its place, and its last record. A
  /// later commit may remove that record.
  [[nodiscard]] std::vector<etcd_check> still_leads() const;
  /// etcd's revision of the last record, and the bytes written so far; used to schedule compactions.
  [[nodiscard]] std::int64_t last_revision() const {
    std::lock_guard const lock(mutex_);
    return last_revision_;
  }
  [[nodiscard]] std::uint64_t committed_bytes() const noexcept {
    return committed_bytes_.load(std::memory_order_relaxed);
  }

 private:
  void create();
  void read_again();
  [[nodiscard]] bool is_sound() const;
  rocksdb_engine::contents visit_entries(visitor const& visit) const;
  void take_over();
  [[nodiscard]] journal_error lost_place() const;
  void write(std::span<change const> batch, record::head const& next);
  void write(log_record record);
  [[nodiscard]] bool transact(std::vector<etcd_step> const& steps, std::int64_t& revision);
  void set_last(std::uint64_t number, std::int64_t revision);
  [[nodiscard]] std::uint64_t log_bytes_max() const noexcept;

  cluster_settings const settings_;
  leadership const leads_;
  cancel_signal cancel_;
  etcd_client etcd_;
  record::head head_;
  std::optional<warm_copy> copy_;  // until recover() has ended
  std::vector<change> recent_;
  bool came_from_copy_ = true;
  checkpoint checkpoint_;
  std::uint64_t oldest_ = 0, first_ = 1;  // number of the oldest record in etcd, and of the first one that is needed
  std::optional<journal_error> failure_;
  mutable std::mutex mutex_;
  std::uint64_t last_number_ = 0;  // of the last record; guarded by mutex_, as its revision; only commits change them
  std::int64_t last_revision_ = 0;
  std::atomic<bool> has_room_{true};
  std::atomic<std::uint64_t> bytes_{0}, bytes_max_{0}, committed_bytes_{0};
  std::atomic<std::uint64_t> committed_at_note_{0}, committed_at_note_before_{0};
  std::atomic<std::int64_t> last_commit_at_ns_{0};
};

}  // namespace holdfast::server
