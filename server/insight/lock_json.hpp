#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/insight/event_ring.hpp"
#include "server/insight/lock_feed.hpp"

namespace holdfast::server {

// The JSON of the lock's state and events. Written by hand, since 20,000 events a second are to cost a watched server
// little. Times are nanoseconds since the server's start.

/// Appends `text`, which is UTF-8, as a JSON string.
void append_json_string(std::string& out, std::string_view text);

/// Appends an event as an object whose first member is its type. @param start see protocol::request_id.
void append_json(std::string& out, told_event const& told, std::uint64_t start);

/// The state of the lock: `present` as lock_recorder::present() gives it, of all threads.
/// @param limit of the queue's entries.
[[nodiscard]] std::string lock_state_json(std::vector<event_ring::entry> present, std::int64_t now_ns,
                                          std::uint64_t start, std::size_t limit);

}  // namespace holdfast::server
