#include "server/journal/rocksdb_engine.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/listener.h>
#include <rocksdb/memtablerep.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <mutex>
#include <system_error>
#include <utility>

#include "server/journal/data_directory.hpp"
#include "server/journal/table_guard.hpp"

namespace holdfast::server {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kib = 1024, mib = 1024 * kib;

std::string_view view(rocksdb::Slice const& slice) {
  return {slice.data(), slice.size()};
}
rocksdb::Slice slice(std::string_view text) {
  return {text.data(), text.size()};
}

/// True if the engine's message names one of these errors: it contains the system's text but no number.
bool says(std::string_view text, std::initializer_list<int> errors) {
  for (int const error : errors)
    if (text.find(std::generic_category().message(error)) != std::string_view::npos) return true;
  return false;
}

/// The journal error for an engine's error. @param what_failed begins the line.
journal_error error_of(rocksdb::Status const& status, std::string const& what_failed) {
  auto const text = status.ToString();
  auto const line = [&](std::string_view advice) {
    return std::string(what_failed).append(": ").append(text).append(advice);
  };
  // The engine reports only ENOSPC as "no space".
  if (status.IsNoSpace() || says(text, {ENOSPC, EDQUOT, EFBIG}))
    return {journal_fault::disk_full, line("; free some space, then start again: all that was acknowledged is there")};
  if (says(text, {EACCES, EPERM, EROFS}))
    return {journal_fault::not_permitted, line("; make all files in it writable for this user")};
  if (says(text, {EMFILE, ENFILE}))
    return {journal_fault::storage_failed,
            line(std::string(more_descriptors).append(": all that was acknowledged is there"))};
  if (status.IsIOError() && !status.IsPathNotFound() && !says(text, {ENOENT}))
    return {journal_fault::storage_failed, line("; the disk or its file system is at fault: check the kernel's log,"
                                                " then start again: all that was acknowledged is there")};
  if (status.IsNotSupported())
    return {journal_fault::unknown_format, line("; start the version of Holdfast that wrote it")};
  return {journal_fault::damaged, line("; restore a backup into an empty directory")};
}

/// Merge operator that applies a new expiry to an entry, so that a touch does not read it.
class touch_operator : public rocksdb::MergeOperator {
 public:
  bool FullMergeV2(MergeOperationInput const& in, MergeOperationOutput* out) const override {
    // A touch without an entry means that the entry is lost: an error for its reader.
    return in.existing_value != nullptr && !in.operand_list.empty() &&
           record::merge_touch(view(*in.existing_value), view(in.operand_list.back()), out->new_value);
  }
  bool PartialMergeMulti(rocksdb::Slice const&, std::deque<rocksdb::Slice> const& operands, std::string* merged,
                         rocksdb::Logger*) const override {
    *merged = operands.back().ToString();
    return true;
  }
  // Stored with the data: under another name they could not be opened.
  char const* Name() const override { return "holdfast.touch"; }
};

/// Discards the lines of the engine's own log. Its file would fail an assertion at the second write without space, and
/// so end the process.
class no_log : public rocksdb::Logger {
 public:
  no_log() : Logger(rocksdb::InfoLogLevel::FATAL_LEVEL) {}
  using Logger::Logv;
  void Logv(char const*, std::va_list) override {}
};

/// Receives background errors.
class failure_listener : public rocksdb::EventListener {
 public:
  // If the first write to a log meets ENOSPC, the engine's recovery lets its next write fail an assertion, and Debian's
  // build enables assertions (rocksdb #11643, #12998). So nothing is written after an error.
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* auto_recovery) override {
    *auto_recovery = false;
  }
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* error) override {
    std::lock_guard const lock(mutex_);
    if (first_.ok()) first_ = *error;
    failed_.store(true, std::memory_order_release);
  }
  [[nodiscard]] bool failed() const noexcept { return failed_.load(std::memory_order_acquire); }
  [[nodiscard]] rocksdb::Status first() {
    std::lock_guard const lock(mutex_);
    return first_;
  }

 private:
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  rocksdb::Status first_;  // guarded by mutex_
};

