#include "server/journal/data_tools.hpp"

#include <random>
#include <system_error>

#include "server/journal/data_directory.hpp"

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
  throw journal_error(journal_fault::cannot_create, directory.path().string() + " holds no Holdfast database");
}

}  // namespace

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
    rocksdb_engine engine(directory.engine_path(), rocksdb_engine::mode::read, rocksdb_engine::damage::refused);
    auto const head = engine.read_head();
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
    report.contents = engine.scan([](recovered_entry const&) {});
    if (auto const wrong = difference(head, report.contents); !wrong.empty())
      report.problems.push_back(directory.engine_path().string() + ' ' + wrong);
    engine.verify_checksums();
  } catch (journal_error const& error) {
    if (error.fault() != journal_fault::damaged && error.fault() != journal_fault::storage_failed) throw;
    report.problems.emplace_back(error.what());
  }
  return report;
}

journal_position restore_data(fs::path const& backup, fs::path const& to) {
  data_directory const source(backup, data_directory::access::read);
  require_data(source);
  data_directory target(to, data_directory::access::create);
  if (target.found() != state::empty && target.found() != state::creating)
    throw journal_error(journal_fault::cannot_create,
                        target.path().string() + " holds a database already; name an empty directory");
  auto const database = new_database_id();
  target.mark(state::creating, database);
  target.clear();
  copy_engine_files(source.engine_path(), target.engine_path());
  rocksdb_engine engine(target.engine_path(), rocksdb_engine::mode::write, rocksdb_engine::damage::refused);
  auto head = engine.read_head();
  auto const bytes = witness_file::read(source.witness_path(), {});
  auto const acknowledged = bytes ? witness::read(head.database, *bytes) : std::nullopt;
  auto wrong = difference(head, engine.scan([](recovered_entry const&) {}));
  if (head.database != source.database() || !acknowledged || *acknowledged > head.sequence)
    wrong = "is not what its files format and witness say";
  if (!wrong.empty())
    throw journal_error(journal_fault::damaged, source.path().string() + ' ' + wrong + "; restore another backup");
  engine.verify_checksums();
  head.database = database;
  if (auto const error = engine.write({}, head, true)) throw journal_error(*error);
  engine.close();
  sync_directory(target.engine_path());
  witness_file::create(target.witness_path(), witness::write(database, head.sequence), {});
  sync_directory(target.path());
  target.mark(state::ready, database);
  return {.database = database, .sequence = head.sequence, .revision = head.revision};
}

}  // namespace holdfast::server
