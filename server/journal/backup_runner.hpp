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

/// What has become of a backup.
struct backup_outcome {
  std::optional<journal_error> error;  ///< why there is none
  journal_position position;           ///< what it contains at least
  std::uint64_t bytes = 0;             ///< on the disk
  std::chrono::nanoseconds took{};
};

/// Makes backups of a journal while it is written, one at a time, on a thread of their own.
class backup_runner {
 public:
  /// @param source must outlive it.
  explicit backup_runner(journal const& source) noexcept : source_(source) {}
  /// Waits for the backup that is being made.
  ~backup_runner();
  backup_runner(backup_runner const&) = delete;
  backup_runner& operator=(backup_runner const&) = delete;

  /// Begins a backup. @param done called by the backup's thread; must not throw. @return false where another one is
  /// being made. Any thread.
  bool start(std::filesystem::path to, std::function<void(backup_outcome const&)> done);

  /// Waits for the backup that is being made; none may be started any more.
  void finish();

 private:
  journal const& source_;
  std::mutex mutex_;
  std::atomic<bool> is_busy_{false};  // set under mutex_, cleared by the backup's thread
  std::thread thread_;                // guarded by mutex_
};

}  // namespace holdfast::server
