#include "server/cluster/etcd_journal.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "server/journal/data_tools.hpp"

namespace holdfast::server {

namespace {

journal_error error_of(etcd_error const& error) {
  if (error.why() == etcd_error::kind::no_space)
    return {journal_fault::disk_full, std::string(error.what()) + "; compact and defragment etcd, or raise its quota"};
  return {journal_fault::storage_failed, error.what()};
}

constexpr std::chrono::seconds patience{5};
constexpr std::chrono::milliseconds patience_for_a_choice{300};
/// Larger commits are written in pieces of that size. The rest of a transaction is for entries of the checkpoint.
constexpr std::size_t piece_bytes = 1200 * 1024;
/// How many records before the first needed one a commit removes at most: a removal of thousands would delay it.
constexpr std::uint64_t removals_max = 16;
/// How many more transactions than one a record may take if the checkpoint is late.
constexpr int late_transactions_max = 4;

}  // namespace

etcd_journal::etcd_journal(cluster_settings const& settings, leadership leads, warm_copy copy)
    : settings_(settings), leads_(std::move(leads)), etcd_(settings.etcd, cancel_), checkpoint_(settings) {
  copy_ = std::move(copy);
  try {
    etcd_.prefer(etcd_client::member_role::leader, clock::now() + patience_for_a_choice);
    // Nobody else can commit now: with all records that the log has, the copy is complete.
    came_from_copy_ = copy_->catch_up(etcd_, patience);
    if (!came_from_copy_) copy_->load(etcd_, patience);
    if (copy_->fault()) throw journal_error(*copy_->fault());
    if (copy_->last().number == 0) {
      create();
      return;
    }
  } catch (etcd_error const& error) {
    throw error_of(error);
  }
  if (!copy_->head())
    throw journal_error(journal_fault::damaged, settings_.log() + " in etcd has no commit; restore a snapshot of etcd");
  head_ = *copy_->head();
  set_last(copy_->last().number, copy_->last().revision);
  last_commit_at_ns_ =
      std::chrono::duration_cast<std::chrono::nanoseconds>(head_.committed_at.time_since_epoch()).count();
}

void etcd_journal::create() {
  head_.database = new_database_id();
  write({.head = head_});
}

/// Replaces what came from the copy by what is in etcd.
void etcd_journal::read_again() {
  came_from_copy_ = false;
  auto const last = copy_->last();
  try {
    copy_->load(etcd_, patience);
  } catch (etcd_error const& error) {
    throw error_of(error);
  }
  if (copy_->fault()) throw journal_error(*copy_->fault());
  if (copy_->last() != last) throw lost_place();
}

void etcd_journal::recover(visitor const& visit) {
  if (came_from_copy_ && !is_sound()) read_again();
  if (auto const wrong = difference(head_, visit_entries(visit)); !wrong.empty())
    throw journal_error(journal_fault::damaged,
                        settings_.prefix() + " in etcd " + wrong + "; restore a snapshot of etcd");
  take_over();
  copy_.reset();
}

/// @return whether the entries are those that were committed.
bool etcd_journal::is_sound() const {
  try {
    return difference(head_, visit_entries([](recovered_entry const&) {})).empty();
  } catch (journal_error const&) {
    return false;
  }
}

rocksdb_engine::contents etcd_journal::visit_entries(visitor const& visit) const {
  rocksdb_engine::contents found;
  for (auto const& [tagged_key, bytes] : copy_->entries()) {
    auto const space = tagged_key.empty() ? std::nullopt : record::keyspace_of(tagged_key.front());
    auto const entry = record::read_entry(bytes);
    if (!space || !entry)
      throw journal_error(journal_fault::unknown_format,
                          settings_.entries() + tagged_key + " in etcd has a format that this version does not know");
    auto const key = std::string_view(tagged_key).substr(1);
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

/// Prepares the checkpoint of what earlier leaders have left, and the history.
void etcd_journal::take_over() {
  auto const& entries = copy_->entries();
  for (auto const& [key, bytes] : entries)
    if (auto const most = continuations(bytes.size()); most != 0) checkpoint_.expect(key, most);
  for (auto const& [key, noted] : copy_->changed()) {
    if (noted.continuations != 0) checkpoint_.expect(key, noted.continuations);
    checkpoint::state last;
    auto const found = entries.find(key);
    if (auto const entry = found == entries.end() ? std::nullopt : record::read_entry(found->second))
      last = {.version = entry->version,
              .expires_at = entry->expires_at,
              .value = std::make_shared<std::string const>(entry->text)};
    checkpoint_.inherit(key, std::move(last));
  }
  if (copy_->last().number != 0) {
    first_ = copy_->first();
    checkpoint_.take_over(last_number_, copy_->log_bytes());
  }
  auto const& known = copy_->changes();
  if (known.last_revision() == head_.revision && !known.take(known.first_revision() - 1, std::size_t(-1), recent_))
    recent_.clear();
}

std::optional<journal_error> etcd_journal::commit(std::span<change const> batch) {
  if (failure_) return failure_;
  if (batch.empty()) return std::nullopt;
  auto next = head_;
  for (auto const& one : batch) record::count(next, one);
  next.committed_at = std::chrono::system_clock::now();
  try {
    write(batch, next);
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

void etcd_journal::write(std::span<change const> batch, record::head const& next) {
  checkpoint_.begin_if_due(last_number_, log_bytes_max());
  std::string changes;
  for (auto const& one : batch) append_change(changes, one);
  std::string_view rest = changes;
  std::uint64_t pieces = 0;
  for (; rest.size() > piece_bytes; ++pieces) {
    write({.what = log_record::kind::piece, .head = head_, .changes = rest.substr(0, piece_bytes)});
    rest.remove_prefix(piece_bytes);
  }
  write({.head = next, .pieces = pieces, .changes = rest});
  checkpoint_.add(batch);
}

/// Writes a record, and what is due of the checkpoint.
void etcd_journal::write(log_record record) {
  auto const number = last_number_ + 1;
  checkpoint_.grow(record.changes.size(), log_bytes_max());
  auto const bytes_left = transaction_bytes_max - std::min(transaction_bytes_max, record.changes.size() + 1024);
  auto steps = checkpoint_.portion(steps_max - 2, bytes_left);
  if (oldest_ < first_) {
    // How many an earlier leader has left is not known.
    auto const end = oldest_ == 0 ? first_ : std::min(first_, oldest_ + removals_max);
    steps.push_back(
        {.what = etcd_step::kind::remove, .key = settings_.log_key(0), .range_end = settings_.log_key(end)});
    oldest_ = end;
  }
  // Not with a piece: the commit before it must stay, in case that this server dies before the next one.
  if (auto const first = record.what == log_record::kind::commit ? checkpoint_.finish() : std::nullopt) first_ = *first;
  record.term = leads_.term;
  record.first = first_;
  auto const text = write_record(record);
  steps.push_back({.what = etcd_step::kind::put, .key = settings_.log_key(number), .value = text});
  std::int64_t revision = 0;
  if (!transact(steps, revision)) {
    // Another server leads, or etcd was restored; or an earlier attempt succeeded and its answer was lost.
    auto const found = etcd_.range(settings_.log_key(number), {}, 0, 0, leads_.valid_until()).entries;
    // The text contains the term, and each term has one writer: an equal text with a newer revision is our own.
    if (found.empty() || found[0].mod_revision <= last_revision_ || found[0].value != text) throw lost_place();
    revision = found[0].mod_revision;
  }
  set_last(number, revision);
  for (auto more = 0; more < late_transactions_max && checkpoint_.is_late(); ++more)
    if (!transact(checkpoint_.portion(steps_max, transaction_bytes_max), revision)) throw lost_place();
}

/// Executes the steps if this server leads, the log has its last record, and none after it. The latter is also for
/// those that arrive late, when their own record has been removed. @return false if not
bool etcd_journal::transact(std::vector<etcd_step> const& steps, std::int64_t& revision) {
  auto checks = still_leads();
  checks.push_back({.which = etcd_check::number::mod_revision, .key = settings_.log_key(last_number_ + 1), .is = 0});
  auto const outcome = etcd_.transact(checks, steps, leads_.valid_until());
  std::size_t bytes = 0;
  for (auto const& one : steps) bytes += bytes_of(one);
  committed_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  revision = outcome.revision;
  return outcome.succeeded;
}

void etcd_journal::set_last(std::uint64_t number, std::int64_t revision) {
  std::lock_guard const lock(mutex_);
  last_number_ = number;
  last_revision_ = revision;
}

std::vector<etcd_check> etcd_journal::still_leads() const {
  std::lock_guard const lock(mutex_);
  std::vector<etcd_check> all{{.which = etcd_check::number::create_revision, .key = leads_.key, .is = leads_.term}};
  if (last_number_ != 0)
    all.push_back(
        {.which = etcd_check::number::mod_revision, .key = settings_.log_key(last_number_), .is = last_revision_});
  return all;
}

/// A small part of etcd's quota, since its history has the log as well.
std::uint64_t etcd_journal::log_bytes_max() const noexcept {
  constexpr std::uint64_t share_of_quota = 64;
  auto const quota = bytes_max_.load(std::memory_order_relaxed);
  return quota == 0 ? settings_.log_bytes_max : std::min(settings_.log_bytes_max, quota / share_of_quota);
}

journal_error etcd_journal::lost_place() const {
  return {journal_fault::not_leading,
          "another server leads the cluster " + settings_.name + ", or etcd was restored to an earlier state"};
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
  auto const since = committed_bytes() - committed_at_note_before_.load(std::memory_order_relaxed);
  return bytes_.load(std::memory_order_relaxed) + since + since / 2 < full_at(bytes_max);
}

void etcd_journal::note(etcd_status const& status) noexcept {
  committed_at_note_before_.store(committed_at_note_.exchange(committed_bytes(), std::memory_order_relaxed),
                                  std::memory_order_relaxed);
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
