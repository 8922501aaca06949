#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/insight/event_ring.hpp"

namespace holdfast::server {

/// Limits on listed waiters. Waiters beyond are only counted.
struct present_limits {
  std::size_t entries_max;
  std::size_t bytes_max;  ///< of entries and keys; the owner is always listed
};

/// The requests that wait or hold now. Memory: bytes_max, and 16 bytes for each unlisted waiter.
struct present_requests {
  struct waiter {
    std::uint64_t id;
    std::int64_t asked_ns;
  };
  std::vector<event_ring::entry> listed;  ///< the earliest of each thread, and the owner, which has granted_ns
  std::vector<waiter> unlisted;
};

}  // namespace holdfast::server
