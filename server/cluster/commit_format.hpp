#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/cluster/etcd_client.hpp"
#include "server/journal/change.hpp"
#include "server/journal/record_codec.hpp"

namespace holdfast::server {

/// The size from which the value of an entry continues in further keys. More than the largest value that a client can
/// store, with its prefix.
constexpr std::size_t part_bytes_max = 1088 * 1024;

/// The value of the meta key: the head, its writer's term, and the number of pieces that are not yet applied.
struct commit_meta {
  record::head head;
  std::int64_t term = 0;
  std::uint64_t pieces = 0;
};

[[nodiscard]] std::string write_meta(commit_meta const& meta);
/// nullopt if the format of the text is unknown.
[[nodiscard]] std::optional<commit_meta> read_meta(std::string_view text);

/// What a commit writes to etcd besides the meta key.
struct commit_contents {
  std::vector<etcd_step> steps;  ///< puts and removals of single keys: the state after the commit
  /// The changes that this state does not show, as append_change() wrote them: watchers want every change in its order.
  /// Empty for a commit that put each of its keys once and did nothing else.
  std::string hidden_changes;
};

/// The text of the pieces in which a large commit is written, before it is cut.
[[nodiscard]] std::string write_pieces(commit_contents const& contents);
[[nodiscard]] commit_contents read_pieces(std::string_view text);

/// True if an entry that is written under its key shows this change, provided that no later change of the same commit
/// replaces it: its revision, key, value and expiry.
[[nodiscard]] inline bool is_shown_by_entry(change const& one) noexcept {
  return one.what == change::kind::put && one.space == keyspace::data;
}

void append_change(std::string& to, change const& one);

/// An entry as a commit writes it.
struct written_entry {
  std::string_view key;  ///< with its tag, see record::tag_of()
  std::string_view bytes;
};

/// The changes of a commit with a revision of their own, in order: those that its entries show, and the hidden ones.
/// @param after, until the revisions of the database before and after the commit
/// @param version_before of the entry under a key, with its tag, before the commit; 0: none
/// @return nullopt unless every revision between is there once: a change is missing or in an unknown format.
[[nodiscard]] std::optional<std::vector<change>> changes_of_commit(
    std::span<written_entry const> entries, std::string_view hidden_changes, std::uint64_t after, std::uint64_t until,
    std::function<std::uint64_t(std::string_view)> const& version_before);

}  // namespace holdfast::server
