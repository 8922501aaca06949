#include "server/journal/rocksdb_journal.hpp"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "server/journal/data_tools.hpp"
#include "server/journal/log_tail.hpp"
#include "server/journal/table_guard.hpp"

namespace holdfast::server {

namespace {

using state = data_directory::state;

std::int64_t nanoseconds_of(change::instant instant) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(instant.time_since_epoch()).count();
}

std::string loss(std::uint64_t ends_at, std::uint64_t acknowledged) {
  return "the journal ends at change " + std::to_string(ends_at) + ", but change " + std::to_string(acknowledged) +
         " was acknowledged";
}

constexpr char const* what_to_do =
    "; restore a backup into an empty directory, or go on with what is left by --accept-loss";

}  // namespace

rocksdb_journal::rocksdb_journal(rocksdb_settings settings) : settings_(std::move(settings)) {
  directory_ = std::make_unique<data_directory>(settings_.directory, data_directory::access::create);
  switch (directory_->found()) {
    case state::empty:
    case state::creating:
      create();
      break;
    case state::ready:
      open();
      break;
    case state::copying:
      throw journal_error(journal_fault::cannot_create,
                          directory_->path().string() +
                              " holds a restore or a backup that was interrupted; run that again, or name another"
                              " directory with --data");
    case state::backup:
      throw journal_error(journal_fault::cannot_create,
                          directory_->path().string() + " is a backup; restore it into an empty directory first");
  }
  last_commit_at_ns_ = nanoseconds_of(head_.committed_at);
}

rocksdb_journal::~rocksdb_journal() = default;

void rocksdb_journal::create() {
  head_.database = new_database_id();
  directory_->mark(state::creating, head_.database);
  directory_->clear();
  engine_ = std::make_unique<rocksdb_engine>(directory_->engine_path(), rocksdb_engine::mode::create,
                                             rocksdb_engine::damage::refused, settings_.tuning);
  if (auto const error = engine_->write({}, head_, true)) throw journal_error(*error);
  create_witness();
  directory_->mark(state::ready, head_.database);
}

void rocksdb_journal::create_witness() {
  witness_file::create(directory_->witness_path(), witness::write(head_.database, head_.sequence),
                       settings_.tuning.environment);
  sync_directory(directory_->path());
  open_witness();
}

void rocksdb_journal::open_witness() {
  witness_ = std::make_unique<witness_file>(directory_->witness_path(), settings_.tuning.environment);
}

void rocksdb_journal::open() {
  auto const accept = [&](std::string const& what_is_lost) {
    if (!settings_.accept_loss)
      throw journal_error(journal_fault::damaged, directory_->path().string() + ": " + what_is_lost + what_to_do);
    accepted_loss_ += (accepted_loss_.empty() ? "" : "; ") + what_is_lost;
  };
  auto const open_engine = [&](rocksdb_engine::damage damage) {
    engine_ = std::make_unique<rocksdb_engine>(directory_->engine_path(), rocksdb_engine::mode::write, damage,
                                               settings_.tuning);
  };
  auto const torn = torn_logs(directory_->engine_path());
  auto ends_at_damage = false;
  try {
    open_engine(rocksdb_engine::damage::refused);
  } catch (journal_error const& error) {
    if (error.fault() != journal_fault::damaged) throw;
    if (cut_what_a_power_loss_tore(torn)) {
      open_engine(rocksdb_engine::damage::refused);
    } else {
      auto const left = what_is_left();
      if (left.empty()) throw;
      accept(std::string(error.what()) + ". " + left);
      // The engine removes the damage at once. Until recover() is through, this alone says that changes are lost.
      directory_->mark(state::ready, new_database_id());
      ends_at_damage = true;
      open_engine(rocksdb_engine::damage::ends_there);
    }
  }
  if (!ends_at_damage) removed_tail_ = text_of(torn);
  head_ = engine_->read_head();
  if (!ends_at_damage && head_.database != directory_->database())
    accept(directory_->format_path().string() + " belongs to another database");
  auto const bytes = witness_file::read(directory_->witness_path(), settings_.tuning.environment);
  if (!bytes) {
    accept(directory_->witness_path().string() + " is missing");
  } else if (auto const acknowledged = witness::read(head_.database, *bytes); !acknowledged) {
    accept(directory_->witness_path().string() + " is damaged");
  } else if (*acknowledged > head_.sequence) {
    accept(loss(head_.sequence, *acknowledged));
  }
  // A missing one is created when the loss has a new database id: not before, or it would vouch for what is left.
  if (bytes) open_witness();
}

/// An incomplete last record or table, never durable, can make the engine refuse a complete directory. @return true if
/// that was the cause and is fixed; otherwise nothing has changed.
bool rocksdb_journal::cut_what_a_power_loss_tore(std::vector<torn_file> torn) const {
  // Perhaps a table that was being written. If it is needed, the engine misses it and nothing is changed.
  for (auto const& table : fatal_tables(directory_->engine_path())) torn.push_back({.path = table});
  if (torn.empty()) return false;
  cut(torn);
  auto whole = false;
  try {
    // Read-only, because with write access the engine would remove unknown tables.
    rocksdb_engine const engine(directory_->engine_path(), rocksdb_engine::mode::read, rocksdb_engine::damage::refused,
                                settings_.tuning);
    auto const head = engine.read_head();
    auto const bytes = witness_file::read(directory_->witness_path(), settings_.tuning.environment);
    auto const acknowledged = bytes ? witness::read(head.database, *bytes) : std::nullopt;
    whole = acknowledged && *acknowledged <= head.sequence &&
            difference(head, engine.scan([](recovered_entry const&) {})).empty();
  } catch (journal_error const&) {
    // More than the tail is wrong.
  }
  if (whole)
    forget_copies(torn);
  else
    undo_cut(torn);
  return whole;
}

