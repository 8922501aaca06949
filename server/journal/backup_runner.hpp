#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "server/journal/journal.hpp"

namespace holdfast::server {

/// The result of a backup.
struct backup_outcome {
  std::optional<journal_error> error;  ///< why there is none
  journal_position position;           ///< position up to which it contains all changes
  std::uint64_t bytes = 0;             ///< bytes on the disk
  std::chrono::nanoseconds took{};
};

/// Makes backups of a journal while it is in use, one at a time, each on its own thread.
class backup_runner {
 public:
  /// @param source must outlive it.
  explicit backup_runner(journal const& source) noexcept : source_(source) {}
  /// Waits for a running backup.
  ~backup_runner();
  backup_runner(backup_runner const&) = delete;
  backup_runner& operator=(backup_runner const&) = delete;

  /// Starts a backup. @param done called on the backup's thread; must not throw. @return false if another backup is
  /// running. Any thread.
  bool start(std::filesystem::path to, std::function<void(backup_outcome const&)> done);

  /// Waits for a running backup and prevents new ones.
  void finish();

 private:
  journal const& source_;
  std::mutex mutex_;
  std::atomic<bool> is_busy_{false};  // set under mutex_, cleared by the backup's thread
  std::thread thread_;                // guarded by mutex_
};

}  // namespace holdfast::server
