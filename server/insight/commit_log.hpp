#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

namespace holdfast::server {

/// The journal's latest commits, numbered in order. Written by the commit thread; any thread may read. At most 384 KiB.
class commit_log {
 public:
  struct commit {
    std::int64_t began_ns = 0, ended_ns = 0;  ///< since the server's start
    std::uint64_t changes = 0;                ///< changes made durable by the commit

    bool operator==(commit const&) const = default;
  };
  static constexpr std::size_t commits_max = 16'384;

  void add(commit const& one);
  /// The number of the next commit.
  [[nodiscard]] std::uint64_t next_number() const;
  /// @return up to `most` commits from `number` on, or from the oldest one kept; sets `number` to the one after them.
  [[nodiscard]] std::vector<commit> take(std::uint64_t& number, std::size_t most) const;

 private:
  mutable std::mutex mutex_;
  std::deque<commit> kept_;
  std::uint64_t next_ = 0;
};

}  // namespace holdfast::server
