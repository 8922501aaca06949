#include "tests/server/journal/unreliable_disk.hpp"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/io_status.h>
#include <rocksdb/system_clock.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::server::testing {

namespace {

namespace fs = std::filesystem;
using operation = unreliable_disk::operation;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

/// The error as the engine's own file system reports it.
IOStatus io_error(int error, std::string const& where) {
  if (error != ENOSPC) return IOStatus::IOError(where, std::strerror(error));
  auto status = IOStatus::NoSpace(where, std::strerror(error));
  status.SetRetryable(true);
  return status;
}

std::string bytes_of(fs::path const& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct file_state {
  std::string durable;               ///< content that certainly survives a power loss
  std::string written;               ///< content without a power loss
  std::vector<std::string> between;  ///< for overwritten files: contents since the last sync
};

}  // namespace

struct unreliable_disk::state {
  fs::path directory;

  mutable std::mutex mutex;
  // All members below are guarded by mutex.
  using name_map = std::map<std::string, std::shared_ptr<file_state>>;
  name_map names, durable_names;
  /// Changes of names since their directories were synced; null for a removed name.
  std::vector<name_map> unsynced;
  std::array<std::size_t, operation_kinds> counts{};
  std::optional<fault> next_fault;
  bool failed = false;
  std::optional<std::size_t> until_cut;
  bool cut = false;
  std::optional<std::uint64_t> bytes_free;

  void change_names(name_map changed) {
    apply(changed, names);
    unsynced.push_back(std::move(changed));
  }
  static void apply(name_map const& changed, name_map& to) {
    for (auto const& [name, file] : changed) {
      if (file)
        to[name] = file;
      else
        to.erase(name);
    }
  }

  /// Counts an operation and determines its result. @param shortened set if only a part of it is to be done.
  IOStatus begin(operation kind, std::string const& where, bool* shortened = nullptr) {
    if (until_cut && !cut) {
      if (*until_cut == 0)
        cut = true;
      else
        --*until_cut;
    }
    if (cut) return io_error(EIO, where);
    ++counts[static_cast<std::size_t>(kind)];
    if (!next_fault || next_fault->kind != kind) return IOStatus::OK();
    if (next_fault->nth > 1) {
      --next_fault->nth;
      return IOStatus::OK();
    }
    failed = true;
    auto const error = next_fault->error;
    if (shortened != nullptr) *shortened = next_fault->is_short;
    if (!next_fault->stays) next_fault.reset();
    return io_error(error, where);
  }
};

namespace {

using disk_state = unreliable_disk::state;

class watched_file : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  watched_file(std::unique_ptr<rocksdb::FSWritableFile> target, std::string name, std::shared_ptr<file_state> file,
               std::shared_ptr<disk_state> disk)
      : FSWritableFileOwnerWrapper(std::move(target)),
        name_(std::move(name)),
        file_(std::move(file)),
        disk_(std::move(disk)) {}

  IOStatus Append(Slice const& data, IOOptions const& options, IODebugContext* context) override {
    bool shortened = false;
    {
      std::lock_guard const lock(disk_->mutex);
      auto const status = disk_->begin(operation::write, name_, &shortened);
      auto const bytes = status.ok() ? data.size() : shortened ? data.size() / 2 : 0;
      file_->written.append(data.data(), bytes);
      if (!status.ok()) {
        if (bytes != 0) static_cast<void>(target()->Append(Slice(data.data(), bytes), options, context));
        return status;
      }
    }
    return target()->Append(data, options, context);
  }
  IOStatus Append(Slice const& data, IOOptions const& options, rocksdb::DataVerificationInfo const&,
                  IODebugContext* context) override {
    return Append(data, options, context);
  }
  IOStatus Truncate(uint64_t size, IOOptions const& options, IODebugContext* context) override {
    std::lock_guard const lock(disk_->mutex);
    if (disk_->cut) return io_error(EIO, name_);
    file_->written.resize(size);
    return target()->Truncate(size, options, context);
  }
  IOStatus Sync(IOOptions const&, IODebugContext*) override {
    // The real disk need not sync: this class decides what survives.
    std::lock_guard const lock(disk_->mutex);
    auto status = disk_->begin(operation::sync, name_);
    if (status.ok()) file_->durable = file_->written;
    return status;
  }
  IOStatus Fsync(IOOptions const& options, IODebugContext* context) override { return Sync(options, context); }

 private:
  std::string name_;
  std::shared_ptr<file_state> file_;
  std::shared_ptr<disk_state> disk_;
};

class overwritten_file : public rocksdb::FSRandomRWFileOwnerWrapper {
 public:
  overwritten_file(std::unique_ptr<rocksdb::FSRandomRWFile> target, std::string name, std::shared_ptr<file_state> file,
                   std::shared_ptr<disk_state> disk)
      : FSRandomRWFileOwnerWrapper(std::move(target)),
        name_(std::move(name)),
        file_(std::move(file)),
        disk_(std::move(disk)) {}

