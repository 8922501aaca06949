#include "server/app/data_commands.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "server/journal/rocksdb_journal.hpp"
#include "tests/server/journal/history.hpp"

namespace holdfast::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class data_commands : public ::testing::Test {
 protected:
  data_commands() {
    rocksdb_journal journal({.directory = scratch / "data"});
    testing::history made(1);
    if (auto const error = journal.commit(made.next(1'234))) throw *error;
    journal.close();
  }

  testing::scratch_directory scratch;
};

TEST_F(data_commands, a_backup_is_restored_and_inspected) {
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(run_backup(scratch / "data", scratch / "backup"), 0);
  EXPECT_EQ(run_restore(scratch / "backup", scratch / "restored"), 0);
  EXPECT_EQ(run_inspect(scratch / "backup"), 0);
  EXPECT_EQ(run_inspect(scratch / "restored"), 0);
  EXPECT_THAT(::testing::internal::GetCapturedStdout(),
              AllOf(HasSubstr("backup of database "), HasSubstr("last change   1,234, committed at "),
                    HasSubstr("complete and undamaged"), HasSubstr("--data " + (scratch / "restored").string())));
}

// They called it damage and advised to restore a backup, although a start removes it without loss.
TEST_F(data_commands, an_incomplete_last_record_is_reported_and_does_not_prevent_a_backup) {
  std::string acknowledged;
  {
    rocksdb_journal journal({.directory = scratch / "data"});
    testing::recovered(journal);
    acknowledged = testing::bytes_of(scratch / "data/witness");
    testing::history made(1);
    made.next(1'234);
    if (auto const error = journal.commit(made.next(1))) throw *error;
  }
  std::ofstream(scratch / "data/witness") << acknowledged;
  auto const log = testing::newest_log(scratch / "data");
  testing::overwrite(log, fs::file_size(log) - 8, std::string(8, '\0'));
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(run_inspect(scratch / "data"), 0);
  EXPECT_EQ(run_backup(scratch / "data", scratch / "backup"), 0);
  EXPECT_EQ(run_inspect(scratch / "backup"), 0);
  auto const bytes = " bytes at the end of " + log.string() + ": an incomplete last record";
  EXPECT_THAT(::testing::internal::GetCapturedStdout(),
              AllOf(HasSubstr("a start removes "), HasSubstr(bytes), HasSubstr("complete and undamaged")));
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), AllOf(HasSubstr("removed "), HasSubstr(bytes)));
}

TEST_F(data_commands, damage_and_other_obstacles_have_exit_statuses_of_their_own) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(run_restore(scratch / "data", scratch / "data"), 75) << "in use by the restore itself";
  EXPECT_EQ(run_inspect(scratch / "nothing"), 73);
  fs::remove(scratch / "data/witness");
  EXPECT_EQ(run_inspect(scratch / "data"), 65);
  EXPECT_EQ(run_backup(scratch / "data", scratch / "backup"), 65);
  EXPECT_FALSE(fs::exists(scratch / "backup"));
  EXPECT_THAT(::testing::internal::GetCapturedStdout(), HasSubstr("DAMAGED: " + (scratch / "data/witness").string()));
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("holdfast-server: "));
  EXPECT_EQ(exit_status_of(journal_fault::storage_failed), 74);
  EXPECT_EQ(exit_status_of(journal_fault::disk_full), 74);
  EXPECT_EQ(exit_status_of(journal_fault::not_permitted), 77);
}

}  // namespace
}  // namespace holdfast::server
