#include "server/journal/data_tools.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "server/journal/rocksdb_journal.hpp"
#include "tests/server/journal/history.hpp"

namespace holdfast::server {
namespace {

using namespace server::testing;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

class data_tools : public ::testing::Test {
 protected:
  rocksdb_settings settings(char const* directory) const {
    return {.directory = scratch / directory, .tuning = {.buffer_bytes = 64 * 1024, .environment = {}}};
  }
  static void commit(journal& to, std::vector<change> const& batch) {
    auto const error = to.commit(batch);
    ASSERT_FALSE(error) << error->what();
  }
  static journal_fault fault_of(std::function<void()> const& action) {
    try {
      action();
    } catch (journal_error const& error) {
      return error.fault();
    }
    ADD_FAILURE() << "there was no error";
    return {};
  }

  scratch_directory scratch;
};

TEST_F(data_tools, a_backup_taken_during_commits_is_a_state_that_was_once_and_holds_all_that_was_durable_before) {
  rocksdb_journal journal(settings("data"));
  auto const database = journal.position().database;
  history made(1, 200, 2'000);
  std::atomic<std::uint64_t> durable = 0;
  std::atomic<bool> stopped = false;
  std::thread writer([&] {
    while (!stopped) {
      commit(journal, made.next(3));
      durable = made.sequence();
    }
  });
  for (auto const* const name : {"backup-1", "backup-2"}) {
    auto const before = durable.load();
    auto const position = journal.back_up(scratch / name);
    EXPECT_GE(position.sequence, before);
    EXPECT_EQ(position.database, database);
  }
  stopped = true;
  writer.join();
  for (auto const* const name : {"backup-1", "backup-2"}) {
    auto const report = inspect_data(scratch / name);
    EXPECT_TRUE(report.whole()) << report.problems[0];
    EXPECT_TRUE(report.is_backup);
    auto const restored = (scratch / name) += "-restored";
    auto const position = restore_data(scratch / name, restored).position;
    EXPECT_NE(position.database, report.position.database) << "old tags and watchers would not notice";
    EXPECT_EQ(position.sequence, report.position.sequence);
    rocksdb_journal copy({.directory = restored});
    EXPECT_EQ(copy.position(), position);
    EXPECT_EQ(recovered(copy), state_after(history(1, 200, 2'000), position.sequence));
  }
}

TEST_F(data_tools, nothing_is_copied_over_what_is_there) {
  rocksdb_journal journal(settings("data"));
  static_cast<void>(journal.back_up(scratch / "backup"));
  EXPECT_EQ(fault_of([&] { static_cast<void>(journal.back_up(scratch / "backup")); }), journal_fault::cannot_create);
  EXPECT_EQ(fault_of([&] { restore_data(scratch / "backup", scratch / "data"); }), journal_fault::in_use);
  journal.close();
  EXPECT_EQ(fault_of([&] { restore_data(scratch / "backup", scratch / "data"); }), journal_fault::cannot_create);
  fs::create_directory(scratch / "other");
  std::ofstream(scratch / "other/file") << "x";
  EXPECT_EQ(fault_of([&] { restore_data(scratch / "backup", scratch / "other"); }), journal_fault::cannot_create);
  EXPECT_EQ(fault_of([&] { restore_data(scratch / "other", scratch / "new"); }), journal_fault::cannot_create);
}

// The tokens of named locks are revisions. After a restore they began again, so that a client that had been suspended
// since before it, with a token from after the backup, passed as the holder.
TEST_F(data_tools, a_restored_database_goes_on_beyond_every_revision_there_was_also_of_an_earlier_restore) {
  rocksdb_journal journal(settings("data"));
  history made(4);
  commit(journal, made.next(10));
  static_cast<void>(journal.back_up(scratch / "backup"));
  auto const in_backup = made.revision();
  commit(journal, made.next(10));
  auto const first = restore_data(scratch / "backup", scratch / "first");
  EXPECT_EQ(first.revision_in_backup, in_backup);
  EXPECT_GT(first.position.revision, made.revision() + 1'000'000'000);
  EXPECT_LT(first.position.revision, std::uint64_t{1} << 50) << "JSON ends at 2^53";
  auto revision = first.position.revision;
  {
    rocksdb_journal restored(settings("first"));
    recovered(restored);
    change one;
    one.sequence = first.position.sequence + 1;
    one.revision = ++revision;
    one.key = "later";
    one.value = std::make_shared<std::string const>("1");
    commit(restored, {one});
    EXPECT_EQ(restored.position().revision, revision);
  }
  EXPECT_GT(restore_data(scratch / "backup", scratch / "second").position.revision, revision);
}

// A directory of a killed server may be restored like a backup. What a crash left behind its last record is not damage.
TEST_F(data_tools, an_incomplete_last_record_is_left_out_of_a_restore) {
  std::string before_the_last;
  {
    rocksdb_journal journal(settings("data"));
    history made(5);
    for (int i = 0; i < 20; ++i) {
      before_the_last = bytes_of(scratch / "data/witness");
      commit(journal, made.next(1));
    }
  }
  auto const log = newest_log(scratch / "data");
  overwrite(log, fs::file_size(log) - 3, std::string(3, '\0'));
  EXPECT_EQ(fault_of([&] { restore_data(scratch / "data", scratch / "no"); }), journal_fault::damaged)
      << "the witness says that it was acknowledged";
  std::ofstream(scratch / "data/witness") << before_the_last;
  EXPECT_EQ(restore_data(scratch / "data", scratch / "restored").position.sequence, 19U);
  rocksdb_journal restored(settings("restored"));
  EXPECT_EQ(recovered(restored), state_after(history(5), 19));
}

// It would share its id with the original database, and two histories would continue under one id.
TEST_F(data_tools, a_backup_is_never_served) {
  rocksdb_journal journal(settings("data"));
  static_cast<void>(journal.back_up(scratch / "backup"));
  EXPECT_EQ(fault_of([&] { rocksdb_journal const served(settings("backup")); }), journal_fault::cannot_create);
}

TEST_F(data_tools, a_damaged_backup_is_not_restored) {
  rocksdb_journal journal(settings("data"));
  commit(journal, history(2).next(50));
  static_cast<void>(journal.back_up(scratch / "backup"));
  for (auto const& file : fs::directory_iterator(scratch / "backup/journal")) {
    if (file.path().extension() != ".sst") continue;
    std::fstream bytes(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(20);
    bytes.put('\x55');
  }
  EXPECT_FALSE(inspect_data(scratch / "backup").whole());
  try {
    restore_data(scratch / "backup", scratch / "restored");
    ADD_FAILURE() << "it was restored";
  } catch (journal_error const& error) {
    EXPECT_EQ(error.fault(), journal_fault::damaged);
    // It named its own copy, and advised to restore a backup.
    EXPECT_THAT(error.what(), AllOf(HasSubstr((scratch / "backup").string()), EndsWith("; restore another backup"),
                                    Not(HasSubstr((scratch / "restored").string()))));
  }
  // An incomplete restore is not a database.
  EXPECT_EQ(fault_of([&] { static_cast<void>(inspect_data(scratch / "restored")); }), journal_fault::cannot_create);
}

TEST_F(data_tools, an_inspection_counts_what_is_there_and_changes_nothing) {
  history made(3);
  {
    rocksdb_journal journal(settings("data"));
    commit(journal, made.next(100));
    journal.close();
  }
  auto const files = [&] {
    std::map<std::string, fs::file_time_type> times;
    for (auto const& file : fs::recursive_directory_iterator(scratch / "data"))
      times[file.path().string()] = file.last_write_time();
    for (auto const* const directory : {"data", "data/journal"}) times.erase((scratch / directory).string());
    return times;
  };
  auto const before = files();
  auto const report = inspect_data(scratch / "data");
  EXPECT_EQ(files(), before);
  EXPECT_TRUE(report.whole());
  EXPECT_FALSE(report.is_backup);
  std::uint64_t bytes = 0, expiring = 0;
  for (auto const& [key, entry] : made.state()) {
    if (!key.starts_with("key-")) continue;
    bytes += key.size() + entry.value.size();
    expiring += entry.expires_at ? 1 : 0;
  }
  EXPECT_EQ(report.contents.entries + report.contents.records, made.state().size());
  EXPECT_GT(report.contents.records, 0U);
  EXPECT_EQ(report.contents.bytes, bytes);
  EXPECT_EQ(report.contents.expiring, expiring);
  EXPECT_EQ(report.position.sequence, 100u);
  EXPECT_EQ(report.acknowledged, 100u);
  EXPECT_GT(report.bytes_on_disk, 1'000u);
  EXPECT_TRUE(report.last_commit_at);
}

TEST_F(data_tools, an_inspection_of_nothing_says_so) {
  EXPECT_EQ(fault_of([&] { static_cast<void>(inspect_data(scratch / "nowhere")); }), journal_fault::cannot_create);
  EXPECT_FALSE(fs::exists(scratch / "nowhere"));
}

}  // namespace
}  // namespace holdfast::server