rocksdb::Options options_of(rocksdb_engine::mode mode, rocksdb_engine::damage damage, std::size_t buffer_bytes) {
  rocksdb::Options options;
  options.create_if_missing = options.error_if_exists = mode == rocksdb_engine::mode::create;
  options.merge_operator = std::make_shared<touch_operator>();

  // The default, kPointInTimeRecovery, silently drops acknowledged changes after a damaged one; kAbsoluteConsistency
  // fails after a kill in the middle of a write.
  options.wal_recovery_mode = damage == rocksdb_engine::damage::refused
                                  ? rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords
                                  : rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.recycle_log_file_num = 0;
  options.manual_wal_flush = false;
  options.max_bgerror_resume_count = 0;

  // One thread writes and nobody reads, so the memtable is sorted once, when it is written to a table, instead of on
  // each insertion.
  // That takes a third of the commit thread's time and half of the CPU time.
  options.memtable_factory = std::make_shared<rocksdb::VectorRepFactory>();
  options.allow_concurrent_memtable_write = false;
  // Small buffers, and a cache only for compactions.
  options.write_buffer_size = buffer_bytes;
  options.max_write_buffer_number = 3;
  options.max_total_wal_size = 4 * buffer_bytes;
  options.max_background_jobs = 2;
  options.target_file_size_base = buffer_bytes;
  options.max_bytes_for_level_base = 4 * buffer_bytes;
  options.compression = rocksdb::kLZ4Compression;
  // Keeps a sync of the log from waiting for large writes of other data.
  options.bytes_per_sync = mib;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(8 * mib, 0);
  table.block_size = 16 * kib;
  // As table_guard expects.
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));

  // Tables go into backups, which must not contain this machine's name.
  options.db_host_id.clear();

  // No work while nothing is written, and short starts.
  options.stats_dump_period_sec = options.stats_persist_period_sec = 0;
  options.skip_stats_update_on_db_open = true;
  options.info_log = std::make_shared<no_log>();

  // All tables are open by default, so that a large database would leave no descriptors for connections. Only
  // compactions and starts read tables.
  options.max_open_files = rocksdb_engine::open_tables_max;
  return options;
}

rocksdb::Env* or_default(std::shared_ptr<rocksdb::Env> const& environment) {
  return environment ? environment.get() : rocksdb::Env::Default();
}

}  // namespace

struct rocksdb_engine::impl {
  fs::path path;
  std::shared_ptr<rocksdb::Env> environment;  // must outlive db
  std::shared_ptr<failure_listener> listener = std::make_shared<failure_listener>();
  std::unique_ptr<rocksdb::DB> db;

  rocksdb::WriteBatch batch;
  std::string prefix;  // of the entry being written
  std::string head;

  void add(change const& change);
};

rocksdb_engine::rocksdb_engine(fs::path path, mode opened_as, damage damaged_log, rocksdb_tuning const& tuning)
    : impl_(std::make_unique<impl>()) {
  impl_->path = std::move(path);
  impl_->environment = tuning.environment;
  auto options = options_of(opened_as, damaged_log, tuning.buffer_bytes);
  options.env = or_default(tuning.environment);
  options.listeners = {impl_->listener};
  if (auto const tables = fatal_tables(impl_->path); !tables.empty())
    throw journal_error(journal_fault::damaged,
                        tables.front().string() + " is damaged; restore a backup into an empty directory");
  rocksdb::DB* db = nullptr;
  auto const status = opened_as == mode::read ? rocksdb::DB::OpenForReadOnly(options, impl_->path.string(), &db)
                                              : rocksdb::DB::Open(options, impl_->path.string(), &db);
  impl_->db.reset(db);
  if (!status.ok())
    throw error_of(status,
                   (opened_as == mode::create ? "can't create a database in " : "can't open ") + impl_->path.string());
}

rocksdb_engine::~rocksdb_engine() {
  try {
    close();
  } catch (journal_error const&) {
    // Callers that need the result use close().
  }
}

record::head rocksdb_engine::read_head() const {
  std::string bytes;
  auto const status = impl_->db->Get({}, slice(record::head_key), &bytes);
  if (!status.ok()) throw error_of(status, "can't read the head of " + impl_->path.string());
  if (auto const head = record::read_head(bytes)) return *head;
  throw journal_error(journal_fault::unknown_format,
                      impl_->path.string() + " was written by another version of Holdfast; start that one");
}

rocksdb_engine::contents rocksdb_engine::scan(std::function<void(recovered_entry const&)> const& visit) const {
  rocksdb::ReadOptions read;
  read.fill_cache = false;
  read.readahead_size = 2 * mib;
  read.total_order_seek = true;
  contents all;
  std::unique_ptr<rocksdb::Iterator> const it(impl_->db->NewIterator(read));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    auto key = view(it->key());
    if (key == record::head_key) continue;
    auto const space = key.empty() ? std::nullopt : record::keyspace_of(key.front());
    auto const entry = space ? record::read_entry(view(it->value())) : std::nullopt;
    if (!entry)
      throw journal_error(journal_fault::unknown_format,
                          impl_->path.string() +
                              " has a record of a kind that this version does not know; start the"
                              " version of Holdfast that wrote it");
    key.remove_prefix(1);
    all.fingerprint += record::fingerprint_of(*space, key, entry->version);
    if (space == keyspace::data) {
      ++all.entries;
      all.bytes += key.size() + entry->text.size();
      if (entry->expires_at) ++all.expiring;
      all.revision = std::max(all.revision, entry->version);
    } else {
      ++all.records;
    }
    visit({key, entry->text, entry->version, entry->expires_at, *space});
  }
  if (!it->status().ok()) throw error_of(it->status(), "can't read " + impl_->path.string());
  return all;
}

void rocksdb_engine::verify_checksums() const {
  auto const status = impl_->db->VerifyChecksum();
  if (!status.ok()) throw error_of(status, "can't read " + impl_->path.string());
}

