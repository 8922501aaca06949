#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/cluster/cluster_settings.hpp"
#include "server/cluster/commit_format.hpp"
#include "server/cluster/etcd_client.hpp"
#include "server/journal/history.hpp"
#include "server/journal/record_codec.hpp"

namespace holdfast::server {

/// A copy of all keys of a cluster at one revision of etcd, and the latest changes of the database, so that watchers
/// can continue when this server becomes the leader. Not thread-safe.
class warm_copy {
 public:
  explicit warm_copy(cluster_settings const& settings) : settings_(settings) {}

  /// Reads all keys again, page by page, at one revision. Earlier changes are unknown from then on. @throws etcd_error;
  /// the copy is empty then.
  void load(etcd_client& etcd, etcd_client::clock::duration patience_for_a_page);

  /// Applies events in order, all of a revision together; skips those that the copy already contains.
  void apply(std::span<etcd_event> events);

  /// True if etcd had this very state at the copy's revision, so that its events from there on complete the copy. False
  /// after etcd was restored from an older snapshot or wiped, and if it has compacted that revision. @throws etcd_error
  [[nodiscard]] bool is_state_of(etcd_client& etcd, etcd_client::clock::time_point due) const;

  struct candidate {
    std::string key, url;
    std::int64_t create_revision = 0;
  };
  /// The leader, which is the oldest candidate. Without one, its key is empty.
  [[nodiscard]] candidate leader() const;

  [[nodiscard]] std::int64_t revision() const noexcept { return revision_; }
  /// etcd's revision of the last commit; 0: none.
  [[nodiscard]] std::int64_t meta_revision() const noexcept { return meta_revision_; }
  [[nodiscard]] std::string const& meta() const noexcept { return meta_; }
  /// All keys except the candidates and the meta key, without the cluster's prefix.
  [[nodiscard]] std::map<std::string, std::string> const& entries() const noexcept { return entries_; }
  [[nodiscard]] std::map<std::string, std::string> take_entries() noexcept { return std::move(entries_); }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  /// The latest changes, without a gap up to the database's present revision.
  [[nodiscard]] history const& changes() const noexcept { return *changes_; }

 private:
  void load_pages(etcd_client& etcd, etcd_client::clock::duration patience_for_a_page);
  void apply_revision(std::span<etcd_event> events);
  [[nodiscard]] std::optional<std::vector<change>> changes_in(std::span<etcd_event const> events,
                                                              record::head const& next) const;
  [[nodiscard]] std::optional<std::vector<change>> changes_in_pieces(commit_meta const& commit) const;
  [[nodiscard]] std::uint64_t version_of(std::string_view tagged_key) const;
  void remember(record::head const& next, std::optional<std::vector<change>> changes);
  void put(etcd_entry&& entry);
  void remove(std::string const& key);
  [[nodiscard]] std::unique_ptr<history> no_changes() const {
    return std::make_unique<history>(settings_.history_changes_max, settings_.history_bytes_max);
  }

  cluster_settings settings_;
  std::string prefix_ = settings_.prefix(), candidates_ = settings_.candidates(), meta_key_ = settings_.meta_key(),
              hidden_changes_key_ = settings_.hidden_changes_key(), entries_prefix_ = settings_.entries();
  std::optional<record::head> head_;  // of the last commit; empty: none, or in an unknown format
  std::unique_ptr<history> changes_ = no_changes();
  std::int64_t revision_ = 0, meta_revision_ = 0;
  std::string meta_;
  std::map<std::string, std::string> entries_;
  std::map<std::int64_t, candidate> candidates_by_age_;
  std::uint64_t bytes_ = 0;
};

}  // namespace holdfast::server
