#include "server/cluster/warm_copy.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::server {

void warm_copy::load(etcd_client& etcd, etcd_client::clock::duration patience_for_a_page) {
  *this = warm_copy(settings_);
  auto read = warm_copy(settings_);
  read.load_pages(etcd, patience_for_a_page);
  *this = std::move(read);
}

void warm_copy::load_pages(etcd_client& etcd, etcd_client::clock::duration patience_for_a_page) {
  // The limit counts keys. Adapt it to pages of about `page_bytes`.
  constexpr std::int64_t least = 16, most = 4096;
  constexpr std::size_t page_bytes = 2 * 1024 * 1024;
  std::int64_t limit = 64;
  auto from = prefix_;
  auto const end = end_of_prefix(prefix_);
  for (auto has_more = true; has_more;) {
    auto page = etcd.range(from, end, revision_, limit, etcd_client::clock::now() + patience_for_a_page);
    if (revision_ == 0) revision_ = page.revision;
    has_more = page.has_more && !page.entries.empty();
    if (has_more) from = page.entries.back().key + '\0';
    std::size_t bytes = 0;
    for (auto& one : page.entries) {
      bytes += one.key.size() + one.value.size();
      put(std::move(one));
    }
    if (bytes < page_bytes / 2) limit = std::min(limit * 2, most);
    if (bytes > page_bytes) limit = std::max(limit / 2, least);
  }
  if (auto const commit = read_meta(meta_)) remember(commit->head, std::nullopt);
}

/// Each commit changes the meta key, and its text contains the time of the commit: the same text at the same revision
/// is the same commit. A restored etcd counts its revisions on from the snapshot, so a revision alone proves nothing.
/// Nor does the cluster's ID in etcd: it depends on the names of its members only.
bool warm_copy::is_state_of(etcd_client& etcd, etcd_client::clock::time_point due) const {
  try {
    auto const then = etcd.range(meta_key_, {}, revision_, 0, due);
    if (then.entries.empty()) return meta_revision_ == 0;
    return then.entries[0].mod_revision == meta_revision_ && then.entries[0].value == meta_;
  } catch (etcd_error const& error) {
    if (error.why() == etcd_error::kind::compacted) return false;
    throw;
  }
}

void warm_copy::apply(std::span<etcd_event> events) {
  for (auto begin = events.begin(); begin != events.end();) {
    auto const revision = begin->entry.mod_revision;
    auto const end =
        std::find_if(begin, events.end(), [&](auto const& one) { return one.entry.mod_revision != revision; });
    if (revision > revision_) {
      apply_revision({begin, end});
      revision_ = revision;
    }
    begin = end;
  }
}

/// A revision is one transaction of etcd, so a commit is either in it or not: the meta key has another head then.
void warm_copy::apply_revision(std::span<etcd_event> events) {
  auto const meta = std::ranges::find_if(events, [&](auto const& one) { return one.entry.key == meta_key_; });
  std::optional<commit_meta> commit;
  if (meta != events.end()) {
    commit = read_meta(meta->entry.value);
    if (!commit) head_.reset();
  }
  auto const is_new = commit && commit->head != head_;
  // The entries in the copy still have their previous versions.
  if (is_new && commit->pieces == 0) remember(commit->head, changes_in(events, commit->head));
  for (auto& one : events) {
    if (one.is_removal) {
      remove(one.entry.key);
    } else {
      put(std::move(one.entry));
    }
  }
  // This transaction has only removed leftovers of earlier pieces; its own pieces will be applied by later ones.
  if (is_new && commit->pieces != 0) remember(commit->head, changes_in_pieces(*commit));
}

std::optional<std::vector<change>> warm_copy::changes_in(std::span<etcd_event const> events,
                                                         record::head const& next) const {
  if (!head_) return std::nullopt;
  std::vector<written_entry> entries;
  std::string_view hidden;
  for (auto const& one : events) {
    std::string_view const key = one.entry.key;
    if (one.is_removal) continue;
    if (key == hidden_changes_key_)
      hidden = one.entry.value;
    else if (key.starts_with(entries_prefix_))
      entries.push_back({.key = key.substr(entries_prefix_.size()), .bytes = one.entry.value});
  }
  return changes_of_commit(entries, hidden, head_->revision, next.revision,
                           [this](std::string_view key) { return version_of(key); });
}

std::optional<std::vector<change>> warm_copy::changes_in_pieces(commit_meta const& commit) const {
  if (!head_) return std::nullopt;
  std::string text;
  std::uint64_t count = 0;
  auto const pieces = settings_.pieces().substr(prefix_.size());
  for (auto at = entries_.lower_bound(pieces); at != entries_.end() && at->first.starts_with(pieces); ++at, ++count) {
    text += at->second;
    // More than may be remembered: not worth the memory to find the last ones in it.
    if (text.size() > settings_.history_bytes_max) return std::nullopt;
  }
  if (count != commit.pieces) return std::nullopt;
  auto const contents = read_pieces(text);
  std::vector<written_entry> entries;
  for (auto const& one : contents.steps)
    if (one.what == etcd_step::kind::put && one.key.starts_with(entries_prefix_))
      entries.push_back({.key = std::string_view(one.key).substr(entries_prefix_.size()), .bytes = one.value});
  return changes_of_commit(entries, contents.hidden_changes, head_->revision, commit.head.revision,
                           [this](std::string_view key) { return version_of(key); });
}

/// Of the copy's entry under a key with its tag; 0: there is none.
std::uint64_t warm_copy::version_of(std::string_view tagged_key) const {
  auto const found = entries_.find(settings_.entries().substr(prefix_.size()) + std::string(tagged_key));
  if (found == entries_.end()) return 0;
  auto const entry = record::read_entry(found->second);
  return entry ? entry->version : 0;
}

/// @param changes from the present head to the next; nullopt: unknown, so that there is a gap
void warm_copy::remember(record::head const& next, std::optional<std::vector<change>> changes) {
  if (changes && head_ && head_->database == next.database) {
    changes_->append(*changes);
  } else {
    changes_ = no_changes();
    changes_->start_after(next.revision);
  }
  head_ = next;
}

void warm_copy::put(etcd_entry&& entry) {
  if (entry.key == meta_key_) {
    meta_ = std::move(entry.value);
    meta_revision_ = entry.mod_revision;
  } else if (entry.key.starts_with(candidates_)) {
    candidates_by_age_[entry.create_revision] = {
        .key = std::move(entry.key), .url = std::move(entry.value), .create_revision = entry.create_revision};
  } else if (entry.key != hidden_changes_key_) {  // those count only in their own transaction
    auto& there = entries_[entry.key.substr(prefix_.size())];
    bytes_ += entry.value.size();
    bytes_ -= there.size();
    there = std::move(entry.value);
  }
}

void warm_copy::remove(std::string const& key) {
  if (key == meta_key_) {
    meta_.clear();
    meta_revision_ = 0;
    head_.reset();
  } else if (key.starts_with(candidates_)) {
    std::erase_if(candidates_by_age_, [&](auto const& one) { return one.second.key == key; });
  } else if (auto const found = entries_.find(key.substr(prefix_.size())); found != entries_.end()) {
    bytes_ -= found->second.size();
    entries_.erase(found);
  }
}

warm_copy::candidate warm_copy::leader() const {
  return candidates_by_age_.empty() ? candidate() : candidates_by_age_.begin()->second;
}

}  // namespace holdfast::server
