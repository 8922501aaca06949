#include "server/journal/data_tools.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <random>
#include <span>
#include <system_error>

#include "server/journal/data_directory.hpp"
#include "server/journal/log_tail.hpp"

namespace holdfast::server {

namespace {

namespace fs = std::filesystem;
using state = data_directory::state;

/// True for files of the engine that a copy needs: not its lock and not its own log.
bool is_data(fs::path const& file) {
  auto const name = file.filename().string();
  return name != "LOCK" && !name.starts_with("LOG");
}

void copy_engine_files(fs::path const& from, fs::path const& to) {
  std::error_code error;
  fs::create_directory(to, error);
  if (error) throw error_of_call(error.value(), "can't create " + to.string(), true);
  for (fs::directory_iterator it(from, error), end; !error && it != end; it.increment(error)) {
    if (!is_data(it->path())) continue;
    auto const copy = to / it->path().filename();
    fs::copy_file(it->path(), copy, error);
    if (error) throw error_of_call(error.value(), "can't copy " + it->path().string() + " to " + copy.string(), true);
    sync_file(copy);
  }
  if (error) throw error_of_call(error.value(), "can't read " + from.string());
  sync_directory(to);
}

void require_data(data_directory const& directory) {
  if (directory.found() == state::ready || directory.found() == state::backup) return;
  auto const* const what = directory.found() == state::copying ? " holds a restore or a backup that was interrupted"
                                                               : " holds no Holdfast database";
  throw journal_error(journal_fault::cannot_create, directory.path().string() + what);
}

/// Opens it for reading like a start, but changes nothing: a torn last record is ignored, not removed.
std::unique_ptr<rocksdb_engine> open_to_read(fs::path const& path, std::span<torn_file const> torn) {
  using damage = rocksdb_engine::damage;
  auto const open = [&](damage how) { return std::make_unique<rocksdb_engine>(path, rocksdb_engine::mode::read, how); };
  try {
    return open(damage::refused);
  } catch (journal_error const& error) {
    // The engine ends at the first damage, so there must be no other.
    if (error.fault() != journal_fault::damaged || torn.empty() || !other_logs_are_whole(path, torn)) throw;
    return open(damage::ends_there);
  }
}

/// A damaged copy is the fault of its source, whose files have the same names.
journal_error error_of_source(journal_error const& error, fs::path const& source, fs::path const& copy) {
  std::string line = error.what();
  line.resize(std::min(line.rfind("; "), line.size()));
  for (std::size_t at = 0; (at = line.find(copy.string(), at)) != line.npos; at += source.string().size())
    line.replace(at, copy.string().size(), source.string());
  return {error.fault(), line + "; restore another backup"};
}

}  // namespace

std::uint64_t revision_after_a_loss(std::uint64_t revision) {
  using namespace std::chrono;
  constexpr auto begin = sys_days(year(2024) / January / 1);
  // Until the year 2166, so that revisions stay below 2^53, as JSON needs.
  constexpr auto most = std::int64_t{1} << 52;
  auto const since = duration_cast<microseconds>(system_clock::now() - begin).count();
  auto const by_clock = static_cast<std::uint64_t>(std::clamp<std::int64_t>(since, 0, most));
  return std::max(revision + (std::uint64_t{1} << 32), by_clock);
}

std::uint64_t new_database_id() {
  std::random_device device;
  for (;;) {
    auto const id = std::uint64_t{device()} << 32 | device();
    if (id != 0) return id;
  }
}

std::uint64_t bytes_in(fs::path const& directory) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    // Files may appear and disappear meanwhile.
    std::error_code gone;
    auto const size = it->is_regular_file(gone) ? it->file_size(gone) : 0;
    if (!gone) bytes += size;
  }
  return bytes;
}

