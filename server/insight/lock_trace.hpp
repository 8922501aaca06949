#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "server/insight/lock_feed.hpp"

namespace holdfast::server {

/// The events as a trace in Chrome's JSON format ("Trace Event Format"), which ui.perfetto.dev and speedscope open: a
/// track for each source, a slice for each wait and each hold, an arrow from each release to the grant that it made,
/// and a counter of the queue's length. Times are microseconds since the server's start. What goes on ends at `now_ns`.
/// @param events in their order, as lock_feed::since() gives them. @param present who waits or holds at `now_ns`, to be
/// asked for before the events; of one that is in both, the event counts. @param since_ns what lies before is cut off.
[[nodiscard]] std::string lock_trace_json(std::span<told_event const> events,
                                          std::span<event_ring::entry const> present, std::int64_t since_ns,
                                          std::int64_t now_ns, std::uint64_t start);

}  // namespace holdfast::server
