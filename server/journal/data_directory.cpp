#include "server/journal/data_directory.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>
#include <thread>
#include <utility>

namespace holdfast::server {

namespace {

namespace fs = std::filesystem;

/// Time to wait for a process that is about to end.
constexpr std::chrono::seconds patience{1};

constexpr std::string_view format_family = "holdfast data ", format_version = "1";
/// How `lock` names the process that uses the directory: "process 17 on host".
constexpr std::string_view owner_word = "process ", host_word = " on ";

std::string_view name_of(data_directory::state state) {
  switch (state) {
    case data_directory::state::ready:
      return "ready";
    case data_directory::state::backup:
      return "backup";
    case data_directory::state::copying:
      return "copying";
    case data_directory::state::empty:
    case data_directory::state::creating:
      break;
  }
  return "creating";
}

std::string format_line(data_directory::state state, std::uint64_t database) {
  std::array<char, 16> digits{};
  digits.fill('0');
  std::array<char, 16> shortest{};
  auto const end = std::to_chars(shortest.begin(), shortest.end(), database, 16).ptr;
  auto const count = static_cast<std::size_t>(end - shortest.begin());
  std::copy_n(shortest.begin(), count, digits.end() - count);
  return std::string(format_family)
      .append(format_version)
      .append(", rocksdb, database ")
      .append(digits.data(), digits.size())
      .append(", ")
      .append(name_of(state))
      .append("\n");
}

/// A file descriptor, closed at the end of its scope.
class scoped_descriptor {
 public:
  scoped_descriptor(fs::path const& path, int flags, bool creating = false)
      : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0640)) {
    if (descriptor_ < 0) throw error_of_call(errno, "can't open " + path.string(), creating);
  }
  scoped_descriptor(scoped_descriptor const&) = delete;
  scoped_descriptor& operator=(scoped_descriptor const&) = delete;
  ~scoped_descriptor() { ::close(descriptor_); }
  [[nodiscard]] int get() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

/// True if a file named "lock" is Holdfast's.
bool is_own_lock(fs::path const& path) {
  std::error_code error;
  if (!fs::is_regular_file(fs::symlink_status(path, error))) return false;
  std::ifstream file(path);
  std::string word(owner_word.size(), '\0');
  file.read(word.data(), static_cast<std::streamsize>(word.size()));
  return !file.bad() && (file.gcount() == 0 || word == owner_word);
}

/// True if there is no more than a fresh volume, an interrupted earlier start or a measurement would leave.
bool holds_nothing(fs::path const& directory) {
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    auto const name = it->path().filename().string();
    if (name == "lock" && is_own_lock(it->path())) continue;
    if (name != "lost+found" && name != "format.new" && !name.starts_with(check_prefix)) return false;
  }
  if (error) throw error_of_call(error.value(), "can't read " + directory.string());
  return true;
}

std::string host_name() {
  std::array<char, 65> host{};
  ::gethostname(host.data(), host.size() - 1);
  return host.data();
}

/// The name of a process's program; empty if it can't be read.
std::string program_of(std::string const& process) {
  std::ifstream file("/proc/" + process + "/comm");
  std::string name;
  std::getline(file, name);
  return name;
}

/// False if a process that `lock` names has ended. Its number may be another program's now.
bool may_run(std::string_view owner) {
  pid_t process = 0;
  auto const number = owner.substr(owner_word.size());
  std::from_chars(number.data(), number.data() + number.size(), process);
  if (process <= 0) return false;
  if (!owner.ends_with(std::string(host_word) + host_name())) return true;  // nobody knows that here
  if (::kill(process, 0) != 0 && errno != EPERM) return false;
  auto const program = program_of(std::to_string(process));
  return program.empty() || program == program_of("self");
}

}  // namespace

journal_error error_of_call(int error, std::string_view what_failed, bool creating) {
  auto const line = [&](std::string_view advice) {
    return std::string(what_failed).append(": ").append(std::generic_category().message(error)).append(advice);
  };
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
      return {journal_fault::not_permitted,
              line("; make it writable for this user, or name another directory with --data")};
    case EMFILE:
    case ENFILE:
      return {creating ? journal_fault::cannot_create : journal_fault::storage_failed, line(more_descriptors)};
    case ENOSPC:
    case EDQUOT:
      return {creating ? journal_fault::cannot_create : journal_fault::disk_full,
              line("; free some space, or name another directory with --data")};
    default:
      break;
  }
  if (creating) return {journal_fault::cannot_create, line("; name another directory with --data, or use --in-memory")};
  return {journal_fault::storage_failed, line("; the disk or its file system is at fault: check the kernel's log")};
}

