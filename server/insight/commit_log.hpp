#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

namespace holdfast::server {

/// The latest commits of the journal, numbered as they came. The commit thread adds, any thread reads. At most 384 KiB.
class commit_log {
 public:
  struct commit {
    std::int64_t began_ns = 0, ended_ns = 0;  ///< since the server's start
    std::uint64_t changes = 0;                ///< that it made durable

    bool operator==(commit const&) const = default;
  };
  static constexpr std::size_t commits_max = 16'384;

  void add(commit const& one);
  /// The number that the next commit will have.
  [[nodiscard]] std::uint64_t next_number() const;
  /// @return up to `most` commits from `number` on, or from the oldest that is kept; moves `number` behind them.
  [[nodiscard]] std::vector<commit> take(std::uint64_t& number, std::size_t most) const;

 private:
  mutable std::mutex mutex_;
  std::deque<commit> kept_;
  std::uint64_t next_ = 0;
};

}  // namespace holdfast::server
