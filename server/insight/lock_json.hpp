#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/insight/present_requests.hpp"
#include "server/insight/source_names.hpp"
#include "server/insight/told_event.hpp"

namespace holdfast::server {

// The JSON of the lock's state and events. Written by hand, since 20,000 events a second are to cost a watched server
// little. Times are nanoseconds since the server's start.

/// Appends `text`, which is UTF-8, as a JSON string.
void append_json_string(std::string& out, std::string_view text);

/// Appends an event as an object whose first member is its type. @param start see protocol::request_id. @param names of
/// the sources; null: they are shown by their addresses.
void append_json(std::string& out, told_event const& told, std::uint64_t start, source_names const* names = nullptr);

/// Appends an event as a server-sent event, by its number, type and JSON. @return where in `out` the JSON begins; it
/// ends before two line ends.
std::size_t append_message(std::string& out, told_event const& told, std::uint64_t start,
                           source_names const* names = nullptr);

/// So many bytes of a queue are written at most, and one entry more.
inline constexpr std::size_t queue_bytes_max = 1024 * 1024;

/// The state of the lock: `present` as insight::present() gives it.
/// @param limit of the queue's entries.
[[nodiscard]] std::string lock_state_json(present_requests present, std::int64_t now_ns, std::uint64_t start,
                                          std::size_t limit, source_names const* names = nullptr);

}  // namespace holdfast::server
