#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/json_text.hpp"

namespace holdfast::server {

/// One mutation of the database, made while the lock is held. Watchers, the history and the journal read the stream of
/// changes; nothing else tells them what happened.
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
  std::uint64_t revision = 0;  ///< +1 with each change that readers of data see; of touch, the entry's own
  std::uint64_t previous = 0;  ///< the revision of the entry before; 0 where there was none
  std::string key;
  protocol::json_text value;          ///< of put; null otherwise
  std::optional<instant> expires_at;  ///< of put and touch: when the entry expires; empty: never
};

/// "put", "delete", "expire", "touch".
[[nodiscard]] std::string_view name_of(change::kind kind) noexcept;

}  // namespace holdfast::server
