#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "server/cluster/cluster_settings.hpp"
#include "server/cluster/commit_format.hpp"
#include "server/cluster/etcd_client.hpp"
#include "server/cluster/leadership.hpp"
#include "server/cluster/warm_copy.hpp"
#include "server/journal/journal.hpp"
#include "server/journal/record_codec.hpp"
#include "server/journal/rocksdb_engine.hpp"

namespace holdfast::server {

/// A journal in etcd. Each commit is one transaction. Its checks demand that this server still leads and that nobody
/// else has committed; so a commit with an unknown outcome can be repeated, and one of an earlier leader has no effect.
///
/// A commit that exceeds etcd's limit for a transaction is first written in pieces. Then the meta key declares them
/// valid, which is the moment of the commit. Then they are applied, if necessary by the next leader. An entry that
/// exceeds etcd's limit for a value (such as a stored response) is continued under further keys.
class etcd_journal final : public journal {
 public:
  using clock = etcd_client::clock;

  /// etcd's default limits for a transaction, less a reserve for the meta key, the checks and the removal of pieces.
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
  /// Besides the place, etcd must still have the last commit: a restored etcd may have the place alone.
  [[nodiscard]] std::optional<journal_error> confirm() override;
  /// Estimates etcd's size from the bytes committed since the note() before the last one.
  [[nodiscard]] bool has_room() override;
  [[nodiscard]] journal_figures figures() const override;
  void close() override {}

  // Thread-safe:

  /// Cancels the current commit and all later ones: this server no longer leads.
  void abandon() noexcept { cancel_.set(); }
  /// Reports etcd's size and quota. For one thread; two calls some 100 ms apart, so that etcd writes in between.
  void note(etcd_status const& status) noexcept;
  /// etcd's revision of the last commit, and the bytes committed so far; used to schedule compactions.
  [[nodiscard]] std::int64_t last_revision() const noexcept { return last_revision_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t committed_bytes() const noexcept {
    return committed_bytes_.load(std::memory_order_relaxed);
  }

 private:
  using steps = std::vector<etcd_step>;

  void create();
  [[nodiscard]] bool has_last_commit(warm_copy const& copy) const;
  [[nodiscard]] bool catch_up(warm_copy& copy);
  void read_again();
  [[nodiscard]] bool is_sound();
  rocksdb_engine::contents visit_entries(visitor const& visit);
  void take_over_pieces(std::map<std::string, std::string>& entries, std::uint64_t pieces_left);
  [[nodiscard]] commit_contents contents_of(std::span<change const> batch);
  void append_parts(etcd_step&& step, steps& to);
  [[nodiscard]] std::string rest_key(std::string_view entry_key, std::size_t number) const;
  [[nodiscard]] std::vector<etcd_check> still_leads() const;
  [[nodiscard]] journal_error lost_place() const;
  void transact(steps const& what, std::string const& meta);
  void write_in_pieces(commit_contents const& what, record::head const& next);
  void apply_pieces(steps const& what, record::head const& next, std::uint64_t pieces);

  cluster_settings const settings_;
  leadership const leads_;
  cancel_signal cancel_;
  etcd_client etcd_;
  record::head head_;
  std::string meta_;                // the value of the meta key in etcd
  std::int64_t meta_revision_ = 0;  // its mod revision in etcd
  std::map<std::string, std::string> recovered_;
  std::vector<change> recent_;
  bool came_from_copy_ = true;
  std::set<std::string, std::less<>> touched_;  // keys with a touch record in etcd
  std::map<std::string, std::size_t> rests_;    // number of continuations, by the entry's key in etcd
  std::optional<journal_error> failure_;
  std::atomic<bool> has_room_{true};
  std::atomic<std::uint64_t> bytes_{0}, bytes_max_{0}, committed_bytes_{0}, surely_counted_{0};
  std::uint64_t committed_at_note_ = 0;  // used by note() only
  std::atomic<std::int64_t> last_commit_at_ns_{0}, last_revision_{0};
};

}  // namespace holdfast::server
