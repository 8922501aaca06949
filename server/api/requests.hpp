#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "protocol/operation.hpp"
#include "server/api/route_settings.hpp"
#include "server/http/reply.hpp"
#include "server/insight/told_event.hpp"

namespace holdfast::server {

/// A request that concerns the database: what to do, under which terms, and what its answer depends on.
struct value_request {
  protocol::operation operation;
  protocol::lock_terms terms;
  std::optional<std::string> if_none_match;
  bool head_only = false;
};

/// A request about the lock, or about all that is counted.
struct lock_request {
  enum class kind { state, events, trace, metrics };
  kind what = kind::state;
  std::size_t limit = 100;                                       ///< of state: the queue's entries
  event_format format = event_format::sse;                       ///< of events
  std::optional<std::uint64_t> after;                            ///< of events: the last that was seen
  std::chrono::nanoseconds duration = std::chrono::seconds(10);  ///< of trace: how far back
};

/// A look at the settings, or a change, which its body will tell.
struct settings_request {
  bool changes = false;
};

/// What a header has come to: an answer where nothing else is needed (probes, pages, refusals), or what to do.
using routed = std::variant<reply, value_request, lock_request, settings_request>;

/// What a header's reading depends on.
struct route_context {
  route_settings const& settings;
  std::chrono::nanoseconds read_hold{};  ///< the hold of a GET or HEAD that names none, as it is now
  bool draining = false;
};

}  // namespace holdfast::server
