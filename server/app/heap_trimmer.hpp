#pragma once

#include <cstdint>
#include <functional>

#include "server/loop/timer.hpp"

namespace holdfast::server {

/// Gives memory back to the system that lies between what is still in use. The allocator keeps it, for the next values:
/// taking it anew costs a PUT of 1 MiB more than twice its CPU time. So that is done only when much less is in use than
/// was before. On the loop's thread.
class heap_trimmer {
 public:
  /// How much is in use.
  struct use {
    std::uint64_t now = 0;
    std::uint64_t most = 0;  ///< since the last call
  };

  /// @param used_bytes says it. The loop must outlive it.
  heap_trimmer(event_loop& loop, std::function<use()> used_bytes)
      : used_bytes_(std::move(used_bytes)), next_look_(loop.get_executor()) {}

  /// Looks from now on: once a second, and less and less often while nothing changes, so that a server at rest sleeps.
  void start();

 private:
  void look();

  std::function<use()> const used_bytes_;
  std::uint64_t most_ = 0;  // that was in use since the last trim
  std::uint64_t last_ = 0;  // that was in use at the last look
  event_loop::clock::duration interval_{};
  timer next_look_;
};

}  // namespace holdfast::server
