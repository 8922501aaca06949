#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/json_text.hpp"

namespace holdfast::server {

/// The keyspace of a record.
enum class keyspace : std::uint8_t {
  data,      ///< values that clients store; visible to readers and watchers
  requests,  ///< outcomes of requests with an Idempotency-Key
  locks,     ///< named locks and their tickets
};

/// One mutation of the database, made while the lock is held. Watchers, the history and the journal all read this
/// stream of changes and have no other source. Touches occur only in keyspace::data.
struct change {
  enum class kind : std::uint8_t {
    put,     ///< `key` now has `value`
    del,     ///< a request removed `key`
    expire,  ///< `key` has expired
    touch,   ///< only the expiry of `key` changed; not visible to readers
  };
  using instant = std::chrono::system_clock::time_point;

  kind what = kind::put;
  std::uint64_t sequence = 0;  ///< +1 with each change: the journal's order
  std::uint64_t revision = 0;  ///< of data and locks: +1 with each change except touch, which has the entry's revision;
                               ///< of requests the database's
  std::uint64_t previous = 0;  ///< version() of the previous change of the same key; 0: none
  std::string key;
  protocol::json_text value;          ///< for put; for touch the entry's, which it keeps; always for a lock's ticket,
                                      ///< even when it leaves; otherwise null
  std::optional<instant> expires_at;  ///< for put and touch: the expiry; nullopt: never
  keyspace space = keyspace::data;

  /// Distinguishes this state of the key from its other states.
  [[nodiscard]] std::uint64_t version() const noexcept { return space == keyspace::data ? revision : sequence; }
};

/// "put", "delete", "expire", "touch".
[[nodiscard]] std::string_view name_of(change::kind kind) noexcept;

}  // namespace holdfast::server
