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

/// All that a server records about its lock. Any thread may read.
struct insight {
  using clock = lock_recorder::clock;

  /// Default limit of simultaneous consumers.
  static constexpr std::size_t usual_consumers_max = 64;

  insight(unsigned threads, std::uint64_t its_start, std::size_t consumers_max = usual_consumers_max);

  [[nodiscard]] std::int64_t now_ns() const noexcept { return recorders[0]->ns_of(clock::now()); }

  /// The requests of all threads that wait or hold now. The threads are queried one after another, not at one instant.
  [[nodiscard]] present_requests present(present_limits const& limits) const;
  [[nodiscard]] bool is_anyone_present() const;

  std::uint64_t const start;  ///< identifies this process; see protocol::request_id
  clock::time_point const started_at = clock::now();
  std::chrono::system_clock::time_point const started_on = std::chrono::system_clock::now();
  std::vector<std::unique_ptr<lock_recorder>> const recorders;  ///< one per thread
  source_names names;
  lock_feed feed;
  commit_log commits;        ///< empty without a journal
  consumer_limit consumers;  ///< a client needs a consumer_place before it reads events or a trace
};

}  // namespace holdfast::server
