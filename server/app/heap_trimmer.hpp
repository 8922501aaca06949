#pragma once

#include <cstdint>
#include <functional>

#include "server/loop/timer.hpp"

namespace holdfast::server {

/// Returns free memory between used blocks to the system. The allocator normally keeps it for later values, because
/// taking it from the system again more than doubles the CPU time of a PUT of 1 MiB. So this trims only if much less
/// memory is in use than before. Runs on the loop's thread.
class heap_trimmer {
 public:
  /// Memory in use, in bytes.
  struct use {
    std::uint64_t now = 0;
    std::uint64_t most = 0;  ///< maximum since the last call
  };

  /// @param used_bytes returns the memory in use. The loop must outlive this.
  heap_trimmer(event_loop& loop, std::function<use()> used_bytes)
      : used_bytes_(std::move(used_bytes)), next_look_(loop.get_executor()) {}

  /// Checks from now on: once a second, and less often while nothing changes, so that an idle server sleeps.
  void start();

 private:
  void look();

  std::function<use()> const used_bytes_;
  std::uint64_t most_ = 0;  // maximum in use since the last trim
  std::uint64_t last_ = 0;  // in use at the last check
  event_loop::clock::duration interval_{};
  timer next_look_;
};

}  // namespace holdfast::server
