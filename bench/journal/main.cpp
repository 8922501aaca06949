// What it takes to make changes durable: the journal's commit thread alone, beside a bare log that appends the same
// bytes and syncs, and a sync of one block alone. One line a measurement: subject, changes a batch, changes a second,
// CPU of the thread in µs a change.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <system_error>
#include <vector>

#include "server/journal/rocksdb_journal.hpp"

namespace {

using namespace holdfast::server;
namespace fs = std::filesystem;
using clock_type = std::chrono::steady_clock;

double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

struct figures {
  std::uint64_t changes = 0;
  double seconds = 0, cpu_seconds = 0;
};

/// Commits again and again for a while; what makes the batches is not counted.
template <class Batches, class Commit>
figures measure(std::chrono::milliseconds duration, std::size_t changes, Batches& batches, Commit const& commit) {
  figures measured;
  while (measured.seconds < std::chrono::duration<double>(duration).count()) {
    auto const& batch = batches.next(changes);
    auto const cpu_began = thread_seconds();
    auto const began = clock_type::now();
    commit(batch);
    measured.seconds += std::chrono::duration<double>(clock_type::now() - began).count();
    measured.cpu_seconds += thread_seconds() - cpu_began;
    measured.changes += changes;
  }
  return measured;
}

void print(std::string const& subject, std::size_t changes, figures const& measured) {
  auto const count = static_cast<double>(measured.changes);
  std::cout << subject << ',' << changes << ',' << std::fixed << std::setprecision(0) << count / measured.seconds << ','
            << std::setprecision(2) << measured.cpu_seconds / count * 1e6 << std::endl;
}

/// Appends and syncs, as little as durability takes.
class bare_log {
 public:
  explicit bare_log(fs::path const& path) : file_(::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_APPEND, 0600)) {
    if (file_ < 0) throw std::system_error(errno, std::generic_category(), path.string());
  }
  bare_log(bare_log const&) = delete;
  bare_log& operator=(bare_log const&) = delete;
  ~bare_log() { ::close(file_); }

  void commit(std::vector<change> const& batch) {
    bytes_.clear();
    for (auto const& change : batch) {
      // As much beside key and value as the journal writes: lengths, revision, a checksum.
      bytes_.append(16, '\1').append(change.key).append(*change.value);
    }
    if (::write(file_, bytes_.data(), bytes_.size()) != static_cast<ssize_t>(bytes_.size()) || ::fdatasync(file_) != 0)
      throw std::system_error(errno, std::generic_category(), "bare log");
  }

 private:
  int file_;
  std::string bytes_;
};

/// Random puts over so many keys, numbered as the journal wants it.
class put_sequence {
 public:
  put_sequence(std::size_t keys, std::size_t value_bytes)
      : revisions_(keys), value_(std::make_shared<std::string const>(value_bytes, 'v')) {}

  std::vector<change>& next(std::size_t count) {
    batch_.resize(count);
    for (auto& change : batch_) {
      auto const key = random_() % revisions_.size();
      change.key = "key-" + std::to_string(key);
      change.value = value_;
      change.previous = revisions_[key];
      change.sequence = change.revision = revisions_[key] = ++sequence_;
    }
    return batch_;
  }

 private:
  std::mt19937_64 random_{1};
  std::vector<std::uint64_t> revisions_;
  holdfast::protocol::json_text value_;
  std::vector<change> batch_;
  std::uint64_t sequence_ = 0;
};

std::uint64_t bytes_written() {
  std::ifstream io("/proc/self/io");
  std::string name;
  for (std::uint64_t value = 0; io >> name >> value;)
    if (name == "write_bytes:") return value;
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  fs::path directory = ".";
  std::vector<std::size_t> writers{1, 16, 64, 256};
  std::size_t rounds = 5, milliseconds = 500, keys = 100'000, value_bytes = 100;
  CLI::App app("What it takes to make changes durable: the journal beside a bare log.");
  app.add_option("--directory", directory, "where to write; the disk of this directory is measured");
  app.add_option("--writers", writers, "changes in a batch");
  app.add_option("--rounds", rounds, "each measures every subject once");
  app.add_option("--milliseconds", milliseconds, "how long to measure at a time");
  app.add_option("--keys", keys, "that are put, in random order");
  app.add_option("--value-bytes", value_bytes, "of each value");
  CLI11_PARSE(app, argc, argv);

  auto const scratch = directory / ("bench-journal-" + std::to_string(::getpid()));
  fs::create_directories(scratch);
  auto const duration = std::chrono::milliseconds(milliseconds);
  {
    rocksdb_journal journal({.directory = scratch / "data"});
    journal.recover([](recovered_entry const&) {});
    put_sequence of_journal(keys, value_bytes), of_log(keys, value_bytes), of_sync(1, 1);
    auto const written_before = bytes_written();
    std::uint64_t committed = 0, logged_bytes = 0;
    for (std::size_t round = 0; round < rounds; ++round) {
      bare_log sync(scratch / "sync");
      print("sync", 1, measure(duration / 4, 1, of_sync, [&](auto const& batch) { sync.commit(batch); }));
      for (auto const count : writers) {
        bare_log log(scratch / "log");
        auto const of_bare = measure(duration, count, of_log, [&](auto const& batch) { log.commit(batch); });
        print("log", count, of_bare);
        logged_bytes += of_bare.changes * (16 + 10 + value_bytes);
        auto const of_ours = measure(duration, count, of_journal, [&](auto const& batch) {
          if (auto const error = journal.commit(batch)) throw journal_error(*error);
        });
        print("journal", count, of_ours);
        committed += of_ours.changes;
      }
    }
    journal.close();
    auto const written = bytes_written() - written_before;
    if (committed != 0 && written > logged_bytes)
      std::cout << "bytes_a_put,," << (written - logged_bytes) / committed << "," << std::endl;
  }
  fs::remove_all(scratch);
} catch (std::exception const& error) {
  std::cerr << "bench_journal: " << error.what() << '\n';
  return 1;
}