  IOStatus Write(uint64_t offset, Slice const& data, IOOptions const& options, IODebugContext* context) override {
    std::lock_guard const lock(disk_->mutex);
    if (auto status = disk_->begin(operation::write, name_); !status.ok()) return status;
    file_->between.push_back(file_->written);
    file_->written.replace(offset, data.size(), data.data(), data.size());
    return FSRandomRWFileOwnerWrapper::Write(offset, data, options, context);
  }

 private:
  std::string name_;
  std::shared_ptr<file_state> file_;
  std::shared_ptr<disk_state> disk_;
};

class watched_directory : public rocksdb::FSDirectoryWrapper {
 public:
  watched_directory(std::unique_ptr<rocksdb::FSDirectory> target, std::string name, std::shared_ptr<disk_state> disk)
      : FSDirectoryWrapper(std::move(target)), name_(std::move(name)), disk_(std::move(disk)) {}

  IOStatus Fsync(IOOptions const&, IODebugContext*) override {
    std::lock_guard const lock(disk_->mutex);
    if (auto status = disk_->begin(operation::sync, name_); !status.ok()) return status;
    std::erase_if(disk_->unsynced, [&](auto const& changed) {
      if (fs::path(changed.begin()->first).parent_path() != fs::path(name_)) return false;
      disk_state::apply(changed, disk_->durable_names);
      return true;
    });
    return IOStatus::OK();
  }
  IOStatus FsyncWithDirOptions(IOOptions const& options, IODebugContext* context,
                               rocksdb::DirFsyncOptions const&) override {
    return Fsync(options, context);
  }

 private:
  std::string name_;
  std::shared_ptr<disk_state> disk_;
};

class watched_file_system : public rocksdb::FileSystemWrapper {
 public:
  explicit watched_file_system(std::shared_ptr<disk_state> disk)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), disk_(std::move(disk)) {}

  char const* Name() const override { return "unreliable"; }

  IOStatus NewWritableFile(std::string const& name, rocksdb::FileOptions const& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* context) override {
    std::lock_guard const lock(disk_->mutex);
    if (auto status = disk_->begin(operation::create, name); !status.ok()) return status;
    auto status = target()->NewWritableFile(name, options, result, context);
    if (!status.ok()) return status;
    auto const file = std::make_shared<file_state>();
    disk_->change_names({{clean(name), file}});
    *result = std::make_unique<watched_file>(std::move(*result), name, file, disk_);
    return status;
  }
  IOStatus ReopenWritableFile(std::string const&, rocksdb::FileOptions const&,
                              std::unique_ptr<rocksdb::FSWritableFile>*, IODebugContext*) override {
    return IOStatus::NotSupported("a journal appends to no old file");
  }
  IOStatus ReuseWritableFile(std::string const&, std::string const&, rocksdb::FileOptions const&,
                             std::unique_ptr<rocksdb::FSWritableFile>*, IODebugContext*) override {
    return IOStatus::NotSupported("a journal reuses no file");
  }
  IOStatus NewRandomRWFile(std::string const& name, rocksdb::FileOptions const& options,
                           std::unique_ptr<rocksdb::FSRandomRWFile>* result, IODebugContext* context) override {
    std::lock_guard const lock(disk_->mutex);
    auto status = target()->NewRandomRWFile(name, options, result, context);
    if (status.ok())
      *result = std::make_unique<overwritten_file>(std::move(*result), name, disk_->names.at(clean(name)), disk_);
    return status;
  }
  IOStatus NewDirectory(std::string const& name, IOOptions const& options,
                        std::unique_ptr<rocksdb::FSDirectory>* result, IODebugContext* context) override {
    auto status = target()->NewDirectory(name, options, result, context);
    if (status.ok()) *result = std::make_unique<watched_directory>(std::move(*result), clean(name), disk_);
    return status;
  }
  IOStatus DeleteFile(std::string const& name, IOOptions const& options, IODebugContext* context) override {
    std::lock_guard const lock(disk_->mutex);
    if (auto status = disk_->begin(operation::remove, name); !status.ok()) return status;
    disk_->change_names({{clean(name), nullptr}});
    return target()->DeleteFile(name, options, context);
  }
  IOStatus RenameFile(std::string const& from, std::string const& to, IOOptions const& options,
                      IODebugContext* context) override {
    std::lock_guard const lock(disk_->mutex);
    if (auto status = disk_->begin(operation::rename, from); !status.ok()) return status;
    if (auto const found = disk_->names.find(clean(from)); found != disk_->names.end())
      disk_->change_names({{clean(from), nullptr}, {clean(to), found->second}});
    return target()->RenameFile(from, to, options, context);
  }
  IOStatus LinkFile(std::string const& from, std::string const& to, IOOptions const& options,
                    IODebugContext* context) override {
    std::lock_guard const lock(disk_->mutex);
    if (auto status = disk_->begin(operation::create, to); !status.ok()) return status;
    if (auto const found = disk_->names.find(clean(from)); found != disk_->names.end())
      disk_->change_names({{clean(to), found->second}});
    return target()->LinkFile(from, to, options, context);
  }
  IOStatus NewLogger(std::string const& name, IOOptions const& options, std::shared_ptr<rocksdb::Logger>* result,
                     IODebugContext* context) override {
    // Through a file of this class, so that it can fail, too.
    return FileSystem::NewLogger(name, options, result, context);  // NOLINT(bugprone-parent-virtual-call)
  }
  IOStatus GetFreeSpace(std::string const& path, IOOptions const& options, uint64_t* bytes,
                        IODebugContext* context) override {
    {
      std::lock_guard const lock(disk_->mutex);
      if (disk_->bytes_free) {
        *bytes = *disk_->bytes_free;
        return IOStatus::OK();
      }
    }
    return target()->GetFreeSpace(path, options, bytes, context);
  }