void rocksdb_engine::impl::add(change const& change) {
  auto const tag = record::tag_of(change.space);
  std::array const key{rocksdb::Slice(&tag, 1), slice(change.key)};
  rocksdb::SliceParts const key_parts(key.data(), static_cast<int>(key.size()));
  switch (change.what) {
    case change::kind::put: {
      record::write_entry_prefix(prefix, change);
      std::array const value{rocksdb::Slice(prefix), slice(*change.value)};
      batch.Put(key_parts, rocksdb::SliceParts(value.data(), static_cast<int>(value.size())));
      return;
    }
    case change::kind::touch: {
      record::write_entry_prefix(prefix, change);
      rocksdb::Slice const value(prefix);
      batch.Merge(key_parts, rocksdb::SliceParts(&value, 1));
      return;
    }
    case change::kind::del:
    case change::kind::expire:
      batch.Delete(key_parts);
      return;
  }
}

std::optional<journal_error> rocksdb_engine::write(std::span<change const> changes, record::head const& head,
                                                   bool sync) {
  auto const what_failed = [this] { return "can't write to " + impl_->path.string(); };
  // After a failed flush or compaction, the next write would soon fail or wait forever.
  if (impl_->listener->failed()) return error_of(impl_->listener->first(), what_failed());
  impl_->batch.Clear();
  for (auto const& change : changes) impl_->add(change);
  record::write_head(impl_->head, head);
  impl_->batch.Put(slice(record::head_key), impl_->head);
  rocksdb::WriteOptions options;
  options.sync = sync;
  auto const status = impl_->db->Write(options, &impl_->batch);
  if (status.ok()) return std::nullopt;
  return error_of(status, what_failed());
}

void rocksdb_engine::sync() {
  auto const status = impl_->db->FlushWAL(true);
  if (!status.ok()) throw error_of(status, "can't sync " + impl_->path.string());
}

void rocksdb_engine::copy_to(fs::path const& path) const {
  rocksdb::Checkpoint* made = nullptr;
  auto status = rocksdb::Checkpoint::Create(impl_->db.get(), &made);
  std::unique_ptr<rocksdb::Checkpoint> const checkpoint(made);
  if (status.ok()) status = checkpoint->CreateCheckpoint(path.string());
  if (!status.ok()) throw error_of(status, "can't copy " + impl_->path.string() + " to " + path.string());
}

void rocksdb_engine::close() {
  if (!impl_->db) return;
  rocksdb::CancelAllBackgroundWork(impl_->db.get(), true);
  auto const status = impl_->db->Close();
  impl_->db.reset();
  // A read-only database has nothing to close.
  if (!status.ok() && !status.IsNotSupported()) throw error_of(status, "can't close " + impl_->path.string());
}

struct witness_file::impl {
  fs::path path;
  std::shared_ptr<rocksdb::Env> environment;
  std::shared_ptr<rocksdb::FileSystem> file_system;
  std::unique_ptr<rocksdb::FSRandomRWFile> file;
};

void witness_file::create(fs::path const& path, std::string_view bytes,
                          std::shared_ptr<rocksdb::Env> const& environment) {
  auto const status = rocksdb::WriteStringToFile(or_default(environment), slice(bytes), path.string(), true);
  if (!status.ok()) throw error_of(status, "can't create " + path.string());
}

std::optional<std::string> witness_file::read(fs::path const& path, std::shared_ptr<rocksdb::Env> const& environment) {
  std::string bytes;
  auto const status = rocksdb::ReadFileToString(or_default(environment), path.string(), &bytes);
  if (status.ok()) return bytes;
  if (status.IsNotFound() || status.IsPathNotFound()) return std::nullopt;
  throw error_of(status, "can't read " + path.string());
}

witness_file::witness_file(fs::path path, std::shared_ptr<rocksdb::Env> const& environment)
    : impl_(std::make_unique<impl>()) {
  impl_->path = std::move(path);
  impl_->environment = environment;
  impl_->file_system = or_default(environment)->GetFileSystem();
  auto const status = impl_->file_system->NewRandomRWFile(impl_->path.string(), {}, &impl_->file, nullptr);
  if (!status.ok()) throw error_of(status, "can't open " + impl_->path.string());
}

witness_file::~witness_file() {
  static_cast<void>(impl_->file->Close({}, nullptr));
}

std::optional<journal_error> witness_file::write(std::string_view bytes) {
  auto const status = impl_->file->Write(0, slice(bytes), {}, nullptr);
  if (status.ok()) return std::nullopt;
  return error_of(status, "can't write " + impl_->path.string());
}

std::optional<std::uint64_t> witness_file::bytes_free() const {
  std::uint64_t free = 0;
  if (!impl_->file_system->GetFreeSpace(impl_->path.string(), {}, &free, nullptr).ok()) return std::nullopt;
  return free;
}

}  // namespace holdfast::server

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
// The package's library is not instrumented: the thread sanitizer sees its memory accesses inside functions of the C
// library but not the atomics that order them. Matching the library's name in a report requires llvm-symbolizer.
extern "C" char const* __tsan_default_suppressions();
extern "C" char const* __tsan_default_suppressions() {
  return "race:rocksdb::\n";
}
#endif
#endif
