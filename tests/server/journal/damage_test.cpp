// Damaged files: each is refused with its name, or the data are correct. Nothing is lost silently.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/journal/rocksdb_journal.hpp"
#include "tests/server/journal/history.hpp"

namespace holdfast::server {
namespace {

using namespace server::testing;
namespace fs = std::filesystem;

class damage : public ::testing::Test {
 protected:
  damage() {
    // Tables of an earlier process and of this one, and a log with some batches, as a kill leaves them.
    for (std::size_t const changes : {20, 12, 9}) {
      rocksdb_journal journal({.directory = directory});
      recovered(journal);
      for (std::size_t i = 0; i < changes; i += 3) {
        auto const error = journal.commit(made.next(3));
        if (error) throw *error;
      }
    }
    for (auto const& file : fs::recursive_directory_iterator(directory)) {
      if (!file.is_regular_file()) continue;
      std::ifstream bytes(file.path(), std::ios::binary);
      files[fs::relative(file.path(), directory).string()] = {std::istreambuf_iterator<char>(bytes), {}};
    }
  }

  /// True if the engine reads it. Its options, log and id are only for people and tools.
  static bool is_read(std::string const& name) {
    return name != "lock" && name.find("OPTIONS") == name.npos && name.find("LOG") == name.npos &&
           name.find("IDENTITY") == name.npos && name.find("LOCK") == name.npos;
  }

  /// Each bit by itself and all together; a short run does two of these.
  static std::vector<char> flips_of(std::size_t step) {
    if (step > 1) return {'\x80', '\xff'};
    return {'\x01', '\x02', '\x04', '\x08', '\x10', '\x20', '\x40', '\x80', '\xff'};
  }

  void write(std::map<std::string, std::string> const& wanted) const {
    fs::remove_all(directory);
    fs::create_directories(directory / "journal");
    for (auto const& [name, bytes] : wanted) std::ofstream(directory / name, std::ios::binary) << bytes;
  }

  /// Opens what write() has left. @return true if it was refused. The test fails if data are missing or different
  /// without an error.
  bool is_refused(std::string const& what_was_done) const {
    try {
      rocksdb_journal journal({.directory = directory});
      auto const state = recovered(journal);
      EXPECT_EQ(journal.position().sequence, made.sequence()) << what_was_done;
      EXPECT_TRUE(state == made.state()) << what_was_done << ": other data than were committed";
      return false;
    } catch (journal_error const& error) {
      EXPECT_TRUE(error.fault() == journal_fault::damaged || error.fault() == journal_fault::unknown_format ||
                  error.fault() == journal_fault::storage_failed)
          << what_was_done << ": " << error.what();
      EXPECT_THAT(error.what(), ::testing::HasSubstr(directory.string())) << what_was_done;
      return true;
    }
  }

  scratch_directory scratch;
  fs::path directory = scratch / "data";
  history made{9, 12, 30};
  std::map<std::string, std::string> files;
};

TEST_F(damage, of_any_byte_is_refused_or_harmless) {
  // A short run damages some bytes of each file, a long one (HOLDFAST_JOURNAL_ROUNDS=1) all.
  auto const step = rounds(23);
  std::size_t flips = 0, refused = 0;
  for (auto const& [name, bytes] : files) {
    for (std::size_t at = step / 2; at < bytes.size(); at += is_read(name) ? step : 40 * step) {
      for (char const flip : flips_of(step)) {
        auto damaged = files;
        damaged[name][at] = static_cast<char>(bytes[at] ^ flip);
        write(damaged);
        ++flips;
        refused += is_refused(name + ", byte " + std::to_string(at)) ? 1 : 0;
        if (HasFailure()) return;
      }
    }
  }
  std::cout << flips << " flips, " << refused << " refused\n";
  EXPECT_GT(refused, flips / 3);
}

// The engine would fail an assertion there and end the process without naming the file.
TEST_F(damage, that_the_engine_does_not_check_is_refused) {
  for (auto const& [name, bytes] : files) {
    if (fs::path(name).extension() != ".sst") continue;
    // The block of properties precedes its kind of compression, its checksum, and the block that refers to it. The
    // footer begins with the kind of checksums, where the flip means none, and ends with its version and a magic
    // number.
    auto const named_at = bytes.rfind("rocksdb.properties");
    ASSERT_NE(named_at, bytes.npos);
    auto const behind = named_at - 3 - 5;
    for (auto const& [at, flip] : {std::pair{behind - 1, '\x80'},
                                   {behind, '\x04'},
                                   {behind, '\x01'},
                                   {bytes.size() - 53, '\x04'},
                                   {bytes.size() - 12, '\x04'}}) {
      auto damaged = files;
      damaged[name][at] = static_cast<char>(bytes[at] ^ flip);
      write(damaged);
      EXPECT_TRUE(is_refused(name)) << at;
    }
  }
}

// A power loss or a kill during a flush leaves it. Nothing is missing: the log still contains its data.
TEST_F(damage, of_a_table_that_was_being_written_is_harmless) {
  auto unfinished = files;
  unfinished["journal/000099.sst"] = std::string(3'000, 'x');
  write(unfinished);
  EXPECT_FALSE(is_refused("an unfinished table"));
  EXPECT_FALSE(fs::exists(directory / "journal/000099.sst"));
}

// After a power loss the witness may be old and proves nothing about later data. The engine's default would silently
// drop the end of the log.
TEST_F(damage, before_another_record_of_a_log_is_refused_whatever_the_witness_says) {
  std::uint64_t database = 0;
  {
    write(files);
    database = data_directory(directory, data_directory::access::use).database();
  }
  auto old = files;
  old["witness"] = witness::write(database, 32);
  for (auto const& [name, bytes] : files) {
    if (fs::path(name).extension() != ".log") continue;
    // Three batches of about the same size: the damage is in the second.
    for (auto at = bytes.size() * 2 / 5; at < bytes.size() * 3 / 5; at += 7) {
      auto damaged = old;
      damaged[name][at] ^= '\x04';
      write(damaged);
      EXPECT_TRUE(is_refused(name + ", byte " + std::to_string(at)));
    }
  }
}

TEST_F(damage, by_a_cut_anywhere_is_refused_or_harmless) {
  auto const step = rounds(37);
  for (auto const& [name, bytes] : files) {
    if (bytes.empty()) continue;
    for (std::size_t length = 0; length < bytes.size(); length += is_read(name) ? step : 40 * step) {
      auto damaged = files;
      damaged[name].resize(length);
      write(damaged);
      is_refused(name + ", cut to " + std::to_string(length));
      if (HasFailure()) return;
    }
  }
}

TEST_F(damage, by_a_file_that_is_missing_is_refused_or_harmless) {
  for (auto const& [name, bytes] : files) {
    auto damaged = files;
    damaged.erase(name);
    write(damaged);
    EXPECT_EQ(is_refused(name + " is missing"), is_read(name)) << name;
  }
}

}  // namespace
}  // namespace holdfast::server
