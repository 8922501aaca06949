#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "protocol/reply.hpp"
#include "protocol/request_head.hpp"
#include "protocol/target.hpp"
#include "server/insight/event_stream.hpp"

namespace holdfast::server {

/// A request about the server itself.
struct insight_request {
  enum class kind {
    lock_state,
    lock_events,
  };
  kind what = kind::lock_state;
  std::size_t limit = 100;                  ///< of lock_state: the queue's entries
  event_format format = event_format::sse;  ///< of lock_events
  std::optional<std::uint64_t> after;       ///< of lock_events: the last that was seen
};

/// Routes what is about the server: the lock's state and events, the page. Nothing where the path is another's.
[[nodiscard]] std::optional<std::variant<protocol::reply, insight_request>> route_insight(
    protocol::request_head const& head, protocol::target const& target, bool draining);

}  // namespace holdfast::server
