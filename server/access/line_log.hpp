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

/// A file to which lines are appended by a thread of its own, so that a disk never stalls a request. Where the disk is
/// full or slow, up to 8 MiB of lines wait for it; what comes beyond is dropped, and the first line that is written
/// after that says how many: {"dropped":17}. Any thread.
class line_log {
 public:
  static constexpr std::size_t waiting_bytes_max = 8 * 1024 * 1024;

  /// @throws std::runtime_error where the file can't be opened.
  explicit line_log(std::string path);
  /// Writes what is waiting, if the disk takes it.
  ~line_log();
  line_log(line_log const&) = delete;
  line_log& operator=(line_log const&) = delete;

  /// @param line ends with a line feed.
  void write(std::string_view line);

  /// Opens the path anew before the next line: somebody has renamed the file. Where that fails the old one stays.
  /// @return whether it could be opened.
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
  std::uint64_t untold_ = 0;  // lines that were dropped since the last that was taken
  int next_file_ = -1;        // to go on with
  bool ends_ = false;
  std::atomic<std::uint64_t> dropped_{0};
  std::thread thread_;
};

}  // namespace holdfast::server
