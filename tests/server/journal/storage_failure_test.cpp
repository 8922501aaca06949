// Effects of disk failures on the data: power loss, failed and short writes, failed syncs and renames, no space.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <iterator>
#include <optional>
#include <random>

#include "server/journal/rocksdb_journal.hpp"
#include "tests/server/journal/history.hpp"
#include "tests/server/journal/unreliable_disk.hpp"

namespace holdfast::server {
namespace {

using namespace server::testing;
using operation = unreliable_disk::operation;
namespace fs = std::filesystem;

constexpr std::size_t keys = 60, value_bytes_max = 2'500;

rocksdb_settings settings_of(fs::path const& directory, unreliable_disk const* disk = nullptr) {
  // The engine's minimum, so that logs are switched, and tables written and compacted, every few commits.
  return {.directory = directory,
          .tuning = {.buffer_bytes = 64 * 1024, .environment = disk != nullptr ? disk->environment() : nullptr}};
}

struct lived {
  std::uint64_t acknowledged = 0;
  std::optional<journal_error> error;
};

/// One life of a server: opens the directory, commits batches until something fails, and dies or closes.
lived live(rocksdb_settings const& settings, history& made, std::size_t commits) {
  lived life{.acknowledged = made.sequence(), .error = std::nullopt};
  try {
    rocksdb_journal journal(settings);
    EXPECT_EQ(recovered(journal), made.state());
    for (std::size_t i = 0; i < commits; ++i) {
      life.error = journal.commit(made.next(made.size_up_to(8)));
      if (life.error) break;
      life.acknowledged = made.sequence();
    }
    if (life.error) {
      // Every further call must write nothing and return the same error.
      auto const again = journal.commit(made.next(1));
      EXPECT_TRUE(again && again->fault() == life.error->fault() && std::string(again->what()) == life.error->what());
    }
  } catch (journal_error const& error) {
    life.error = error;
  }
  return life;
}

/// Advances a history to the end of a recovery, which may be before the acknowledged changes, but not after the last
/// change handed over.
void expect_a_state_of(history const& seed, history const& made, std::uint64_t acknowledged, journal& journal,
                       history& now) {
  auto const sequence = journal.position().sequence;
  ASSERT_GE(sequence, acknowledged) << "an acknowledged change is lost";
  ASSERT_LE(sequence, made.sequence());
  now = seed;
  while (now.sequence() < sequence) now.next();
  EXPECT_EQ(recovered(journal), now.state());
}

TEST(power_loss, keeps_all_that_was_acknowledged_and_no_part_of_a_batch) {
  for (std::uint64_t round = 0; round < rounds(60); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    std::mt19937_64 random(round);
    scratch_directory const scratch;
    auto const directory = scratch / "data";
    history const seed(round, keys, value_bytes_max);
    auto made = seed;
    // A first life without failures, so that there are tables, logs and witnesses of any age.
    live(settings_of(directory), made, random() % 40);
    unreliable_disk disk(directory);
    disk.cut_power_after(random() % 400);
    auto const life = live(settings_of(directory, &disk), made, 150);
    if (!disk.power_is_cut()) disk.cut_power_after(0);
    disk.restart(random);
    auto now = seed;
    {
      // Even an incomplete last batch must not prevent the start: it was never acknowledged.
      rocksdb_journal journal(settings_of(directory));
      expect_a_state_of(seed, made, life.acknowledged, journal, now);
    }
    if (::testing::Test::HasFailure()) return;
    live(settings_of(directory), now, 10);
  }
}

TEST(storage_failure, loses_nothing_acknowledged_and_the_next_start_works) {
  constexpr int errors[] = {ENOSPC, EIO, EDQUOT};
  for (std::uint64_t round = 0; round < rounds(60); ++round) {
    std::mt19937_64 random(round);
    scratch_directory const scratch;
    auto const directory = scratch / "data";
    history const seed(round, keys, value_bytes_max);
    auto made = seed;
    live(settings_of(directory), made, random() % 40);
    unreliable_disk disk(directory);
    unreliable_disk::fault const fault{.kind = static_cast<operation>(random() % unreliable_disk::operation_kinds),
                                       .nth = 1 + random() % 60,
                                       .error = errors[random() % std::size(errors)],
                                       .is_short = random() % 2 == 0,
                                       .stays = random() % 2 == 0};
    SCOPED_TRACE("round " + std::to_string(round) + ": operation " + std::to_string(static_cast<int>(fault.kind)) +
                 ", number " + std::to_string(fault.nth) + ", error " + std::to_string(fault.error));
    disk.fail(fault);
    auto const life = live(settings_of(directory, &disk), made, 120);
    if (life.error) {
      EXPECT_TRUE(disk.has_failed()) << life.error->what();
      EXPECT_EQ(life.error->fault(), fault.error == EIO ? journal_fault::storage_failed : journal_fault::disk_full)
          << life.error->what();
    }
    auto now = seed;
    {
      rocksdb_journal journal(settings_of(directory));
      expect_a_state_of(seed, made, life.acknowledged, journal, now);
    }
    if (::testing::Test::HasFailure()) return;
    live(settings_of(directory), now, 10);
  }
}

TEST(storage_failure, of_a_sync_is_not_forgotten_by_the_next_one_that_works) {
  scratch_directory const scratch;
  history made(7);
  live(settings_of(scratch / "data"), made, 5);
  unreliable_disk disk(scratch / "data");
  rocksdb_journal journal(settings_of(scratch / "data", &disk));
  recovered(journal);
  ASSERT_FALSE(journal.commit(made.next(1)));
  disk.fail({.kind = operation::sync, .nth = 1, .error = EIO});
  auto const error = journal.commit(made.next(1));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->fault(), journal_fault::storage_failed);
  auto const syncs = disk.count(operation::sync), writes = disk.count(operation::write);
  EXPECT_TRUE(journal.commit(made.next(1)));
  EXPECT_EQ(disk.count(operation::sync), syncs) << "tried again, as if the lost pages could come back";
  EXPECT_EQ(disk.count(operation::write), writes);
}

// The engine's own log met it first, and failed an assertion at its second line.
TEST(storage_failure, no_space_at_a_start_or_creation_does_not_abort) {
  for (auto const creates : {true, false}) {
    for (auto const kind : {operation::write, operation::create}) {
      for (std::size_t nth = 1; nth <= 25; ++nth) {
        SCOPED_TRACE((creates ? "creation " : "start ") + std::to_string(static_cast<int>(kind)) + ' ' +
                     std::to_string(nth));
        scratch_directory const scratch;
        history made(9);
        if (creates)
          fs::create_directory(scratch / "data");
        else
          live(settings_of(scratch / "data"), made, 5);
        unreliable_disk disk(scratch / "data");
        disk.fail({.kind = kind, .nth = nth, .error = ENOSPC, .stays = true});
        auto const life = live(settings_of(scratch / "data", &disk), made, 1);
        EXPECT_FALSE(fs::exists(scratch / "data/journal/LOG"));
        if (!life.error) continue;  // it failed in the background, or was not reached
        EXPECT_TRUE(disk.has_failed());
        EXPECT_EQ(life.error->fault(), journal_fault::disk_full) << life.error->what();
      }
    }
  }
}

// The engine failed an assertion here in its second write (rocksdb #11643).
TEST(storage_failure, no_space_for_the_first_write_of_a_log_does_not_abort) {
  scratch_directory const scratch;
  history made(8);
  live(settings_of(scratch / "data"), made, 5);
  unreliable_disk disk(scratch / "data");
  rocksdb_journal journal(settings_of(scratch / "data", &disk));
  recovered(journal);
  disk.fail({.kind = operation::write, .nth = 1, .error = ENOSPC});
  auto const error = journal.commit(made.next(1));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->fault(), journal_fault::disk_full);
  EXPECT_TRUE(journal.commit(made.next(1)));
}

}  // namespace
}  // namespace holdfast::server
