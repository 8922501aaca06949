#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/cluster/cluster_settings.hpp"
#include "server/cluster/commit_format.hpp"
#include "server/cluster/etcd_client.hpp"
#include "server/journal/history.hpp"
#include "server/journal/journal.hpp"
#include "server/journal/record_codec.hpp"

namespace holdfast::server {

/// A copy of a cluster's entries, and the latest changes of the database, so that watchers can continue when this
/// server becomes the leader. It is read from the entries and the log in etcd, and then follows the log alone. Not
/// thread-safe.
class warm_copy {
 public:
  explicit warm_copy(cluster_settings const& settings) : settings_(settings) {}

  /// Reads everything again, page by page, at one revision of etcd. @throws etcd_error; the copy is empty then.
  void load(etcd_client& etcd, etcd_client::clock::duration patience_for_a_page);

  /// Applies events of the log in order, and ignores others. Skips those that the copy already contains.
  void apply(std::span<etcd_event> events);

  /// Reads the records that follow the copy's last one. @return false if that is impossible: the copy is empty, or the
  /// log does not have that record (any more). @throws etcd_error
  [[nodiscard]] bool catch_up(etcd_client& etcd, etcd_client::clock::duration patience_for_a_page);

  /// True if etcd had this very state at the copy's revision, so that its events from there on complete the copy. False
  /// after etcd was restored from an older snapshot or wiped, and if it has compacted that revision. @throws etcd_error
  [[nodiscard]] bool is_state_of(etcd_client& etcd, etcd_client::clock::time_point due) const;

  /// A record of the log in etcd. Number 0: there is none.
  struct record_in_etcd {
    std::uint64_t number = 0;
    std::int64_t revision = 0;  ///< etcd's, at which it was written
    std::string text;

    bool operator==(record_in_etcd const&) const = default;
  };

  /// A key that the log has changed.
  struct changed_key {
    std::uint64_t record = 0;       ///< the last record that did
    std::size_t continuations = 0;  ///< the most that its entry may have in etcd
  };

  /// Why the copy is not the cluster's data: a format that this version does not know, or a gap in the log.
  [[nodiscard]] std::optional<journal_error> const& fault() const noexcept { return fault_; }
  [[nodiscard]] std::int64_t revision() const noexcept { return revision_; }
  [[nodiscard]] record_in_etcd const& last() const noexcept { return last_; }
  /// Of the last commit; empty: none.
  [[nodiscard]] std::optional<record::head> const& head() const noexcept { return head_; }
  /// Number of the oldest record that is still needed.
  [[nodiscard]] std::uint64_t first() const noexcept { return first_; }
  /// Of the records from first() on, as checkpoint::record_bytes() counts them.
  [[nodiscard]] std::uint64_t log_bytes() const noexcept { return log_bytes_; }
  /// By key with its tag: as record::read_entry() reads them.
  [[nodiscard]] std::map<std::string, std::string> const& entries() const noexcept { return entries_; }
  /// By key with its tag: those that the records from first() on have changed.
  [[nodiscard]] std::unordered_map<std::string, changed_key> const& changed() const noexcept { return changed_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  /// The latest changes, without a gap up to the database's present revision.
  [[nodiscard]] history const& changes() const noexcept { return *changes_; }

 private:
  using clock = etcd_client::clock;

  std::int64_t read(etcd_client& etcd, std::string from, std::string const& end, clock::duration patience_for_a_page,
                    std::function<void(etcd_entry&&)> const& take) const;
  void load_into(etcd_client& etcd, clock::duration patience_for_a_page);
  void apply_record(etcd_entry&& entry);
  void apply_commit(log_record const& commit);
  void apply_change(change const& one);
  void fail(journal_fault fault, std::string const& what);
  [[nodiscard]] std::unique_ptr<history> no_changes() const {
    return std::make_unique<history>(settings_.history_changes_max, settings_.history_bytes_max);
  }

  cluster_settings settings_;
  std::string log_ = settings_.log();
  std::int64_t revision_ = 0;
  record_in_etcd last_;
  std::vector<std::string> pieces_;  // records since the last commit, in full
  std::uint64_t first_ = 0;
  std::deque<std::uint64_t> record_bytes_;  // of the latest records
  std::uint64_t log_bytes_ = 0;             // their sum
  std::optional<record::head> head_;
  std::optional<journal_error> fault_;
  std::unique_ptr<history> changes_ = no_changes();
  std::map<std::string, std::string> entries_;
  std::unordered_map<std::string, changed_key> changed_;
  std::uint64_t bytes_ = 0;
};

}  // namespace holdfast::server
