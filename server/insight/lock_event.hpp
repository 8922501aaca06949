#pragma once

#include <cstdint>
#include <string_view>

#include "server/net/peer_address.hpp"

namespace holdfast::server {

/// What an operation is called in events and metrics.
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
  released,   ///< owned the lock and gave it back when it was done
  cancelled,  ///< the server drains
  timed_out,  ///< its lock-timeout passed while it waited
  hung_up,    ///< the client went, while it waited or while it held
  refused,    ///< as many wait as may; it never had a place in the queue
};

/// One request for the lock at one moment of its life. Times are nanoseconds since the server's start.
struct lock_event {
  enum class kind : std::uint8_t {
    asked,    ///< has taken its place in the queue; reported only for those that must wait
    granted,  ///< owns the lock and is going to hold it; reported only for those that hold it across an await
    done,     ///< of every request, once
  };
  static constexpr std::int64_t never = -1;

  kind what = kind::done;
  lock_operation operation = lock_operation::get;
  lock_outcome outcome = lock_outcome::released;  ///< of done
  std::uint32_t position = 0;                     ///< in the queue on arrival: 1 is granted next, 0 found the lock free
  std::uint64_t id = 0;
  peer_address source;
  std::int64_t asked_ns = 0;
  std::int64_t granted_ns = never;
  std::int64_t ended_ns = never;  ///< of done
  std::int64_t hold_ns = 0;       ///< of granted: how long it is going to hold
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

/// When the event happened.
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
