#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/insight/lock_event.hpp"

namespace holdfast::server {

/// Output formats of events.
enum class event_format {
  sse,     ///< server-sent events (WHATWG HTML §9.2), each with its id, type and JSON
  ndjson,  ///< the same JSON, one object per line
};

/// A request whose hold delayed another, and the overlap with that one's wait.
struct lock_blame {
  std::uint64_t id = 0;
  peer_address source;
  lock_operation operation = lock_operation::get;
  std::string key;
  std::int64_t held_ns = 0;
};

/// All data of an event, as reported to consumers.
struct told_event {
  std::uint64_t number = 0;  ///< from 1 in chronological order; lost events have numbers too
  lock_event event;
  std::string key;
  std::vector<lock_blame> behind;     ///< for a `done` that waited: the longest holds during its wait, longest first
  std::uint64_t behind_others = 0;    ///< number of other holds during the wait
  std::int64_t behind_others_ns = 0;  ///< total time of these within the wait
};

}  // namespace holdfast::server
