#include "server/cluster/warm_copy.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::server {

void warm_copy::load(etcd_client& etcd, etcd_client::clock::duration patience_for_a_page) {
  entries_.clear();
  candidates_by_age_.clear();
  meta_.clear();
  revision_ = meta_revision_ = 0;
  bytes_ = 0;
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
}

void warm_copy::apply(std::span<etcd_event> events) {
  auto newest = revision_;
  for (auto& one : events) {
    newest = std::max(newest, one.entry.mod_revision);
    if (one.entry.mod_revision <= revision_) continue;
    if (one.is_removal) {
      remove(one.entry.key);
    } else {
      put(std::move(one.entry));
    }
  }
  revision_ = newest;
}

void warm_copy::put(etcd_entry&& entry) {
  if (entry.key == meta_key_) {
    meta_ = std::move(entry.value);
    meta_revision_ = entry.mod_revision;
  } else if (entry.key.starts_with(candidates_)) {
    candidates_by_age_[entry.create_revision] = {
        .key = std::move(entry.key), .url = std::move(entry.value), .create_revision = entry.create_revision};
  } else {
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
