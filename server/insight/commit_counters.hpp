#pragma once

#include <array>
#include <cstdint>

#include "server/insight/counters.hpp"

namespace holdfast::server {

/// Of the changes that one commit makes durable.
inline constexpr std::array<std::int64_t, 9> batch_bounds{1, 2, 4, 16, 64, 256, 1024, 4096, 16384};

/// All commits of a journal. The commit thread adds, any thread reads.
struct commit_counters {
  lock_histogram times;             ///< from the beginning of a commit until it was durable
  histogram<batch_bounds> batches;  ///< changes, rather than nanoseconds
  counter bytes;                    ///< of keys and values
};

}  // namespace holdfast::server
