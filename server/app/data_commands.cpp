#include "server/app/data_commands.hpp"

#include <sysexits.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <iomanip>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>

#include "server/journal/data_tools.hpp"
#include "server/journal/disk_check.hpp"
#include "server/journal/rocksdb_journal.hpp"

namespace holdfast::server {

namespace {

/// Runs a command and turns its exceptions into an exit status.
template <class Command>
int status_of(Command const& command) {
  try {
    return command();
  } catch (journal_error const& error) {
    std::cerr << "holdfast-server: " << error.what() << '\n';
    return exit_status_of(error.fault());
  }
}

/// Formats 17201 as 17,201.
std::string grouped(std::uint64_t number) {
  auto digits = std::to_string(number);
  for (auto at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

std::string grouped(double number) {
  return grouped(static_cast<std::uint64_t>(number));
}

std::string text_of(change::instant instant) {
  auto const seconds = change::instant::clock::to_time_t(instant);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::ostringstream text;
  text << std::put_time(&parts, "%Y-%m-%d %H:%M:%S UTC");
  return text.str();
}

std::string text_of(std::uint64_t database) {
  std::ostringstream text;
  text << std::hex << std::setw(16) << std::setfill('0') << database;
  return text.str();
}

std::string milliseconds_of(std::chrono::nanoseconds time) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(3) << std::chrono::duration<double, std::milli>(time).count() << " ms";
  return text.str();
}

}  // namespace

int exit_status_of(journal_fault fault) noexcept {
  switch (fault) {
    case journal_fault::damaged:
    case journal_fault::unknown_format:
      return EX_DATAERR;
    case journal_fault::cannot_create:
      return EX_CANTCREAT;
    case journal_fault::not_permitted:
      return EX_NOPERM;
    case journal_fault::in_use:
    case journal_fault::not_leading:
      return EX_TEMPFAIL;
    case journal_fault::storage_failed:
    case journal_fault::disk_full:
      break;
  }
  return EX_IOERR;
}

int run_inspect(std::filesystem::path const& directory) {
  return status_of([&] {
    auto const report = inspect_data(directory);
    std::cout << (report.is_backup ? "backup of database " : "database ") << text_of(report.position.database) << '\n'
              << "  entries       " << grouped(report.contents.entries) << ", " << grouped(report.contents.expiring)
              << " of them with a time to live\n"
              << "  keys, values  " << grouped(report.contents.bytes) << " bytes\n"
              << "  on the disk   " << grouped(report.bytes_on_disk) << " bytes\n"
              << "  revision      " << grouped(report.position.revision) << '\n'
              << "  last change   " << grouped(report.position.sequence);
    if (report.last_commit_at) std::cout << ", committed at " << text_of(*report.last_commit_at);
    std::cout << '\n';
    if (!report.torn.empty()) std::cout << "a start removes " << report.torn << '\n';
    if (report.whole()) {
      std::cout << "complete and undamaged\n";
      return EXIT_SUCCESS;
    }
    for (auto const& problem : report.problems) std::cout << "DAMAGED: " << problem << '\n';
    return exit_status_of(journal_fault::damaged);
  });
}

namespace {

/// @throws journal_error, which also says how to copy a directory that can't be written.
std::unique_ptr<rocksdb_journal> open_for_backup(std::filesystem::path const& directory) {
  try {
    return std::make_unique<rocksdb_journal>(rocksdb_settings{.directory = directory});
  } catch (journal_error const& error) {
    if (error.fault() != journal_fault::not_permitted) throw;
    throw journal_error(error.fault(), std::string(error.what()) + ". To copy data that can only be read, use " +
                                           "'holdfast-server restore " + directory.string() +
                                           " --data NEW_DIR', which makes a database with an id of its own");
  }
}

}  // namespace

int run_backup(std::filesystem::path const& directory, std::filesystem::path const& to) {
  return status_of([&] {
    // Opening a missing database would create it, and an empty backup would be a surprise.
    if (auto const report = inspect_data(directory); !report.whole())
      throw journal_error(journal_fault::damaged, report.problems.front());
    auto journal = open_for_backup(directory);
    if (auto const removed = journal->removed_tail(); !removed.empty()) std::cerr << "removed " << removed << '\n';
    auto const position = journal->back_up(to);
    journal->close();
    std::cout << "backed up database " << text_of(position.database) << " up to revision " << grouped(position.revision)
              << " into " << to.string() << '\n';
    return EXIT_SUCCESS;
  });
}

int run_restore(std::filesystem::path const& backup, std::filesystem::path const& to) {
  return status_of([&] {
    auto const restored = restore_data(backup, to);
    std::cout << "restored " << to.string() << " up to revision " << grouped(restored.revision_in_backup)
              << "; it is database " << text_of(restored.position.database) << " now, and continues at revision "
              << grouped(restored.position.revision) << ". Start it with --data " << to.string() << '\n';
    return EXIT_SUCCESS;
  });
}

int run_check_disk(std::filesystem::path const& directory) {
  return status_of([&] {
    auto const report = check_disk(directory);
    std::cout << directory.string() << " (" << report.file_system << ")\n"
              << "  write of 4 KiB          " << milliseconds_of(report.write_median) << " (median)\n"
              << "  write and sync          " << milliseconds_of(report.sync_median) << " (median), "
              << milliseconds_of(report.sync_p99) << " (p99)\n"
              << "  syncs                   " << grouped(1e9 / static_cast<double>(report.sync_median.count()))
              << " a second\n";
    for (auto const& rate : report.rates)
      std::cout << "  durable puts of 100 B   " << grouped(rate.of_journal) << " a second with " << rate.writers
                << (rate.writers == 1 ? " writer" : " writers") << " (a bare log: " << grouped(rate.of_log) << ")\n";
    std::cout << (report.doubt.empty() ? "nothing speaks against its syncs" : "DOUBT: " + report.doubt) << '\n';
    return EXIT_SUCCESS;
  });
}

}  // namespace holdfast::server
