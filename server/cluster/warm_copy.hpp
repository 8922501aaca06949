#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "server/cluster/cluster_settings.hpp"
#include "server/cluster/etcd_client.hpp"

namespace holdfast::server {

/// A copy of all keys of a cluster at one revision of etcd. Not thread-safe.
class warm_copy {
 public:
  explicit warm_copy(cluster_settings const& settings)
      : prefix_(settings.prefix()), candidates_(settings.candidates()), meta_key_(settings.meta_key()) {}

  /// Reads all keys again, page by page, at one revision. @throws etcd_error
  void load(etcd_client& etcd, etcd_client::clock::duration patience_for_a_page);

  /// Applies events in order; skips those that the copy already contains.
  void apply(std::span<etcd_event> events);

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

 private:
  void put(etcd_entry&& entry);
  void remove(std::string const& key);

  std::string prefix_, candidates_, meta_key_;
  std::int64_t revision_ = 0, meta_revision_ = 0;
  std::string meta_;
  std::map<std::string, std::string> entries_;
  std::map<std::int64_t, candidate> candidates_by_age_;
  std::uint64_t bytes_ = 0;
};

}  // namespace holdfast::server
