#include "server/cluster/etcd_journal.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "server/journal/data_tools.hpp"

namespace holdfast::server {

namespace {

// The first byte of the key of a touch record, besides the tags of the keyspaces. The record holds an entry's expiry if
// that changed after the entry was written, and is valid while the entry has the same version.
constexpr char touch_tag = 't';

std::size_t bytes_of(etcd_step const& step) {
  constexpr std::size_t beside_them = 16;
  return step.key.size() + step.value.size() + beside_them;
}

std::size_t bytes_of(std::vector<etcd_step> const& steps) {
  std::size_t bytes = 0;
  for (auto const& one : steps) bytes += bytes_of(one);
  return bytes;
}

/// Fixed width, so that the keys sort by number.
std::string piece_name(std::uint64_t number) {
  auto digits = std::to_string(number);
  return std::string(10 - digits.size(), '0') + digits;
}

journal_error error_of(etcd_error const& error) {
  if (error.why() == etcd_error::kind::no_space)
    return {journal_fault::disk_full, std::string(error.what()) + "; compact and defragment etcd, or raise its quota"};
  return {journal_fault::storage_failed, error.what()};
}

constexpr std::chrono::seconds patience{5}, patience_for_events{1};
constexpr std::chrono::milliseconds patience_for_a_choice{300};

}  // namespace

etcd_journal::etcd_journal(cluster_settings const& settings, leadership leads, warm_copy copy)
    : settings_(settings), leads_(std::move(leads)), etcd_(settings.etcd, cancel_) {
  try {
    etcd_.prefer(etcd_client::member_role::leader, clock::now() + patience_for_a_choice);
    auto const found = etcd_.range(settings_.meta_key(), {}, 0, 0, clock::now() + patience);
    if (found.entries.empty()) {
      create();
      return;
    }
    meta_ = found.entries[0].value;
    meta_revision_ = found.entries[0].mod_revision;
    last_revision_ = meta_revision_;
    // Nobody else can commit now: if the copy contains the last commit, it is complete.
    came_from_copy_ = has_last_commit(copy) || catch_up(copy);
    if (!came_from_copy_) copy.load(etcd_, patience);
    auto const read = read_meta(meta_);
    if (!read)
      throw journal_error(journal_fault::unknown_format,
                          settings_.meta_key() + " in etcd has a format that this version does not know");
    head_ = read->head;
    auto const first = copy.changes().first_revision();
    if (copy.changes().last_revision() == head_.revision && !copy.changes().take(first - 1, std::size_t(-1), recent_))
      recent_.clear();
    recovered_ = copy.take_entries();
    if (read->pieces != 0) take_over_pieces(recovered_, read->pieces);
  } catch (etcd_error const& error) {
    throw error_of(error);
  }
  last_commit_at_ns_ =
      std::chrono::duration_cast<std::chrono::nanoseconds>(head_.committed_at.time_since_epoch()).count();
}

void etcd_journal::create() {
  head_.database = new_database_id();
  transact({}, write_meta({.head = head_, .term = leads_.term}));
}

/// The revision does not suffice: after etcd was restored, other commits have the same.
bool etcd_journal::has_last_commit(warm_copy const& copy) const {
  return copy.meta_revision() == meta_revision_ && copy.meta() == meta_;
}

/// Follows the events up to the last commit, which keeps the copy's changes. @return false if that does not work at
/// once: the copy is empty or of an etcd before it was restored, or etcd has compacted the events or does not send
/// them.
bool etcd_journal::catch_up(warm_copy& copy) {
  if (copy.revision() == 0) return false;
  etcd_client follower(settings_.etcd, cancel_);
  auto const due = clock::now() + patience_for_events;
  try {
    follower.watch(settings_.prefix(), end_of_prefix(settings_.prefix()), copy.revision() + 1, due);
    // After the watch began: a restore in between would have ended it.
    if (!copy.is_state_of(follower, due)) return false;
    while (copy.meta_revision() < meta_revision_) {
      auto events = follower.next_events(due);
      if (events.empty()) return false;
      copy.apply(events);
    }
  } catch (etcd_error const&) {
    return false;
  }
  return has_last_commit(copy);
}

/// Replaces what came from the copy by what is in etcd.
void etcd_journal::read_again() {
  came_from_copy_ = false;
  recent_.clear();
  touched_.clear();
  rests_.clear();
  warm_copy copy(settings_);
  try {
    copy.load(etcd_, patience);
  } catch (etcd_error const& error) {
    throw error_of(error);
  }
  if (!has_last_commit(copy)) throw lost_place();
  recovered_ = copy.take_entries();
}

/// Applies the pieces that the previous leader committed but did not apply.
void etcd_journal::take_over_pieces(std::map<std::string, std::string>& entries, std::uint64_t pieces_left) {
  std::string text;
  auto const pieces = settings_.pieces().substr(settings_.prefix().size());
  for (auto at = entries.lower_bound(pieces); at != entries.end() && at->first.starts_with(pieces);) {
    text += at->second;
    at = entries.erase(at);
  }
  auto const committed = read_pieces(text).steps;
  apply_pieces(committed, head_, pieces_left);
  for (auto const& one : committed) {
    auto const key = one.key.substr(settings_.prefix().size());
    if (one.what == etcd_step::kind::put)
      entries[key] = one.value;
    else
      entries.erase(key);
  }
}

void etcd_journal::recover(visitor const& visit) {
  if (came_from_copy_ && !is_sound()) read_again();
  if (auto const wrong = difference(head_, visit_entries(visit)); !wrong.empty())
    throw journal_error(journal_fault::damaged,
                        settings_.prefix() + " in etcd " + wrong + "; restore a snapshot of etcd");
  recovered_.clear();
}

/// @return whether the entries are those that were committed.
bool etcd_journal::is_sound() {
  try {
    return difference(head_, visit_entries([](recovered_entry const&) {})).empty();
  } catch (journal_error const&) {
    return false;
  }
}

rocksdb_engine::contents etcd_journal::visit_entries(visitor const& visit) {
  rocksdb_engine::contents found;
  auto const below = settings_.entries().substr(settings_.prefix().size());
  auto const first_touch = recovered_.lower_bound(below + touch_tag);
  auto const has_touches = first_touch != recovered_.end() && first_touch->first.starts_with(below + touch_tag);
  for (auto const& [whole_key, bytes] : recovered_) {
    if (!whole_key.starts_with(below) || whole_key.size() == below.size()) continue;
    auto const tag = whole_key[below.size()];
    auto const key = std::string_view(whole_key).substr(below.size() + 1);
    if (tag == touch_tag) {
      touched_.emplace(key);
      continue;
    }
    auto const space = record::keyspace_of(tag);
    std::string whole;
    if (bytes.size() == part_bytes_max) {
      whole = bytes;
      auto const entry_key = settings_.prefix() + whole_key;
      for (std::size_t parts = 0;; rests_[entry_key] = ++parts) {
        auto const part = recovered_.find(rest_key(entry_key, parts).substr(settings_.prefix().size()));
        if (part == recovered_.end()) break;
        whole += part->second;
      }
    }
    auto const& all_bytes = whole.empty() ? bytes : whole;
    auto entry = record::read_entry(all_bytes);
    if (!space || !entry)
      throw journal_error(journal_fault::unknown_format,
                          settings_.prefix() + whole_key + " in etcd has a format that this version does not know");
    std::string merged;
    if (has_touches && *space == keyspace::data) {
      auto const touch = recovered_.find(below + touch_tag + std::string(key));
      if (touch != recovered_.end() && record::version_of_touch(touch->second) == entry->version &&
          record::merge_touch(all_bytes, touch->second, merged))
        entry = record::read_entry(merged);
    }
    *space == keyspace::data ? ++found.entries : ++found.records;
    found.fingerprint += record::fingerprint_of(*space, key, entry->version);
    if (*space == keyspace::data) found.revision = std::max(found.revision, entry->version);
    visit({.key = key,
           .value = entry->text,
           .version = entry->version,
           .expires_at = entry->expires_at,
           .space = *space});
  }
  return found;
}

/// The net effect of a batch: each key once, in its last state. And the changes that this does not show.
commit_contents etcd_journal::contents_of(std::span<change const> batch) {
  struct net_effect {
    etcd_step step;
    change const* shown = nullptr;  // by the step's value
  };
  std::map<std::string, net_effect> by_key;
  std::vector<change const*> hidden;
  auto const below = settings_.entries();
  for (auto const& one : batch) {
    auto const is_touch = one.what == change::kind::touch;
    auto key = below + (is_touch ? touch_tag : record::tag_of(one.space)) + one.key;
    auto& [step, shown] = by_key[key];
    step = {.what = etcd_step::kind::remove, .key = std::move(key)};
    if (is_touch || one.what == change::kind::put) {
      step.what = etcd_step::kind::put;
      record::write_entry_prefix(step.value, one);
      if (one.value && !is_touch) step.value += *one.value;
    }
    if (shown != nullptr) hidden.push_back(std::exchange(shown, nullptr));
    if (is_shown_by_entry(one))
      shown = &one;
    else if (!is_touch && one.space != keyspace::requests)
      hidden.push_back(&one);
    if (one.space != keyspace::data) continue;
    if (is_touch) {
      touched_.insert(one.key);
    } else if (auto const touch = touched_.find(one.key); touch != touched_.end()) {
      // The touch belongs to the previous version.
      auto touch_key = below + touch_tag + one.key;
      by_key[touch_key] = {.step = {.what = etcd_step::kind::remove, .key = touch_key}};
      touched_.erase(touch);
    }
  }
  commit_contents contents;
  for (auto& [key, effect] : by_key) append_parts(std::move(effect.step), contents.steps);
  for (auto const* const one : hidden) append_change(contents.hidden_changes, *one);
  return contents;
}

/// Appends a step, and further ones for the part that exceeds a value's limit.
void etcd_journal::append_parts(etcd_step&& step, steps& to) {
  std::size_t parts = 0;
  for (auto at = part_bytes_max; at < step.value.size(); at += part_bytes_max)
    to.push_back({.what = etcd_step::kind::put,
                  .key = rest_key(step.key, parts++),
                  .value = step.value.substr(at, part_bytes_max)});
  if (step.value.size() > part_bytes_max) step.value.resize(part_bytes_max);
  auto const before = rests_.find(step.key);
  if (before != rests_.end())
    for (auto left = parts; left < before->second; ++left)
      to.push_back({.what = etcd_step::kind::remove, .key = rest_key(step.key, left)});
  if (parts != 0) {
    rests_[step.key] = parts;
  } else if (before != rests_.end()) {
    rests_.erase(before);
  }
  to.push_back(std::move(step));
}

std::string etcd_journal::rest_key(std::string_view entry_key, std::size_t number) const {
  return settings_.rests() + piece_name(number) + std::string(entry_key.substr(settings_.entries().size()));
}

std::optional<journal_error> etcd_journal::commit(std::span<change const> batch) {
  if (failure_) return failure_;
  if (batch.empty()) return std::nullopt;
  auto next = head_;
  for (auto const& one : batch) record::count(next, one);
  next.committed_at = std::chrono::system_clock::now();
  try {
    auto what = contents_of(batch);
    auto const bytes = bytes_of(what.steps) + what.hidden_changes.size();
    if (what.steps.size() <= steps_max && bytes <= transaction_bytes_max) {
      if (!what.hidden_changes.empty())
        what.steps.push_back({.what = etcd_step::kind::put,
                              .key = settings_.hidden_changes_key(),
                              .value = std::move(what.hidden_changes)});
      transact(what.steps, write_meta({.head = next, .term = leads_.term}));
    } else {
      write_in_pieces(what, next);
    }
    committed_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  } catch (etcd_error const& error) {
    failure_ = error_of(error);
  } catch (journal_error const& error) {
    failure_ = error;
  }
  if (failure_) return failure_;
  head_ = next;
  last_commit_at_ns_ =
      std::chrono::duration_cast<std::chrono::nanoseconds>(next.committed_at.time_since_epoch()).count();
  return std::nullopt;
}

void etcd_journal::write_in_pieces(commit_contents const& what, record::head const& next) {
  constexpr std::size_t piece_bytes = 1024 * 1024;
  auto const text = write_pieces(what);
  std::uint64_t pieces = 0;
  for (std::size_t at = 0; at < text.size(); at += piece_bytes) {
    // If the leader dies here, the pieces remain without a meta key that refers to them. The next commit in pieces
    // overwrites or removes them.
    steps const piece{{.what = etcd_step::kind::put,
                       .key = settings_.pieces() + piece_name(pieces++),
                       .value = text.substr(at, piece_bytes)}};
    transact(piece, meta_);
  }
  // Remove leftovers of an earlier commit, which would be read as this commit's end.
  steps const leftovers{{.what = etcd_step::kind::remove,
                         .key = settings_.pieces() + piece_name(pieces),
                         .range_end = end_of_prefix(settings_.pieces())}};
  transact(leftovers, write_meta({.head = next, .term = leads_.term, .pieces = pieces}));
  apply_pieces(what.steps, next, pieces);
}

/// Idempotent: can be repeated from the beginning.
void etcd_journal::apply_pieces(steps const& what, record::head const& next, std::uint64_t pieces) {
  // The first transaction already writes this leader's own term: transact() relies on it.
  auto const meanwhile = write_meta({.head = next, .term = leads_.term, .pieces = pieces});
  for (std::size_t at = 0; at < what.size();) {
    steps some;
    for (std::size_t bytes = 0; at < what.size() && some.size() < steps_max; ++at) {
      bytes += bytes_of(what[at]);
      if (bytes > transaction_bytes_max && !some.empty()) break;
      some.push_back(what[at]);
    }
    transact(some, meanwhile);
  }
  steps const done{
      {.what = etcd_step::kind::remove, .key = settings_.pieces(), .range_end = end_of_prefix(settings_.pieces())}};
  transact(done, write_meta({.head = next, .term = leads_.term}));
}

/// That this server still leads, and that its last commit is still the last one.
std::vector<etcd_check> etcd_journal::still_leads() const {
  return {{.which = etcd_check::number::create_revision, .key = leads_.key, .is = leads_.term},
          {.which = etcd_check::number::mod_revision, .key = settings_.meta_key(), .is = meta_revision_}};
}

journal_error etcd_journal::lost_place() const {
  return {journal_fault::not_leading,
          "another server leads the cluster " + settings_.name + ", or etcd was restored to an earlier state"};
}

/// Executes the steps and sets the meta key, provided that this server leads and the meta key is unchanged.
void etcd_journal::transact(steps const& what, std::string const& new_meta) {
  auto all = what;
  all.push_back({.what = etcd_step::kind::put, .key = settings_.meta_key(), .value = new_meta});
  auto const outcome = etcd_.transact(still_leads(), all, leads_.valid_until());
  if (outcome.succeeded) {
    meta_revision_ = outcome.revision;
  } else {
    // Another server leads, or etcd was restored; or an earlier attempt succeeded and its answer was lost.
    auto const found = etcd_.range(settings_.meta_key(), {}, 0, 0, leads_.valid_until());
    // The text contains the term, and each term has one writer: an equal text with a newer revision is our own.
    if (found.entries.empty() || found.entries[0].mod_revision == meta_revision_ || found.entries[0].value != new_meta)
      throw lost_place();
    meta_revision_ = found.entries[0].mod_revision;
  }
  meta_ = new_meta;
  last_revision_.store(meta_revision_, std::memory_order_relaxed);
}

std::optional<journal_error> etcd_journal::confirm() {
  if (failure_) return failure_;
  try {
    if (etcd_.holds(still_leads(), leads_.valid_until())) return std::nullopt;
    failure_ = lost_place();
  } catch (etcd_error const& error) {
    failure_ = error_of(error);
  }
  return failure_;
}

namespace {

/// The size from which additions are refused. Below etcd's own alarm, which would refuse deletions as well.
constexpr std::uint64_t full_at(std::uint64_t bytes_max) noexcept {
  return bytes_max / 10 * 9;
}

}  // namespace

bool etcd_journal::has_room() {
  if (!has_room_.load(std::memory_order_relaxed)) return false;
  auto const bytes_max = bytes_max_.load(std::memory_order_relaxed);
  if (bytes_max == 0) return true;  // not known yet
  // etcd needs half as much again for its pages as for keys and values.
  auto const since = committed_bytes() - surely_counted_.load(std::memory_order_relaxed);
  return bytes_.load(std::memory_order_relaxed) + since + since / 2 < full_at(bytes_max);
}

void etcd_journal::note(etcd_status const& status) noexcept {
  // etcd's size lacks what it has not yet written to its file, so only what was committed by the previous note is in it.
  surely_counted_.store(committed_at_note_, std::memory_order_relaxed);
  committed_at_note_ = committed_bytes();
  bytes_.store(status.bytes, std::memory_order_relaxed);
  bytes_max_.store(status.bytes_max, std::memory_order_relaxed);
  // Hysteresis: after etcd was full, additions wait until its size is below 80 percent.
  auto const had_room = has_room_.load(std::memory_order_relaxed);
  has_room_.store(status.bytes < (had_room ? full_at(status.bytes_max) : status.bytes_max / 10 * 8),
                  std::memory_order_relaxed);
}

journal_figures etcd_journal::figures() const {
  journal_figures figures;
  figures.bytes = bytes_.load(std::memory_order_relaxed);
  auto const most = bytes_max_.load(std::memory_order_relaxed);
  if (most != 0) figures.bytes_free = most - std::min(most, figures.bytes);
  if (auto const at = last_commit_at_ns_.load(std::memory_order_relaxed); at != 0)
    figures.last_commit_at =
        change::instant(std::chrono::duration_cast<change::instant::duration>(std::chrono::nanoseconds(at)));
  return figures;
}

}  // namespace holdfast::server
