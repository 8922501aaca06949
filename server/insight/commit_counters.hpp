#pragma once

#include <array>
#include <cstdint>

#include "server/insight/counters.hpp"

namespace holdfast::server {

/// Bucket bounds for the number of changes made durable by one commit.
inline constexpr std::array<std::int64_t, 9> batch_bounds{1, 2, 4, 16, 64, 256, 1024, 4096, 16384};

/// Totals over all commits of a journal. Written by the commit thread; any thread may read.
struct commit_counters {
  lock_histogram times;             ///< from the start of a commit until it is durable
  histogram<batch_bounds> batches;  ///< in changes, not nanoseconds
  counter bytes;                    ///< keys and values
};

}  // namespace holdfast::server
