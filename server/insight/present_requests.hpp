#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/insight/event_ring.hpp"

namespace holdfast::server {

/// How many of those who wait are listed; of those beyond it is only known that they wait.
struct present_limits {
  std::size_t entries_max;
  std::size_t bytes_max;  ///< of entries and keys; whoever owns the lock is listed in any case
};

/// Who waits or holds now. Memory: bytes_max, and 16 bytes for each waiter that is not listed.
struct present_requests {
  struct waiter {
    std::uint64_t id;
    std::int64_t asked_ns;
  };
  std::vector<event_ring::entry> listed;  ///< of each thread the earliest, and whoever owns the lock, with granted_ns
  std::vector<waiter> unlisted;
};

}  // namespace holdfast::server
