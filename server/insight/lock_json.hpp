#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/insight/present_requests.hpp"
#include "server/insight/source_names.hpp"
#include "server/insight/told_event.hpp"

namespace holdfast::server {

// JSON of the lock's state and events. Written by hand, so that 20,000 events per second cost the server little. Times
// are nanoseconds since the server's start.

/// Appends `text`, valid UTF-8, as a JSON string.
void append_json_string(std::string& out, std::string_view text);

/// Appends an event as an object whose first member is its type. @param start see protocol::request_id. @param names of
/// the sources; null shows sources by address.
void append_json(std::string& out, told_event const& told, std::uint64_t start, source_names const* names = nullptr);

/// Appends an event as a server-sent event with its number, type and JSON. @return the offset in `out` of the JSON,
/// which ends before the two final line ends.
std::size_t append_message(std::string& out, told_event const& told, std::uint64_t start,
                           source_names const* names = nullptr);

/// Limit for the JSON of the queue; the last entry may exceed it.
inline constexpr std::size_t queue_bytes_max = 1024 * 1024;

/// The state of the lock. @param present the result of insight::present().
/// @param limit maximum number of listed waiters.
[[nodiscard]] std::string lock_state_json(present_requests present, std::int64_t now_ns, std::uint64_t start,
                                          std::size_t limit, source_names const* names = nullptr);

}  // namespace holdfast::server
