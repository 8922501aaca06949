#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "server/insight/commit_log.hpp"
#include "server/insight/consumer_place.hpp"
#include "server/insight/lock_feed.hpp"
#include "server/insight/lock_recorder.hpp"
#include "server/insight/source_names.hpp"

namespace holdfast::server {

/// All that a server knows of what its lock is doing. Any thread may read.
struct insight {
  using clock = lock_recorder::clock;

  /// This many consumers may follow the lock at once, unless set otherwise.
  static constexpr std::size_t usual_consumers_max = 64;

  insight(unsigned threads, std::uint64_t its_start, std::size_t consumers_max = usual_consumers_max);

  [[nodiscard]] std::int64_t now_ns() const noexcept { return recorders[0]->ns_of(clock::now()); }

  /// Who waits or holds now, of all threads, which are asked one after another.
  [[nodiscard]] present_requests present(present_limits const& limits) const;
  [[nodiscard]] bool is_anyone_present() const;

  std::uint64_t const start;  ///< distinguishes this process from others; see protocol::request_id
  clock::time_point const started_at = clock::now();
  std::chrono::system_clock::time_point const started_on = std::chrono::system_clock::now();
  std::vector<std::unique_ptr<lock_recorder>> const recorders;  ///< one for each thread
  source_names names;
  lock_feed feed;
  commit_log commits;        ///< of a server that keeps its data
  consumer_limit consumers;  ///< whoever follows the events or reads a trace takes a consumer_place first
};

}  // namespace holdfast::server