/// The readable part of a damaged log. nullopt if nothing can be read.
std::string rocksdb_journal::what_is_left() const {
  try {
    rocksdb_engine const engine(directory_->engine_path(), rocksdb_engine::mode::read,
                                rocksdb_engine::damage::ends_there, settings_.tuning);
    auto const head = engine.read_head();
    auto const bytes = witness_file::read(directory_->witness_path(), settings_.tuning.environment);
    auto const acknowledged = bytes ? witness::read(head.database, *bytes) : std::nullopt;
    auto line = "It can be read up to change " + std::to_string(head.sequence);
    if (acknowledged) line += "; change " + std::to_string(*acknowledged) + " at least was acknowledged";
    return line;
  } catch (journal_error const&) {
    return {};
  }
}

void rocksdb_journal::recover(visitor const& visit) {
  auto const contents = engine_->scan(visit);
  if (auto const wrong = difference(head_, contents); !wrong.empty()) {
    auto const line = directory_->engine_path().string() + ' ' + wrong;
    if (!settings_.accept_loss) throw journal_error(journal_fault::damaged, line + what_to_do);
    accepted_loss_ += (accepted_loss_.empty() ? "" : "; ") + line;
    head_.entries = contents.entries + contents.records;
    head_.fingerprint = contents.fingerprint;
    head_.revision = std::max(head_.revision, contents.revision);
  }
  if (!accepted_loss_.empty()) go_on_under_a_new_id();
}

/// A crash in between leaves files that name different databases: damage again, which must be accepted again.
void rocksdb_journal::go_on_under_a_new_id() {
  head_.database = new_database_id();
  head_.revision = revision_after_a_loss(head_.revision);
  if (auto const error = engine_->write({}, head_, true)) throw journal_error(*error);
  create_witness();
  directory_->mark(state::ready, head_.database);
}

journal_position rocksdb_journal::position() const {
  return {.database = head_.database, .sequence = head_.sequence, .revision = head_.revision};
}

std::optional<journal_error> rocksdb_journal::commit(std::span<change const> batch) {
  // After a failed sync, the system marks pages as written that are not, so no later write could be trusted.
  if (failure_) return failure_;
  if (batch.empty()) return std::nullopt;
  auto next = head_;
  for (auto const& change : batch) record::count(next, change);
  next.committed_at = std::chrono::system_clock::now();
  failure_ = engine_->write(batch, next, settings_.sync);
  // Without syncs, the witness might survive a change that did not.
  if (!failure_ && settings_.sync) failure_ = witness_->write(witness::write(next.database, next.sequence));
  if (failure_) return failure_;
  head_ = next;
  last_commit_at_ns_.store(nanoseconds_of(next.committed_at), std::memory_order_relaxed);
  return std::nullopt;
}

bool rocksdb_journal::has_room() {
  auto const free = witness_->bytes_free();
  if (!free) return true;
  // Requires a little more space to become true again, so that it does not flicker.
  auto const had_room = had_room_.load(std::memory_order_relaxed);
  auto const wanted = had_room ? settings_.room_bytes_min : settings_.room_bytes_min + settings_.room_bytes_min / 4;
  had_room_.store(*free >= wanted, std::memory_order_relaxed);
  return *free >= wanted;
}

journal_figures rocksdb_journal::figures() const {
  journal_figures figures;
  figures.bytes = bytes_in(directory_->path());
  figures.bytes_free = witness_->bytes_free();
  if (auto const at = last_commit_at_ns_.load(std::memory_order_relaxed); at != 0)
    figures.last_commit_at =
        change::instant(std::chrono::duration_cast<change::instant::duration>(std::chrono::nanoseconds(at)));
  return figures;
}

void rocksdb_journal::close() {
  if (!settings_.sync && !failure_) {
    engine_->sync();
    if (auto const error = witness_->write(witness::write(head_.database, head_.sequence))) throw journal_error(*error);
  }
  engine_->close();
  witness_.reset();
  directory_.reset();
}

journal_position rocksdb_journal::back_up(std::filesystem::path const& to) const {
  data_directory target(to, data_directory::access::create);
  if (!target.takes_copies())
    throw journal_error(journal_fault::cannot_create,
                        target.path().string() + " holds a database already; name an empty directory");
  auto const database = directory_->database();
  target.mark(state::copying, database);
  target.clear();
  engine_->copy_to(target.engine_path());
  rocksdb_engine const copy(target.engine_path(), rocksdb_engine::mode::read, rocksdb_engine::damage::refused,
                            settings_.tuning);
  auto const head = copy.read_head();
  std::error_code error;
  for (std::filesystem::directory_iterator it(target.engine_path(), error), end; !error && it != end;
       it.increment(error))
    sync_file(it->path());
  if (error) throw error_of_call(error.value(), "can't read " + target.engine_path().string());
  sync_directory(target.engine_path());
  witness_file::create(target.witness_path(), witness::write(database, head.sequence), settings_.tuning.environment);
  sync_directory(target.path());
  target.mark(state::backup, database);
  return {.database = database, .sequence = head.sequence, .revision = head.revision};
}

}  // namespace holdfast::server