std::string difference(record::head const& head, rocksdb_engine::contents const& contents) {
  if (auto const entries = contents.entries + contents.records; head.entries != entries)
    return "holds " + std::to_string(entries) + " entries where " + std::to_string(head.entries) + " were committed";
  if (head.fingerprint != contents.fingerprint || contents.revision > head.revision)
    return "holds other versions of entries than were committed";
  return {};
}

data_report inspect_data(fs::path const& path) {
  data_directory const directory(path, data_directory::access::read);
  require_data(directory);
  data_report report;
  report.is_backup = directory.found() == state::backup;
  report.position.database = directory.database();
  report.bytes_on_disk = bytes_in(path);
  try {
    auto const torn = torn_logs(directory.engine_path());
    auto const engine = open_to_read(directory.engine_path(), torn);
    report.torn = text_of(torn);
    auto const head = engine->read_head();
    report.position = {.database = head.database, .sequence = head.sequence, .revision = head.revision};
    if (head.committed_at != change::instant{}) report.last_commit_at = head.committed_at;
    if (head.database != directory.database())
      report.problems.push_back(directory.format_path().string() + " belongs to another database");
    if (auto const bytes = witness_file::read(directory.witness_path(), {}))
      report.acknowledged = witness::read(head.database, *bytes);
    if (!report.acknowledged)
      report.problems.push_back(directory.witness_path().string() + " is missing or damaged");
    else if (*report.acknowledged > head.sequence)
      report.problems.push_back("the journal ends at change " + std::to_string(head.sequence) + ", but change " +
                                std::to_string(*report.acknowledged) + " was acknowledged");
    report.contents = engine->scan([](recovered_entry const&) {});
    if (auto const wrong = difference(head, report.contents); !wrong.empty())
      report.problems.push_back(directory.engine_path().string() + ' ' + wrong);
    engine->verify_checksums();
  } catch (journal_error const& error) {
    if (error.fault() != journal_fault::damaged && error.fault() != journal_fault::storage_failed) throw;
    report.problems.emplace_back(error.what());
  }
  return report;
}

restored_data restore_data(fs::path const& backup, fs::path const& to) {
  data_directory const source(backup, data_directory::access::read);
  require_data(source);
  data_directory target(to, data_directory::access::create);
  if (!target.takes_copies())
    throw journal_error(journal_fault::cannot_create,
                        target.path().string() + " holds a database already; name an empty directory");
  auto const database = new_database_id();
  target.mark(state::copying, database);
  target.clear();
  copy_engine_files(source.engine_path(), target.engine_path());
  auto const torn = torn_logs(target.engine_path());
  cut(torn);
  forget_copies(torn);
  record::head head;
  std::uint64_t revision_in_backup = 0;
  try {
    rocksdb_engine engine(target.engine_path(), rocksdb_engine::mode::write, rocksdb_engine::damage::refused);
    head = engine.read_head();
    auto const bytes = witness_file::read(source.witness_path(), {});
    auto const acknowledged = bytes ? witness::read(head.database, *bytes) : std::nullopt;
    auto wrong = difference(head, engine.scan([](recovered_entry const&) {}));
    if (head.database != source.database() || !acknowledged || *acknowledged > head.sequence)
      wrong = "is not what its files format and witness say";
    if (!wrong.empty()) throw journal_error(journal_fault::damaged, source.path().string() + ' ' + wrong + "; ");
    engine.verify_checksums();
    revision_in_backup = head.revision;
    head.database = database;
    head.revision = revision_after_a_loss(head.revision);
    if (auto const error = engine.write({}, head, true)) throw journal_error(*error);
    engine.close();
  } catch (journal_error const& error) {
    if (error.fault() != journal_fault::damaged) throw;
    throw error_of_source(error, source.path(), target.path());
  }
  sync_directory(target.engine_path());
  witness_file::create(target.witness_path(), witness::write(database, head.sequence), {});
  sync_directory(target.path());
  target.mark(state::ready, database);
  return {.position = {.database = database, .sequence = head.sequence, .revision = head.revision},
          .revision_in_backup = revision_in_backup};
}

}  // namespace holdfast::server
