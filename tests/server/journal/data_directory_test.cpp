#include "server/journal/data_directory.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/server/journal/history.hpp"

namespace holdfast::server {
namespace {

using namespace server::testing;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;
using access = data_directory::access;
using state = data_directory::state;

class data_directory_test : public ::testing::Test {
 protected:
  data_directory_test() { fs::create_directory(path); }

  static void write(fs::path const& file, std::string const& text) { std::ofstream(file) << text; }
  static std::string text_of(fs::path const& file) {
    std::ifstream opened(file);
    return {std::istreambuf_iterator<char>(opened), {}};
  }
  journal_error error_of(access wanted) const {
    try {
      data_directory const opened(path, wanted);
    } catch (journal_error const& error) {
      return error;
    }
    return {journal_fault::storage_failed, "there was no error"};
  }
  static std::string this_host() {
    std::array<char, 65> host{};
    ::gethostname(host.data(), host.size() - 1);
    return host.data();
  }

  scratch_directory const scratch;
  fs::path const path = scratch / "data";
};

// A start in a directory of somebody else's wrote its process id through a link to a file outside, and then refused.
TEST_F(data_directory_test, a_directory_with_other_files_is_not_changed) {
  write(path / "other", "1");
  EXPECT_EQ(error_of(access::create).fault(), journal_fault::cannot_create);
  EXPECT_FALSE(fs::exists(path / "lock"));
  write(path / "lock", "somebody's");
  EXPECT_THAT(error_of(access::create).what(), HasSubstr("holds other files"));
  EXPECT_EQ(text_of(path / "lock"), "somebody's");
  fs::remove(path / "other");
  EXPECT_THAT(error_of(access::create).what(), HasSubstr("holds other files"));
  EXPECT_EQ(text_of(path / "lock"), "somebody's");
}

TEST_F(data_directory_test, nothing_is_written_through_a_link) {
  write(scratch / "precious", "kept");
  for (auto const* const name : {"lock", "format.new"}) {
    fs::create_symlink(scratch / "precious", path / name);
    try {
      data_directory directory(path, access::create);
      directory.mark(state::creating, 1);
      ADD_FAILURE() << name;
    } catch (journal_error const& error) {
      EXPECT_EQ(error.fault(), journal_fault::cannot_create) << error.what();
    }
    EXPECT_EQ(text_of(scratch / "precious"), "kept") << name;
    fs::remove(path / name);
  }
}

TEST_F(data_directory_test, who_uses_it_is_named_while_it_does) {
  auto const self = "process " + std::to_string(::getpid()) + " on " + this_host();
  {
    data_directory const used(path, access::create);
    EXPECT_THAT(error_of(access::create).what(), HasSubstr("in use by " + self));
  }
  EXPECT_EQ(text_of(path / "lock"), "");
}

// The start named a server that had been killed, whose number was perhaps another program's by then.
TEST_F(data_directory_test, a_dead_process_is_not_named_where_a_reader_has_the_lock) {
  for (auto const* const dead : {"process 999999999", "process 1", "process ", ""}) {
    write(path / "lock", std::string(dead) + " on " + this_host() + "\n");
    auto const reader = ::open((path / "lock").c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_EQ(::flock(reader, LOCK_SH), 0);
    auto const error = error_of(access::create);
    ::close(reader);
    EXPECT_EQ(error.fault(), journal_fault::in_use);
    EXPECT_THAT(error.what(), HasSubstr("perhaps a reader")) << dead;
    EXPECT_THAT(error.what(), Not(HasSubstr("process 999"))) << dead;
  }
  write(path / "lock", "process 999999999 on another.host\n");
  auto const holder = ::open((path / "lock").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::flock(holder, LOCK_EX), 0);
  EXPECT_THAT(error_of(access::create).what(), HasSubstr("process 999999999 on another.host"));
  ::close(holder);
}

TEST_F(data_directory_test, what_a_measurement_leaves_behind_is_nothing) {
  write(path / ".holdfast-check-17", "x");
  fs::create_directory(path / ".holdfast-check-17.data");
  EXPECT_EQ(data_directory(path, access::create).found(), state::empty);
}

TEST_F(data_directory_test, a_journal_that_all_users_could_read_is_closed_to_them) {
  {
    data_directory made(path, access::create);
    fs::create_directory(made.engine_path());
    made.mark(state::ready, 1);
  }
  fs::permissions(path / "journal", fs::perms(0755));
  {
    data_directory const read(path, access::read);
  }
  EXPECT_EQ(fs::status(path / "journal").permissions(), fs::perms(0755)) << "a reader changes nothing";
  {
    data_directory const used(path, access::create);
  }
  EXPECT_EQ(fs::status(path / "journal").permissions(), fs::perms(0750));
}

TEST_F(data_directory_test, an_interrupted_copy_may_be_replaced_and_a_complete_one_may_not) {
  EXPECT_FALSE(is_free_for_copy(scratch / "nothing"));
  EXPECT_TRUE(is_free_for_copy(path));
  for (auto const next : {state::creating, state::ready, state::backup}) {
    {
      data_directory(path, access::create).mark(next, 1);
    }
    EXPECT_EQ(is_free_for_copy(path), next == state::creating);
  }
  fs::remove(path / "format");
  write(path / "other", "1");
  EXPECT_FALSE(is_free_for_copy(path));
  write(path / "format", "of somebody else");
  EXPECT_FALSE(is_free_for_copy(path));
}

}  // namespace
}  // namespace holdfast::server
