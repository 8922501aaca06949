#include "server/journal/disk_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "server/journal/journal.hpp"
#include "tests/server/journal/history.hpp"

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(disk_check, measures_and_leaves_nothing_behind) {
  testing::scratch_directory const scratch;
  auto const report = check_disk(scratch.path(), 5ms);
  EXPECT_GT(report.sync_median, 0ns);
  EXPECT_GE(report.sync_p99, report.sync_median);
  ASSERT_EQ(report.rates.size(), 3u);
  for (auto const& rate : report.rates) {
    EXPECT_GT(rate.of_log, 0);
    EXPECT_GT(rate.of_journal, 0);
  }
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

TEST(disk_check, of_a_directory_that_is_not_there_says_so) {
  try {
    static_cast<void>(check_disk("/nowhere/at/all", 1ms));
    FAIL();
  } catch (journal_error const& error) {
    EXPECT_EQ(error.fault(), journal_fault::cannot_create) << "the disk is not at fault";
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/at/all does not exist"));
  }
}

TEST(disk_check, doubts_syncs_that_are_too_quick_to_be_true) {
  EXPECT_EQ(doubt_about("ext4", false, 2us, 60us), "");
  EXPECT_EQ(doubt_about("ext4", true, 2us, 8ms), "");
  EXPECT_THAT(doubt_about("tmpfs", false, 2us, 60us), HasSubstr("in memory"));
  EXPECT_THAT(doubt_about("ext4", false, 10us, 19us), HasSubstr("no longer than a write"));
  EXPECT_THAT(doubt_about("ext4", true, 2us, 200us), HasSubstr("rotating"));
}

}  // namespace
}  // namespace holdfast::server
