#include "server/cluster/warm_copy.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "server/cluster/checkpoint.hpp"

namespace holdfast::server {

void warm_copy::load(etcd_client& etcd, clock::duration patience_for_a_page) {
  *this = warm_copy(settings_);
  auto read = warm_copy(settings_);
  read.load_into(etcd, patience_for_a_page);
  *this = std::move(read);
}

/// Reads a range page by page at one revision of etcd, the current one. @return that revision
std::int64_t warm_copy::read(etcd_client& etcd, std::string from, std::string const& end,
                             clock::duration patience_for_a_page, std::function<void(etcd_entry&&)> const& take) const {
  // The limit counts keys. Adapt it to pages of about `page_bytes`; even those take too long on a slow network.
  constexpr std::int64_t most = 4096;
  constexpr std::size_t page_bytes = 2 * 1024 * 1024;
  std::int64_t revision = 0, limit = 4;
  for (auto has_more = true; has_more;) {
    etcd_page page;
    try {
      page = etcd.range(from, end, revision, limit, clock::now() + patience_for_a_page);
    } catch (etcd_error const& error) {
      if (error.why() != etcd_error::kind::unreachable || limit == 1) throw;
      limit = 1;
      continue;
    }
    if (revision == 0) revision = page.revision;
    has_more = page.has_more && !page.entries.empty();
    if (has_more) from = page.entries.back().key + '\0';
    std::size_t bytes = 0;
    for (auto& one : page.entries) {
      bytes += one.key.size() + one.value.size();
      take(std::move(one));
    }
    if (bytes < page_bytes / 2) limit = std::min(limit * 2, most);
    if (bytes > page_bytes) limit = std::max<std::int64_t>(limit * std::int64_t(page_bytes) / std::int64_t(bytes), 1);
  }
  return revision;
}

void warm_copy::load_into(etcd_client& etcd, clock::duration patience_for_a_page) {
  auto const entries = settings_.entries(), rests = settings_.rests();
  // The position of earlier versions, which had no log.
  auto const unknown = settings_.prefix() + "meta";
  std::vector<etcd_entry> records;
  std::vector<std::pair<std::string, std::size_t>> continued;  // keys, and how many continuations they have
  // In the order of keys, so an entry comes before its continuations, and those are ordered by number.
  auto const revision =
      read(etcd, settings_.prefix(), end_of_prefix(settings_.prefix()), patience_for_a_page, [&](etcd_entry&& one) {
        if (one.key.starts_with(entries)) {
          bytes_ += one.value.size();
          entries_[one.key.substr(entries.size())] = std::move(one.value);
        } else if (one.key.starts_with(log_)) {
          records.push_back(std::move(one));
        } else if (one.key.starts_with(rests)) {
          constexpr std::size_t digits = 10;
          std::size_t number = 0;
          auto const* const at = one.key.data() + rests.size();
          std::from_chars(at, one.key.data() + one.key.size(), number);
          auto const key = one.key.substr(std::min(rests.size() + digits, one.key.size()));
          continued.emplace_back(key, number + 1);
          if (auto const found = entries_.find(key); found != entries_.end()) {
            bytes_ += one.value.size();
            found->second += one.value;
          }
        } else if (one.key == unknown) {
          fail(journal_fault::unknown_format, one.key);
        }
      });
  if (records.empty() && !entries_.empty()) fail(journal_fault::damaged, settings_.log() + " in etcd is empty");
  if (!records.empty()) {
    auto const last = read_record(records.back().value);
    if (!last) fail(journal_fault::unknown_format, records.back().key);
    last_.number = last ? last->first - 1 : 0;
  }
  for (auto& one : records)
    if (one.key > settings_.log_key(last_.number)) apply_record(std::move(one));
  for (auto const& [key, count] : continued)
    if (auto const found = changed_.find(key); found != changed_.end())
      found->second.continuations = std::max(found->second.continuations, count);
  revision_ = revision;
}

void warm_copy::apply(std::span<etcd_event> events) {
  for (auto& one : events)
    if (!one.is_removal && one.entry.key.starts_with(log_) && one.entry.mod_revision > revision_)
      apply_record(std::move(one.entry));
}

bool warm_copy::catch_up(etcd_client& etcd, clock::duration patience_for_a_page) {
  if (revision_ == 0 || fault_) return false;
  auto const last_key = settings_.log_key(last_.number);
  auto continues = last_.number == 0;
  auto const revision = read(etcd, last_key, end_of_prefix(log_), patience_for_a_page, [&](etcd_entry&& one) {
    if (continues) return apply_record(std::move(one));
    continues = one.key == last_key && one.mod_revision == last_.revision && one.value == last_.text;
  });
  revision_ = revision;
  return continues && !fault_;
}

/// The text of a commit contains its time: the same text at the same revision is the same commit. A restored etcd
/// counts its revisions on from the snapshot, so a revision alone proves nothing. Nor does the cluster's ID in etcd: it
/// depends on the names of its members only.
bool warm_copy::is_state_of(etcd_client& etcd, clock::time_point due) const {
  try {
    if (last_.number == 0) return etcd.range(log_, end_of_prefix(log_), revision_, 1, due).entries.empty();
    auto const then = etcd.range(settings_.log_key(last_.number), {}, revision_, 0, due).entries;
    return !then.empty() && then[0].mod_revision == last_.revision && then[0].value == last_.text;
  } catch (etcd_error const& error) {
    if (error.why() == etcd_error::kind::compacted) return false;
    throw;
  }
}

void warm_copy::apply_record(etcd_entry&& entry) {
  auto const is_next = entry.key == settings_.log_key(last_.number + 1);
  std::from_chars(entry.key.data() + log_.size(), entry.key.data() + entry.key.size(), last_.number);
  revision_ = last_.revision = entry.mod_revision;
  last_.text = std::move(entry.value);
  log_bytes_ += record_bytes_.emplace_back(checkpoint::record_bytes(last_.text.size()));
  if (fault_) return;
  if (!is_next) return fail(journal_fault::damaged, entry.key + " in etcd does not follow the record before");
  auto const read = read_record(last_.text);
  if (!read) return fail(journal_fault::unknown_format, entry.key);
  if (read->what == log_record::kind::piece)
    pieces_.push_back(last_.text);
  else
    apply_commit(*read);
}

void warm_copy::apply_commit(log_record const& commit) {
  auto const key = settings_.log_key(last_.number);
  if (pieces_.size() < commit.pieces) return fail(journal_fault::damaged, key + " in etcd lacks its pieces");
  std::string whole;
  // Pieces before its own are those of a leader that died.
  for (auto at = pieces_.size() - commit.pieces; at < pieces_.size(); ++at)
    if (auto const piece = read_record(pieces_[at])) whole += piece->changes;
  if (!whole.empty()) whole += commit.changes;
  auto changes = read_changes(whole.empty() ? commit.changes : whole);
  pieces_.clear();
  if (!changes) return fail(journal_fault::unknown_format, key);
  if (head_ && head_->sequence + changes->size() != commit.head.sequence)
    return fail(journal_fault::damaged, key + " in etcd lacks changes");
  for (auto const& one : *changes) apply_change(one);
  if (!head_) {
    // A revision of its own has each change that the history keeps.
    auto const ours = std::ranges::count_if(
        *changes, [](change const& one) { return one.what != change::kind::touch && one.space != keyspace::requests; });
    changes_->start_after(commit.head.revision - static_cast<std::uint64_t>(ours));
  }
  changes_->append(*changes);
  head_ = commit.head;
  if (first_ == commit.first) return;
  first_ = commit.first;
  for (; record_bytes_.size() > last_.number + 1 - first_; record_bytes_.pop_front())
    log_bytes_ -= record_bytes_.front();
  std::erase_if(changed_, [&](auto const& one) { return one.second.record < first_; });
}

void warm_copy::apply_change(change const& one) {
  auto const key = record::tag_of(one.space) + one.key;
  auto const found = entries_.find(key);
  auto const bytes_before = found == entries_.end() ? 0 : found->second.size();
  std::string after;
  auto exists = one.what == change::kind::put;
  if (exists) {
    record::write_entry_prefix(after, one);
    after += *one.value;
  } else if (one.what == change::kind::touch && found != entries_.end()) {
    exists = true;
    change touched;
    touched.revision = one.revision;
    touched.expires_at = one.expires_at;
    record::write_entry_prefix(after, touched);
    // The entry in etcd may be newer than this change. Then a put of the log follows.
    if (auto const entry = record::read_entry(found->second)) after += entry->text;
  }
  auto& noted = changed_[key];
  noted.record = last_.number;
  noted.continuations = std::max({noted.continuations, continuations(bytes_before), continuations(after.size())});
  bytes_ += after.size();
  bytes_ -= bytes_before;
  if (exists)
    entries_[key] = std::move(after);
  else if (found != entries_.end())
    entries_.erase(found);
}

void warm_copy::fail(journal_fault fault, std::string const& what) {
  if (fault_) return;
  fault_.emplace(fault, fault == journal_fault::damaged
                            ? what + "; restore a snapshot of etcd"
                            : what + " in etcd has a format that this version does not know");
  head_.reset();
  changes_ = no_changes();
}

}  // namespace holdfast::server