void sync_file(fs::path const& path) {
  scoped_descriptor const file(path, O_RDONLY);
  if (::fsync(file.get()) != 0) throw error_of_call(errno, "can't sync " + path.string());
}

void sync_directory(fs::path const& path) {
  scoped_descriptor const directory(path, O_RDONLY | O_DIRECTORY);
  // Some file systems can't sync directories, and report that.
  if (::fsync(directory.get()) != 0 && errno != EINVAL) throw error_of_call(errno, "can't sync " + path.string());
}

data_directory::data_directory(fs::path path, access wanted) : path_(std::move(path)) {
  // Absolute, so that it stays valid if the process changes its working directory.
  std::error_code error;
  path_ = fs::absolute(path_, error).lexically_normal();
  if (!path_.has_filename()) path_ = path_.parent_path();
  auto const create = wanted == access::create;
  if (create) {
    // Each new directory must be synced in its parent, or its name could be lost.
    fs::path first_made = path_;
    while (!fs::exists(first_made.parent_path(), error) && first_made.has_relative_path())
      first_made = first_made.parent_path();
    if (fs::create_directories(path_, error)) {
      // Values must not be readable by all users of this machine.
      fs::permissions(path_, fs::perms::others_all, fs::perm_options::remove, error);
      for (auto made = path_; made != first_made.parent_path(); made = made.parent_path())
        sync_directory(made.parent_path());
    }
    if (error) throw error_of_call(error.value(), "can't create the data directory " + path_.string(), true);
  }
  if (!fs::is_directory(path_, error)) {
    if (error && error.value() != ENOENT) throw error_of_call(error.value(), "can't use " + path_.string(), create);
    auto const* const wrong = fs::exists(path_, error) ? " is not a directory" : " does not exist";
    throw journal_error(journal_fault::cannot_create, path_.string() + wrong);
  }
  lock(wanted);
  try {
    read_format();
  } catch (...) {
    if (lock_ >= 0) ::close(lock_);
    throw;
  }
  if (wanted == access::read) return;
  write_owner(std::string(owner_word) + std::to_string(::getpid()) + std::string(host_word) + host_name() + '\n');
  // Earlier versions let all users of this machine read the files in it.
  fs::permissions(engine_path(), fs::perms::others_all, fs::perm_options::remove, error);
}

data_directory::~data_directory() {
  if (lock_ < 0) return;
  if (is_owner_) write_owner("");
  ::close(lock_);
}

void data_directory::write_owner(std::string_view owner) noexcept {
  // Only information for people: a failed write does not matter.
  if (::ftruncate(lock_, 0) == 0) static_cast<void>(::pwrite(lock_, owner.data(), owner.size(), 0));
  is_owner_ = true;
}

