#include "server/journal/disk_check.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

#include "server/journal/data_directory.hpp"
#include "server/journal/rocksdb_journal.hpp"

namespace holdfast::server {

namespace {

namespace fs = std::filesystem;
using clock = std::chrono::steady_clock;

std::string file_system_of(fs::path const& path) {
  struct statfs found{};
  if (::statfs(path.c_str(), &found) != 0) throw error_of_call(errno, "can't look at " + path.string());
  // The numbers of linux/magic.h.
  constexpr std::pair<std::uint32_t, char const*> names[] = {
      {0xef53, "ext4"},      {0x58465342, "xfs"},     {0x9123683e, "btrfs"}, {0x01021994, "tmpfs"},
      {0x858458f6, "ramfs"}, {0x794c7630, "overlay"}, {0x6969, "nfs"},       {0x2fc12fc1, "zfs"},
      {0xf2f52010, "f2fs"},  {0x65735546, "fuse"},    {0x01021997, "9p"},    {0xff534d42, "cifs"}};
  auto const type = static_cast<std::uint32_t>(found.f_type);
  for (auto const& [number, name] : names)
    if (number == type) return name;
  std::ostringstream text;
  text << "0x" << std::hex << type;
  return text.str();
}

/// True if the disk reports that it rotates.
bool rotates(fs::path const& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return false;
  auto const device =
      "/sys/dev/block/" + std::to_string(major(found.st_dev)) + ':' + std::to_string(minor(found.st_dev));
  // The disk of a partition is its parent.
  for (auto const* const queue : {"/queue/rotational", "/../queue/rotational"}) {
    std::ifstream file(device + queue);
    if (int value = 0; file >> value) return value == 1;
  }
  return false;
}

/// A file without a name, so that nothing is left however the process ends.
class scratch_file {
 public:
  explicit scratch_file(fs::path path)
      : path_(std::move(path)), file_(::open(path_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600)) {
    if (file_ < 0) throw error_of_call(errno, "can't create " + path_.string(), true);
    ::unlink(path_.c_str());
  }
  scratch_file(scratch_file const&) = delete;
  scratch_file& operator=(scratch_file const&) = delete;
  ~scratch_file() { ::close(file_); }

  std::chrono::nanoseconds append(std::size_t bytes, bool sync) {
    bytes_.resize(bytes, 'x');
    auto const began = clock::now();
    if (::write(file_, bytes_.data(), bytes) != static_cast<ssize_t>(bytes))
      throw error_of_call(errno, "can't write " + path_.string());
    if (sync && ::fdatasync(file_) != 0) throw error_of_call(errno, "can't sync " + path_.string());
    return clock::now() - began;
  }

 private:
  fs::path path_;
  int file_;
  std::string bytes_;
};

/// Appends for a while. @return the duration of each append, sorted.
std::vector<std::chrono::nanoseconds> appends(scratch_file& file, std::size_t bytes, bool sync,
                                              std::chrono::milliseconds duration) {
  // Writes without a sync are fast, and need not fill the disk.
  constexpr std::size_t count_max = 20'000;
  std::vector<std::chrono::nanoseconds> took;
  auto const end = clock::now() + duration;
  do took.push_back(file.append(bytes, sync));
  while (clock::now() < end && took.size() < count_max);
  std::sort(took.begin(), took.end());
  return took;
}

constexpr std::size_t value_bytes = 100;

/// Simulates writers that all wait for the same commit. @return puts per second.
double journal_rate(journal& journal, std::size_t writers, std::chrono::milliseconds duration) {
  auto sequence = journal.position().sequence;
  auto const first = sequence;
  auto const value = std::make_shared<std::string const>(value_bytes, '1');
  std::vector<change> batch(writers);
  auto const began = clock::now();
  do {
    for (auto& change : batch) {
      change.sequence = change.revision = ++sequence;
      change.key = std::to_string(sequence);
      change.value = value;
    }
    if (auto const error = journal.commit(batch)) throw journal_error(*error);
  } while (clock::now() - began < duration);
  return static_cast<double>(sequence - first) / std::chrono::duration<double>(clock::now() - began).count();
}

/// Removes a directory at the end of the scope.
struct removed_directory {
  fs::path path;
  ~removed_directory() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

}  // namespace

std::string doubt_about(std::string const& file_system, bool rotates, std::chrono::nanoseconds write,
                        std::chrono::nanoseconds sync) {
  using std::chrono::microseconds;
  if (file_system == "tmpfs" || file_system == "ramfs")
    return "it is in memory: nothing survives a restart of the machine";
  if (sync < 2 * write || sync < microseconds(5))
    return "a sync takes no longer than a write: something between here and the disk does not wait for it";
  // 15,000 revolutions per minute are 250 per second, and each sync waits for one.
  if (rotates && sync < microseconds(2'000))
    return "a rotating disk can't be that quick: it reports written what it only has in its memory (hdparm -W0 turns "
           "that"
           " off), unless a battery protects it";
  return {};
}

disk_report check_disk(fs::path const& directory, std::chrono::milliseconds each) {
  std::error_code error;
  if (!fs::is_directory(directory, error)) {
    auto const* const wrong = fs::exists(directory, error) ? " is not a directory" : " does not exist";
    throw journal_error(journal_fault::cannot_create, directory.string() + wrong);
  }
  disk_report report;
  report.file_system = file_system_of(directory);
  auto const name = std::string(check_prefix) + std::to_string(::getpid());
  {
    constexpr std::size_t page = 4096;
    scratch_file file(directory / name);
    auto const writes = appends(file, page, false, each);
    auto const syncs = appends(file, page, true, each);
    report.write_median = writes[writes.size() / 2];
    report.sync_median = syncs[syncs.size() / 2];
    report.sync_p99 = syncs[syncs.size() * 99 / 100];
  }
  report.doubt = doubt_about(report.file_system, rotates(directory), report.write_median, report.sync_median);

  removed_directory const scratch{directory / (name + ".data")};
  rocksdb_journal journal({.directory = scratch.path});
  journal.recover([](recovered_entry const&) {});
  for (std::size_t const writers : {1, 16, 64}) {
    constexpr std::size_t beside_value = 40;  // key, revision, lengths, checksum
    scratch_file file(directory / name);
    auto const syncs = appends(file, writers * (value_bytes + beside_value), true, each);
    std::chrono::duration<double> in_all{};
    for (auto const took : syncs) in_all += took;
    report.rates.push_back({.writers = writers,
                            .of_log = static_cast<double>(writers * syncs.size()) / in_all.count(),
                            .of_journal = journal_rate(journal, writers, each)});
  }
  journal.close();
  return report;
}

}  // namespace holdfast::server
