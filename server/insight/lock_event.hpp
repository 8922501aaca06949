#pragma once

#include <cstdint>
#include <string_view>

#include "server/net/peer_address.hpp"

namespace holdfast::server {

/// Operations as named in events and metrics.
enum class lock_operation : std::uint8_t {
  get,
  head,
  put,
  del,
  patch,
  increment,
  touch,
  list,
  delete_range,
  transaction,
  import_keys,
  export_keys,
  watch,
  ticket,
  expire,
};
inline constexpr std::size_t lock_operations = 15;

/// How a request for the lock ended.
enum class lock_outcome : std::uint8_t {
  released,   ///< owned the lock and released it normally
  cancelled,  ///< the server was draining
  timed_out,  ///< its lock-timeout passed while it waited
  hung_up,    ///< the client disconnected while it waited or held
  refused,    ///< the queue was full; it never entered the queue
};

/// One event in the life of a request for the lock. Times are nanoseconds since the server's start.
struct lock_event {
  enum class kind : std::uint8_t {
    asked,    ///< entered the queue; reported only for requests that must wait
    granted,  ///< acquired the lock; reported only for requests that hold it across an await
    done,     ///< ended; reported once for every request
  };
  static constexpr std::int64_t never = -1;

  kind what = kind::done;
  lock_operation operation = lock_operation::get;
  lock_outcome outcome = lock_outcome::released;  ///< only for done
  std::uint32_t position = 0;  ///< in the queue on arrival: 1 is granted next, 0 means that the lock was free
  std::uint64_t id = 0;
  peer_address source;
  std::int64_t asked_ns = 0;
  std::int64_t granted_ns = never;
  std::int64_t ended_ns = never;  ///< only for done
  std::int64_t hold_ns = 0;       ///< only for granted: how long it intends to hold
};

[[nodiscard]] constexpr std::string_view name_of(lock_operation operation) noexcept {
  constexpr std::string_view names[] = {"GET",          "HEAD", "PUT",    "DELETE", "PATCH", "INCR", "TOUCH", "LIST",
                                        "DELETE_RANGE", "TXN",  "IMPORT", "EXPORT", "WATCH", "LOCK", "EXPIRE"};
  return names[static_cast<std::size_t>(operation)];
}

[[nodiscard]] constexpr std::string_view name_of(lock_outcome outcome) noexcept {
  constexpr std::string_view names[] = {"released", "cancelled", "timed_out", "hung_up", "refused"};
  return names[static_cast<std::size_t>(outcome)];
}

[[nodiscard]] constexpr std::string_view name_of(lock_event::kind kind) noexcept {
  constexpr std::string_view names[] = {"asked", "granted", "done"};
  return names[static_cast<std::size_t>(kind)];
}

/// The time of the event.
[[nodiscard]] constexpr std::int64_t time_of(lock_event const& event) noexcept {
  switch (event.what) {
    case lock_event::kind::asked:
      return event.asked_ns;
    case lock_event::kind::granted:
      return event.granted_ns;
    case lock_event::kind::done:
      break;
  }
  return event.ended_ns;
}

}  // namespace holdfast::server
