#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
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
    lock_trace,
    metrics,
    settings,
    change_settings,
  };
  kind what = kind::lock_state;
  std::size_t limit = 100;                                       ///< of lock_state: the queue's entries
  event_format format = event_format::sse;                       ///< of lock_events
  std::optional<std::uint64_t> after;                            ///< of lock_events: the last that was seen
  std::chrono::nanoseconds duration = std::chrono::seconds(10);  ///< of lock_trace: how far back
};

/// Routes what is about the server: the lock's state, events and trace, metrics, settings, the page. Nothing where the
/// path is another's. @param host_names see refuse_change().
[[nodiscard]] std::optional<std::variant<protocol::reply, insight_request>> route_insight(
    protocol::request_head const& head, protocol::target const& target, std::span<std::string const> host_names,
    bool draining);

}  // namespace holdfast::server