 private:
  /// The engine sometimes writes a//b.
  static std::string clean(std::string const& name) {
    auto path = fs::path(name).lexically_normal();
    if (!path.has_filename()) path = path.parent_path();
    return path.string();
  }

  std::shared_ptr<disk_state> disk_;
};

class impatient_clock : public rocksdb::SystemClockWrapper {
 public:
  using SystemClockWrapper::SystemClockWrapper;
  char const* Name() const override { return "impatient"; }
  void SleepForMicroseconds(int microseconds) override { target_->SleepForMicroseconds(std::min(microseconds, 1'000)); }
};

class watched_environment : public rocksdb::EnvWrapper {
 public:
  explicit watched_environment(std::unique_ptr<rocksdb::Env> target) : EnvWrapper(std::move(target)) {
    system_clock_ = std::make_shared<impatient_clock>(system_clock_);
  }
  char const* Name() const override { return "unreliable"; }
};

/// A possible content on the disk of a file whose last bytes were not synced.
std::string after_power_loss(file_state const& file, std::mt19937_64& random) {
  auto const pick = [&](std::size_t below) { return static_cast<std::size_t>(random() % below); };
  if (!file.between.empty()) {
    auto const choice = pick(file.between.size() + 2);
    if (choice < file.between.size()) return file.between[choice];
    return choice == file.between.size() ? file.durable : file.written;
  }
  if (file.written.size() <= file.durable.size()) return file.durable;
  auto left = file.written;
  switch (pick(4)) {
    case 0:
      return file.durable;
    case 1:
      return left;
    case 2:
      left.resize(file.durable.size() + pick(left.size() - file.durable.size()));
      return left;
    default:
      break;
  }
  constexpr std::size_t sector = 512;
  for (auto begin = file.durable.size(); begin < left.size();) {
    auto const end = std::min(left.size(), (begin / sector + 1) * sector);
    if (pick(2) == 0)
      std::fill(left.begin() + static_cast<std::ptrdiff_t>(begin), left.begin() + static_cast<std::ptrdiff_t>(end),
                '\0');
    begin = end;
  }
  return left;
}

}  // namespace

unreliable_disk::unreliable_disk(fs::path directory) : state_(std::make_shared<state>()) {
  state_->directory = std::move(directory);
  for (auto const& found : fs::recursive_directory_iterator(state_->directory)) {
    if (!found.is_regular_file()) continue;
    auto const file = std::make_shared<file_state>();
    file->durable = file->written = bytes_of(found.path());
    state_->names[found.path().string()] = file;
  }
  state_->durable_names = state_->names;
}

unreliable_disk::~unreliable_disk() = default;

std::shared_ptr<rocksdb::Env> unreliable_disk::environment() const {
  return std::make_shared<watched_environment>(rocksdb::NewCompositeEnv(std::make_shared<watched_file_system>(state_)));
}

void unreliable_disk::fail(fault next) {
  std::lock_guard const lock(state_->mutex);
  state_->next_fault = next;
}

bool unreliable_disk::has_failed() const {
  std::lock_guard const lock(state_->mutex);
  return state_->failed;
}

std::size_t unreliable_disk::count(operation kind) const {
  std::lock_guard const lock(state_->mutex);
  return state_->counts[static_cast<std::size_t>(kind)];
}

void unreliable_disk::cut_power_after(std::size_t operations) {
  std::lock_guard const lock(state_->mutex);
  state_->until_cut = operations;
}

bool unreliable_disk::power_is_cut() const {
  std::lock_guard const lock(state_->mutex);
  return state_->cut;
}

void unreliable_disk::set_bytes_free(std::uint64_t bytes) {
  std::lock_guard const lock(state_->mutex);
  state_->bytes_free = bytes;
}

void unreliable_disk::restart(std::mt19937_64& random) {
  std::lock_guard const lock(state_->mutex);
  auto names = state_->durable_names;
  state_->unsynced.resize(random() % (state_->unsynced.size() + 1));
  for (auto const& changed : state_->unsynced) state::apply(changed, names);
  for (auto const& found : fs::recursive_directory_iterator(state_->directory))
    if (found.is_regular_file()) fs::remove(found.path());
  for (auto const& [name, file] : names) std::ofstream(name, std::ios::binary) << after_power_loss(*file, random);
}

}  // namespace holdfast::server::testing
