#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/insight/lock_event.hpp"

namespace holdfast::server {

/// How events are written.
enum class event_format {
  sse,     ///< server-sent events (WHATWG HTML §9.2), each with its id, type and JSON
  ndjson,  ///< the same JSON, one object a line
};

/// Who made somebody wait, and for how much of his wait.
struct lock_blame {
  std::uint64_t id = 0;
  peer_address source;
  lock_operation operation = lock_operation::get;
  std::string key;
  std::int64_t held_ns = 0;
};

/// Everything that an event contains.
struct told_event {
  std::uint64_t number = 0;  ///< from 1 on, in the order in which they happened; what is lost has its numbers too
  lock_event event;
  std::string key;
  std::vector<lock_blame> behind;     ///< of a `done` that waited: the longest holds within its wait, longest first
  std::uint64_t behind_others = 0;    ///< how many more holds there were
  std::int64_t behind_others_ns = 0;  ///< and how long these took of the wait
};

}  // namespace holdfast::server
