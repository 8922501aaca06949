#include "server/journal/rocksdb_journal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string_view>
#include <thread>

#include "server/journal/data_tools.hpp"
#include "tests/server/journal/history.hpp"
#include "tests/server/journal/unreliable_disk.hpp"

namespace holdfast::server {
namespace {

using namespace server::testing;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
namespace fs = std::filesystem;

/// Small buffers, so that a few kilobytes reach tables and compactions.
constexpr std::size_t small_buffer = 64 * 1024;

class rocksdb_journal_test : public ::testing::Test {
 protected:
  rocksdb_settings settings() const {
    return {.directory = scratch / "data", .tuning = {.buffer_bytes = small_buffer, .environment = {}}};
  }
  /// The error of opening the directory and reading all of it.
  journal_error error_of(rocksdb_settings const& wanted) const {
    try {
      rocksdb_journal opened(wanted);
      recovered(opened);
    } catch (journal_error const& error) {
      return error;
    }
    return {journal_fault::in_use, "there was no error"};
  }
  static void commit(journal& to, std::vector<change> const& batch) {
    auto const error = to.commit(batch);
    ASSERT_FALSE(error) << error->what();
  }

  scratch_directory scratch;
};

TEST_F(rocksdb_journal_test, what_was_committed_is_recovered_through_many_restarts) {
  history made(1, 300, 3'000);
  std::uint64_t database = 0;
  for (int life = 0; life < 6; ++life) {
    rocksdb_journal journal(settings());
    EXPECT_EQ(recovered(journal), made.state());
    if (life == 0) database = journal.position().database;
    EXPECT_EQ(journal.position(), (journal_position{database, made.sequence(), made.revision()}));
    EXPECT_NE(database, 0u);
    for (int i = 0; i < 100; ++i) commit(journal, made.next(made.size_up_to(5)));
    if (life % 2 == 0) journal.close();
  }
}

TEST_F(rocksdb_journal_test, commits_without_syncs_are_there_after_a_close) {
  auto wanted = settings();
  wanted.sync = false;
  history made(2);
  {
    rocksdb_journal journal(wanted);
    for (int i = 0; i < 50; ++i) commit(journal, made.next(3));
    journal.close();
  }
  rocksdb_journal journal(wanted);
  EXPECT_EQ(recovered(journal), made.state());
}

TEST_F(rocksdb_journal_test, touches_apply_in_order_also_after_compactions) {
  history made(3, 4, 2'000);
  {
    rocksdb_journal journal(settings());
    for (int i = 0; i < 400; ++i) commit(journal, made.next(1));
  }
  rocksdb_journal journal(settings());
  EXPECT_EQ(recovered(journal), made.state());
}

TEST_F(rocksdb_journal_test, values_larger_than_a_batch_and_odd_keys_come_back) {
  change large;
  large.sequence = large.revision = 1;
  large.key = std::string("\0h\xff", 3);
  large.value = std::make_shared<std::string const>(6 * 1024 * 1024, 'x');
  {
    rocksdb_journal journal(settings());
    auto empty_key = large;
    empty_key.sequence = empty_key.revision = 2;
    empty_key.key.clear();
    empty_key.value = std::make_shared<std::string const>();
    commit(journal, {large, empty_key});
  }
  rocksdb_journal journal(settings());
  auto const state = recovered(journal);
  ASSERT_EQ(state.size(), 2u);
  EXPECT_EQ(state.at(large.key).value, *large.value);
  EXPECT_EQ(state.at("").value, "");
}

TEST_F(rocksdb_journal_test, figures_say_how_much_there_is_and_when_it_was_written) {
  auto const before = std::chrono::system_clock::now();
  history made(4, 10, 1'000);
  {
    rocksdb_journal journal(settings());
    EXPECT_FALSE(journal.figures().last_commit_at);
    commit(journal, made.next(30));
    EXPECT_GE(journal.figures().last_commit_at, before);
    EXPECT_GT(journal.figures().bytes, 10'000u);
    EXPECT_GT(journal.figures().bytes_free, 0u);
  }
  EXPECT_GE(rocksdb_journal(settings()).figures().last_commit_at, before) << "forgotten by the restart";
}

TEST_F(rocksdb_journal_test, there_is_no_room_before_the_disk_is_full_and_room_again_with_some_to_spare) {
  {
    rocksdb_journal const made(settings());
  }
  unreliable_disk disk(scratch / "data");
  auto wanted = settings();
  wanted.room_bytes_min = 1'000;
  wanted.tuning.environment = disk.environment();
  rocksdb_journal journal(wanted);
  for (auto const& [free, room] :
       {std::pair{2'000, true}, {1'000, true}, {999, false}, {1'100, false}, {1'250, true}}) {
    disk.set_bytes_free(static_cast<std::uint64_t>(free));
    EXPECT_EQ(journal.has_room(), room) << free;
  }
}

// Two processes that write the same files lose data silently.
TEST_F(rocksdb_journal_test, a_directory_in_use_is_refused_and_its_owner_named) {
  rocksdb_journal const owner(settings());
  auto const error = error_of(settings());
  EXPECT_EQ(error.fault(), journal_fault::in_use);
  EXPECT_THAT(error.what(), AllOf(HasSubstr((scratch / "data").string()),
                                  HasSubstr("process " + std::to_string(::getpid()) + " on ")));
  EXPECT_THROW(static_cast<void>(inspect_data(scratch / "data")), journal_error);
}

// A server that was started right after `kill -9` of its predecessor found the directory in use: the system releases a
// process's locks only when it has freed its memory.
TEST_F(rocksdb_journal_test, a_directory_whose_owner_is_about_to_end_is_waited_for) {
  auto owner = std::make_unique<rocksdb_journal>(settings());
  std::thread ends([&owner] { owner.reset(); });
  EXPECT_NO_THROW(rocksdb_journal{settings()});
  ends.join();
}

TEST_F(rocksdb_journal_test, a_directory_with_other_files_is_left_alone) {
  fs::create_directory(scratch / "data");
  std::ofstream(scratch / "data/thesis.txt") << "years of work";
  auto const error = error_of(settings());
  EXPECT_EQ(error.fault(), journal_fault::cannot_create);
  EXPECT_THAT(error.what(), HasSubstr("holds other files"));
  EXPECT_FALSE(fs::exists(scratch / "data/journal"));
  EXPECT_TRUE(fs::exists(scratch / "data/thesis.txt"));
}

TEST_F(rocksdb_journal_test, a_fresh_volume_and_missing_parents_are_no_obstacle) {
  auto wanted = settings();
  wanted.directory = scratch / "a/b/c/";
  {
    rocksdb_journal const made(wanted);
  }
  EXPECT_TRUE(fs::exists(scratch / "a/b/c/format"));
  EXPECT_EQ(fs::status(scratch / "a/b/c").permissions() & fs::perms::others_all, fs::perms::none)
      << "values are not for everybody on the machine";
  fs::create_directories(scratch / "data/lost+found");
  {
    rocksdb_journal const made(settings());
  }
  EXPECT_TRUE(fs::exists(scratch / "data/format"));
}

TEST_F(rocksdb_journal_test, where_no_directory_can_be_made_the_start_says_so) {
  std::ofstream(scratch / "file") << "x";
  auto wanted = settings();
  for (auto const* const path : {"file", "file/data"}) {
    wanted.directory = scratch / path;
    auto const error = error_of(wanted);
    EXPECT_EQ(error.fault(), journal_fault::cannot_create) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(wanted.directory.string()));
  }
  if (::geteuid() == 0) return;  // root may do everything
  fs::create_directory(scratch / "locked");
  fs::permissions(scratch / "locked", fs::perms::owner_read | fs::perms::owner_exec);
  wanted.directory = scratch / "locked/data";
  EXPECT_EQ(error_of(wanted).fault(), journal_fault::not_permitted);
}

// It would have become an empty database, in place of the one that its operator was about to restore.
TEST_F(rocksdb_journal_test, a_restore_or_backup_that_was_interrupted_is_not_served_but_may_be_repeated) {
  history made(13);
  rocksdb_journal journal(settings());
  commit(journal, made.next(20));
  static_cast<void>(journal.back_up(scratch / "backup"));
  auto wanted = settings();
  wanted.directory = scratch / "copy";
  for (auto const restores : {true, false}) {
    fs::remove_all(scratch / "copy");
    fs::create_directory(scratch / "copy");
    {
      data_directory half_made(scratch / "copy", data_directory::access::use);
      half_made.mark(data_directory::state::copying, 1);
    }
    fs::copy(scratch / "backup/journal", scratch / "copy/journal");
    auto const error = error_of(wanted);
    EXPECT_EQ(error.fault(), journal_fault::cannot_create);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("interrupted; run that again"), HasSubstr("copy")));
    EXPECT_TRUE(fs::exists(scratch / "copy/journal/CURRENT")) << "copied files were removed";
    EXPECT_THROW(static_cast<void>(inspect_data(scratch / "copy")), journal_error);
    if (restores)
      restore_data(scratch / "backup", scratch / "copy");
    else
      static_cast<void>(journal.back_up(scratch / "copy"));
    EXPECT_TRUE(inspect_data(scratch / "copy").whole());
  }
}

// A kill between two steps of a creation must not leave a directory that no start accepts.
TEST_F(rocksdb_journal_test, a_creation_that_was_interrupted_begins_anew) {
  fs::create_directory(scratch / "data");
  {
    data_directory half_made(scratch / "data", data_directory::access::use);
    half_made.mark(data_directory::state::creating, 1);
  }
  fs::create_directory(scratch / "data/journal");
  std::ofstream(scratch / "data/journal/CURRENT") << "half";
  std::ofstream(scratch / "data/witness") << "half";
  rocksdb_journal journal(settings());
  EXPECT_TRUE(recovered(journal).empty());
}

TEST_F(rocksdb_journal_test, a_journal_that_ends_before_what_was_acknowledged_is_refused_unless_the_loss_is_accepted) {
  history made(5);
  std::uint64_t database = 0;
  {
    rocksdb_journal journal(settings());
    database = journal.position().database;
    for (int i = 0; i < 17; ++i) commit(journal, made.next(1));
  }
  std::ofstream(scratch / "data/witness") << witness::write(database, 23);
  auto const error = error_of(settings());
  EXPECT_EQ(error.fault(), journal_fault::damaged);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("ends at change 17, but change 23 was acknowledged"),
                                  HasSubstr("--accept-loss"), HasSubstr((scratch / "data").string())));
  auto wanted = settings();
  wanted.accept_loss = true;
  {
    rocksdb_journal journal(wanted);
    EXPECT_EQ(recovered(journal), made.state());
    EXPECT_THAT(journal.accepted_loss(), HasSubstr("change 23 was acknowledged"));
    EXPECT_NE(journal.position().database, database) << "old tags must not match what others write under their number";
    database = journal.position().database;
    commit(journal, made.next(2));
  }
  rocksdb_journal journal(wanted);
  EXPECT_EQ(recovered(journal), made.state());
  EXPECT_EQ(journal.accepted_loss(), "");
  EXPECT_EQ(journal.position().database, database) << "without damage, accepting loss changes nothing";
}

// The new id was written only by recover(). A start that failed before it, with a taken port for example, had the
// engine already remove the damage, so the next start served half of the changes under the old id.
TEST_F(rocksdb_journal_test, a_loss_that_was_accepted_by_a_start_that_failed_must_be_accepted_again) {
  for (auto const* const found : {"missing", "old"}) {
    SCOPED_TRACE(std::string("the witness is ") + found);
    fs::remove_all(scratch / "data");
    history made(7);
    std::string old;
    {
      rocksdb_journal journal(settings());
      for (int i = 0; i < 40; ++i) {
        commit(journal, made.next(1));
        if (i == 10) old = bytes_of(scratch / "data/witness");
      }
    }
    auto const log = newest_log(scratch / "data");
    auto const middle = fs::file_size(log) / 2;
    overwrite(log, middle, std::string(1, static_cast<char>(~bytes_of(log)[middle])));
    fs::remove(scratch / "data/witness");
    if (found == std::string_view("old")) std::ofstream(scratch / "data/witness") << old;
    EXPECT_EQ(error_of(settings()).fault(), journal_fault::damaged);
    auto wanted = settings();
    wanted.accept_loss = true;
    {
      rocksdb_journal const not_recovered(wanted);
      EXPECT_NE(not_recovered.accepted_loss(), "");
    }
    auto const error = error_of(settings());
    EXPECT_EQ(error.fault(), journal_fault::damaged) << error.what();
    {
      rocksdb_journal journal(wanted);
      auto const state = recovered(journal);
      EXPECT_LT(journal.position().sequence, 40U);
      EXPECT_EQ(state, state_after(history(7), journal.position().sequence));
      EXPECT_NE(journal.accepted_loss(), "");
    }
    rocksdb_journal served(settings());
    EXPECT_LT(recovered(served).size(), made.state().size());
  }
}

// A loss that consists of the witness alone: it was created anew before the loss had its new id.
TEST_F(rocksdb_journal_test, a_missing_witness_stays_missing_until_its_loss_is_known_by_a_new_id) {
  {
    rocksdb_journal journal(settings());
    commit(journal, history(8).next(5));
  }
  fs::remove(scratch / "data/witness");
  auto wanted = settings();
  wanted.accept_loss = true;
  {
    rocksdb_journal const not_recovered(wanted);
  }
  EXPECT_THAT(error_of(settings()).what(), HasSubstr("witness is missing"));
  {
    rocksdb_journal journal(wanted);
    recovered(journal);
    EXPECT_TRUE(journal.has_room());
  }
  rocksdb_journal served(settings());
  EXPECT_EQ(recovered(served).size(), state_after(history(8), 5).size());
}

// The tokens of named locks are revisions. A dead client that had a token from the lost part passed as the holder.
TEST_F(rocksdb_journal_test, an_accepted_loss_goes_on_beyond_every_revision_that_is_lost) {
  history made(9);
  {
    rocksdb_journal journal(settings());
    commit(journal, made.next(30));
  }
  std::ofstream(scratch / "data/witness") << "damaged";
  auto wanted = settings();
  wanted.accept_loss = true;
  rocksdb_journal journal(wanted);
  recovered(journal);
  EXPECT_GT(journal.position().revision, made.revision() + 1'000'000'000);
  EXPECT_LT(journal.position().revision, std::uint64_t{1} << 53) << "not a number for every reader of JSON";
}

// What a crash left behind the last record was removed without a word, although without syncs it may have been
// acknowledged.
TEST_F(rocksdb_journal_test, the_end_of_a_log_that_is_removed_is_reported) {
  for (auto const sync : {true, false}) {
    for (auto const* const how : {"cut", "damaged"}) {
      SCOPED_TRACE(std::string(how) + (sync ? ", with syncs" : ", without syncs"));
      fs::remove_all(scratch / "data");
      auto wanted = settings();
      wanted.sync = sync;
      std::string before_the_last;
      std::uintmax_t bytes = 0;
      {
        rocksdb_journal journal(wanted);
        history made(10);
        for (int i = 0; i < 30; ++i) {
          before_the_last = bytes_of(scratch / "data/witness");
          bytes = fs::file_size(newest_log(scratch / "data"));
          commit(journal, made.next(1));
        }
      }
      auto const log = newest_log(scratch / "data");
      std::ofstream(scratch / "data/witness") << before_the_last;
      if (how == std::string_view("cut"))
        fs::resize_file(log, fs::file_size(log) - 3);
      else
        overwrite(log, fs::file_size(log) - 3, "\x7f\x7f");
      auto const torn = std::to_string(fs::file_size(log) - bytes) + " bytes at the end of " + log.string();
      {
        auto const report = inspect_data(scratch / "data");
        EXPECT_TRUE(report.whole()) << report.problems[0];
        EXPECT_EQ(report.position.sequence, 29U);
        EXPECT_THAT(report.torn, StartsWith(torn)) << "an inspection refused what a start repairs";
      }
      {
        rocksdb_journal journal(wanted);
        EXPECT_THAT(journal.removed_tail(), StartsWith(torn));
        EXPECT_EQ(recovered(journal), state_after(history(10), 29));
        journal.close();
      }
      EXPECT_EQ(rocksdb_journal(wanted).removed_tail(), "");
    }
  }
}

// The witness was never written without syncs, so that damage looked like an incomplete record.
TEST_F(rocksdb_journal_test, what_a_stop_has_synced_is_known_to_be_durable_also_without_syncs) {
  auto wanted = settings();
  wanted.sync = false;
  {
    rocksdb_journal journal(wanted);
    history made(11);
    for (int i = 0; i < 20; ++i) commit(journal, made.next(1));
    journal.close();
  }
  auto const log = newest_log(scratch / "data");
  overwrite(log, fs::file_size(log) - 3, "\x7f\x7f");
  EXPECT_EQ(error_of(wanted).fault(), journal_fault::damaged);
  EXPECT_FALSE(inspect_data(scratch / "data").whole());
}

// Nothing may be lost by trying: the records before the first damage would end there.
TEST_F(rocksdb_journal_test, an_incomplete_last_record_does_not_hide_other_damage) {
  {
    rocksdb_journal journal(settings());
    history made(12);
    for (int i = 0; i < 20; ++i) commit(journal, made.next(1));
  }
  auto const log = newest_log(scratch / "data");
  fs::copy_file(log, scratch / "data/journal/000099.log");
  overwrite(log, fs::file_size(log) / 2, "\x7f\x7f\x7f");
  fs::resize_file(scratch / "data/journal/000099.log", fs::file_size(log) - 3);
  std::ofstream(scratch / "data/witness")
      << witness::write(data_directory(scratch / "data", data_directory::access::use).database(), 1);
  EXPECT_FALSE(inspect_data(scratch / "data").whole());
}

TEST_F(rocksdb_journal_test, the_head_finds_entries_that_the_engine_has_lost) {
  history made(6);
  {
    rocksdb_journal journal(settings());
    commit(journal, made.next(50));
    journal.close();
    rocksdb_engine engine(scratch / "data/journal", rocksdb_engine::mode::write, rocksdb_engine::damage::refused);
    auto const head = engine.read_head();
    change lost;
    lost.what = change::kind::del;
    lost.key = made.state().begin()->first;
    ASSERT_FALSE(engine.write(std::span(&lost, 1), head, true));
  }
  auto const error = error_of(settings());
  EXPECT_EQ(error.fault(), journal_fault::damaged);
  EXPECT_THAT(error.what(), HasSubstr("entries where " + std::to_string(made.state().size()) + " were committed"));
  EXPECT_FALSE(inspect_data(scratch / "data").whole());
}

TEST_F(rocksdb_journal_test, a_directory_of_a_later_version_is_refused_by_name) {
  {
    rocksdb_journal const made(settings());
  }
  std::ofstream(scratch / "data/format") << "holdfast data 2, granite, database 0000000000000001, ready\n";
  auto const error = error_of(settings());
  EXPECT_EQ(error.fault(), journal_fault::unknown_format);
  EXPECT_THAT(error.what(), HasSubstr("data/format"));
}

// Without it, the directory would look empty.
TEST_F(rocksdb_journal_test, a_database_without_its_format_file_is_refused) {
  {
    rocksdb_journal const made(settings());
  }
  fs::remove(scratch / "data/format");
  auto const error = error_of(settings());
  EXPECT_EQ(error.fault(), journal_fault::damaged);
  EXPECT_THAT(error.what(), HasSubstr("data/format is missing"));
}

// Written by the first version that kept data; never to be written again.
TEST_F(rocksdb_journal_test, a_directory_kept_from_format_1_opens) {
  fs::path const kept = HOLDFAST_TEST_SOURCE_DIR;
  fs::copy(kept / "format-1", scratch / "data", fs::copy_options::recursive);
  rocksdb_journal journal(settings());
  std::ostringstream lines;
  journal.recover([&](recovered_entry const& entry) {
    lines << entry.key << ' ' << entry.version << ' ';
    if (entry.expires_at)
      lines << std::chrono::nanoseconds(entry.expires_at->time_since_epoch()).count();
    else
      lines << "never";
    lines << ' ' << entry.value << '\n';
  });
  auto const [database, sequence, revision] = journal.position();
  lines << std::hex << database << std::dec << ' ' << sequence << ' ' << revision << '\n';
  std::ifstream expected(kept / "format-1.txt");
  EXPECT_EQ(lines.str(), (std::string{std::istreambuf_iterator<char>(expected), {}}));
}

}  // namespace
}  // namespace holdfast::server