void data_directory::lock(access wanted) {
  auto const path = path_ / "lock";
  auto const reads = wanted == access::read;
  // The system releases a lock when its process ends in any way, so a left-over file locks nobody out.
  // A link could lead to somebody's file.
  auto const flags = (reads ? O_RDONLY : O_RDWR) | O_NOFOLLOW | O_CLOEXEC;
  lock_ = ::open(path.c_str(), flags);
  if (lock_ < 0 && errno == ENOENT) {
    if (reads) return;  // then nobody uses it
    std::error_code error;
    if (!fs::exists(format_path(), error)) require_nothing();
    lock_ = ::open(path.c_str(), flags | O_CREAT, 0640);
  }
  if (lock_ < 0) {
    if (errno == ELOOP)
      throw journal_error(journal_fault::cannot_create,
                          path.string() + " is a symbolic link, which Holdfast does not make; name another directory");
    throw error_of_call(errno, "can't use the data directory: can't open " + path.string(), true);
  }
  auto const kind = (reads ? LOCK_SH : LOCK_EX) | LOCK_NB;
  auto is_locked = ::flock(lock_, kind) == 0;
  // A process that was just killed keeps its lock until the system has freed its memory.
  auto const until = std::chrono::steady_clock::now() + patience;
  while (!is_locked && errno == EWOULDBLOCK && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    is_locked = ::flock(lock_, kind) == 0;
  }
  if (!is_locked) {
    auto const reason = errno;
    std::array<char, 128> owner{};
    auto const length = ::pread(lock_, owner.data(), owner.size() - 1, 0);
    ::close(lock_);
    if (reason != EWOULDBLOCK) throw error_of_call(reason, "can't lock " + path.string(), true);
    std::string name(owner.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
    name.resize(std::min(name.find('\n'), name.size()));
    // Readers don't write their names, and a killed server leaves its own.
    if (!name.starts_with(owner_word) || !may_run(name))
      name = "another process, perhaps a reader such as 'holdfast-server inspect'";
    throw journal_error(journal_fault::in_use, path_.string() + " is in use by " + name +
                                                   "; stop that one, or name another directory with --data");
  }
}

void data_directory::require_nothing() const {
  std::error_code error;
  if (fs::exists(engine_path(), error) || fs::exists(witness_path(), error))
    throw journal_error(journal_fault::damaged,
                        format_path().string() +
                            " is missing, beside a database; nothing was changed. Restore a backup into an"
                            " empty directory");
  if (!holds_nothing(path_))
    throw journal_error(journal_fault::cannot_create,
                        path_.string() +
                            " holds other files and no database; name an empty directory, or one that"
                            " does not exist yet");
}

void data_directory::read_format() {
  std::error_code error;
  auto const path = format_path();
  if (!fs::exists(path, error)) {
    if (error) throw error_of_call(error.value(), "can't read " + path.string());
    require_nothing();
    return;
  }
  std::ifstream file(path);
  std::string line{std::istreambuf_iterator<char>(file), {}};
  if (file.bad() || !file.is_open()) throw error_of_call(errno, "can't read " + path.string());
  for (auto const candidate : {state::creating, state::copying, state::ready, state::backup}) {
    auto const digits_at = format_line(candidate, 0).find(", database ") + std::strlen(", database ");
    constexpr std::size_t digit_count = 16;
    if (line.size() < digits_at + digit_count) continue;
    std::uint64_t database = 0;
    std::from_chars(line.data() + digits_at, line.data() + digits_at + digit_count, database, 16);
    if (line != format_line(candidate, database)) continue;
    state_ = candidate;
    database_ = database;
    return;
  }
  std::string_view const text(line);
  if (text.starts_with(format_family) && !text.substr(format_family.size()).starts_with(format_version))
    throw journal_error(journal_fault::unknown_format,
                        path.string() +
                            " names a format that this version does not know; start the version of Holdfast"
                            " that wrote it");
  throw journal_error(journal_fault::damaged, path.string() +
                                                  " is damaged; nothing was changed. Restore a backup into"
                                                  " an empty directory");
}

void data_directory::mark(state next, std::uint64_t database) {
  auto const line = format_line(next, database);
  auto const fresh = path_ / "format.new";
  {
    scoped_descriptor const file(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, true);
    auto const written = ::write(file.get(), line.data(), line.size());
    if (written != static_cast<ssize_t>(line.size()))
      throw error_of_call(written < 0 ? errno : ENOSPC, "can't write " + fresh.string(), true);
    if (::fsync(file.get()) != 0) throw error_of_call(errno, "can't sync " + fresh.string(), true);
  }
  if (::rename(fresh.c_str(), format_path().c_str()) != 0)
    throw error_of_call(errno, "can't rename " + fresh.string(), true);
  sync_directory(path_);
  state_ = next;
  database_ = database;
}

void data_directory::clear() {
  std::error_code error;
  for (auto const& leftover : {engine_path(), fs::path(engine_path() += ".tmp"), witness_path()}) {
    fs::remove_all(leftover, error);
    if (error) throw error_of_call(error.value(), "can't remove " + leftover.string(), true);
  }
}

bool is_free_for_copy(fs::path const& directory) {
  std::error_code error;
  if (!fs::is_directory(directory, error)) return false;
  auto const format = directory / "format";
  if (!fs::exists(fs::symlink_status(format, error))) {
    try {
      return holds_nothing(directory);
    } catch (journal_error const&) {
      return false;
    }
  }
  if (!fs::is_regular_file(format, error)) return false;
  std::ifstream file(format);
  std::string line;
  std::getline(file, line);
  auto const is_in = [&](data_directory::state state) { return line.ends_with(name_of(state)); };
  return line.starts_with(format_family) && !is_in(data_directory::state::ready) &&
         !is_in(data_directory::state::backup);
}

}  // namespace holdfast::server
