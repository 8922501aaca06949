#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "server/insight/lock_feed.hpp"
#include "server/insight/lock_recorder.hpp"

namespace holdfast::server {

/// All that a server knows of what its lock is doing. Any thread may read.
struct insight {
  using clock = lock_recorder::clock;

  insight(unsigned threads, std::uint64_t its_start);

  [[nodiscard]] std::int64_t now_ns() const noexcept { return recorders[0]->ns_of(clock::now()); }

  std::uint64_t const start;  ///< tells this process from another; see protocol::request_id
  clock::time_point const started_at = clock::now();
  std::chrono::system_clock::time_point const started_on = std::chrono::system_clock::now();
  std::vector<std::unique_ptr<lock_recorder>> const recorders;  ///< one for each thread
  lock_feed feed;
};

}  // namespace holdfast::server
