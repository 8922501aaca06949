#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "server/insight/lock_feed.hpp"

namespace holdfast::server {

/// The events as a trace in Chrome's JSON format ("Trace Event Format"), which ui.perfetto.dev and speedscope open: a
/// track for each source, a slice for each wait and each hold, an arrow from each release to the grant that it made,
/// and a counter of the queue's length. Times are microseconds since the server's start.
/// @param events in their order, as lock_feed::since() gives them. @param since_ns what lies before is cut off.
[[nodiscard]] std::string lock_trace_json(std::span<told_event const> events, std::int64_t since_ns,
                                          std::uint64_t start);

}  // namespace holdfast::server
