#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/json_text.hpp"

namespace holdfast::server {

/// What a key belongs to.
enum class keyspace : std::uint8_t {
  data,      ///< what clients store; readers and watchers see it
  requests,  ///< answers to requests that had an Idempotency-Key
  locks,     ///< named locks and their tickets
};

/// One mutation of the database, made while the lock is held. Watchers, the history and the journal read the stream of
/// changes; they have no other source. Outside of keyspace::data there are no touches.
struct change {
  enum class kind : std::uint8_t {
    put,     ///< `key` has `value` now
    del,     ///< a request removed `key`
    expire,  ///< `key` reached the end of its time to live
    touch,   ///< the expiry of `key` changed and nothing else; readers of data do not see it
  };
  using instant = std::chrono::system_clock::time_point;

  kind what = kind::put;
  std::uint64_t sequence = 0;  ///< +1 with each change: the order of the journal
  std::uint64_t revision = 0;  ///< of data and locks: +1 with each but touch, which has the entry's own; of requests
                               ///< the database's
  std::uint64_t previous = 0;  ///< version() of the last change of the same key; 0 where there was no such key
  std::string key;
  protocol::json_text value;          ///< of put; of a lock's ticket always, also of one that leaves; null otherwise
  std::optional<instant> expires_at;  ///< of put and touch: when the entry expires; empty: never
  keyspace space = keyspace::data;

  /// Distinguishes this state of the key from its other ones.
  [[nodiscard]] std::uint64_t version() const noexcept { return space == keyspace::data ? revision : sequence; }
};

/// "put", "delete", "expire", "touch".
[[nodiscard]] std::string_view name_of(change::kind kind) noexcept;

}  // namespace holdfast::server
