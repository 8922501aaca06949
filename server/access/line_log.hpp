#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace holdfast::server {

/// Appends lines to a file on a thread of its own, so that a slow disk never stalls a request. If the disk is full or
/// slow, up to 8 MiB of lines wait in memory; further lines are dropped. The next line written then is the number of
/// dropped lines: {"dropped":17}. Any thread.
class line_log {
 public:
  static constexpr std::size_t waiting_bytes_max = 8 * 1024 * 1024;

  /// @throws std::runtime_error if the file can't be opened.
  explicit line_log(std::string path);
  /// Writes the waiting lines, if the disk takes them.
  ~line_log();
  line_log(line_log const&) = delete;
  line_log& operator=(line_log const&) = delete;

  /// @param line must end with a line feed.
  void write(std::string_view line);

  /// Opens the path again before the next line, as needed after the file was renamed. On failure the old file stays in
  /// use.
  /// @return true if it could be opened.
  bool reopen();

  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::string const& path() const noexcept { return path_; }

 private:
  void run();
  void write_out(std::string& lines);

  std::string const path_;
  int file_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::string waiting_;
  std::uint64_t untold_ = 0;  // lines dropped since the last accepted line
  int next_file_ = -1;        // the file to switch to; -1: none
  bool ends_ = false;
  std::atomic<std::uint64_t> dropped_{0};
  std::thread thread_;
};

}  // namespace holdfast::server
