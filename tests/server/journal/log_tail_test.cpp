#include "server/journal/log_tail.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "server/journal/rocksdb_journal.hpp"
#include "tests/server/journal/history.hpp"

namespace holdfast::server {
namespace {

using namespace server::testing;
namespace fs = std::filesystem;

/// A real log with three batches, of which the second spans blocks, and the ends of each.
struct written_log {
  written_log() {
    rocksdb_journal journal({.directory = scratch / "data"});
    recovered(journal);
    std::size_t sequence = 0;
    for (std::size_t const value_bytes : {100, 100'000, 300}) {
      change made;
      made.sequence = made.revision = ++sequence;
      made.key = "key-" + std::to_string(sequence);
      made.value = std::make_shared<std::string const>(value_bytes, 'v');
      if (auto const error = journal.commit(std::span(&made, 1))) throw *error;
      bytes = read();
      ends.push_back(bytes.size());
    }
  }
  std::string read() {
    for (auto const& file : fs::directory_iterator(scratch / "data/journal"))
      if (file.path().extension() == ".log") path = file.path();
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  scratch_directory scratch;
  fs::path path;
  std::string bytes;
  std::vector<std::size_t> ends;
};

TEST(log_tail, a_complete_log_is_whole) {
  written_log const log;
  auto const tail = examine_log(log.bytes);
  EXPECT_EQ(tail.whole_bytes, log.bytes.size());
  EXPECT_FALSE(tail.goes_on);
}

TEST(log_tail, a_log_that_is_cut_anywhere_is_whole_up_to_the_record_before) {
  written_log const log;
  for (std::size_t length = log.ends[0]; length < log.bytes.size(); length += 97) {
    auto const tail = examine_log(std::string_view(log.bytes).substr(0, length));
    EXPECT_EQ(tail.whole_bytes, length < log.ends[1] ? log.ends[0] : log.ends[1]) << length;
    EXPECT_FALSE(tail.goes_on) << length;
  }
}

// The sectors of a write reach the disk in any order: an incomplete last record after a power loss is not damage.
TEST(log_tail, sectors_missing_from_the_last_record_are_not_taken_for_damage) {
  written_log const log;
  auto const last = log.bytes.substr(0, log.ends[1]);
  for (auto sector = log.ends[0]; sector + 512 < last.size(); sector += 512) {
    auto torn = last;
    torn.replace(sector, 512, 512, '\0');
    auto const tail = examine_log(torn);
    EXPECT_EQ(tail.whole_bytes, log.ends[0]) << sector;
    EXPECT_FALSE(tail.goes_on) << sector;
  }
}

// It was once durable, because the next record was begun only after its sync. Dropping it would lose it silently.
TEST(log_tail, damage_before_another_record_is_damage) {
  written_log const log;
  for (auto at = log.ends[0]; at < log.ends[1]; at += 1'001) {
    auto damaged = log.bytes;
    damaged[at] ^= '\x10';
    auto const tail = examine_log(damaged);
    EXPECT_EQ(tail.whole_bytes, log.ends[0]) << at;
    EXPECT_TRUE(tail.goes_on) << at;
  }
}

// If the second of two logs could not be cut, the first stayed cut.
TEST(log_tail, either_all_files_are_cut_or_none) {
  written_log const log;
  torn_file const first{.path = log.path, .whole_bytes = log.ends[0]};
  torn_file const second{.path = log.path.parent_path() / "missing.log"};
  auto const names = [&] {
    std::vector<std::string> found;
    for (auto const& file : fs::directory_iterator(log.path.parent_path())) found.push_back(file.path().string());
    std::ranges::sort(found);
    return found;
  };
  auto const before = names();
  EXPECT_THROW(cut(std::vector{first, second}), journal_error);
  EXPECT_EQ(bytes_of(log.path), log.bytes);
  EXPECT_EQ(names(), before) << "a copy was left";
  cut(std::vector{first});
  EXPECT_EQ(bytes_of(log.path), log.bytes.substr(0, log.ends[0]));
  undo_cut(std::vector{first});
  EXPECT_EQ(bytes_of(log.path), log.bytes);
}

}  // namespace
}  // namespace holdfast::server
