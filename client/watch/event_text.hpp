#pragma once

#include <string>
#include <string_view>

namespace holdfast::client::watch {

/// An event of /v1/lock/events, a JSON object, as a line for people, without a line feed: `1.512 s  10.0.0.7:5123  GET
/// my-key  waited 652 ms at position 2, held 1 s; behind 10.0.0.8:81 GET a 350 ms`. Empty where there is nothing to
/// tell (a heartbeat) and for what is no event. What comes from the server has no control characters left.
[[nodiscard]] std::string event_text(std::string_view json);

/// A duration in nanoseconds as people read it: `652 ms`, `1.25 s`, `17 us`; three digits that count.
[[nodiscard]] std::string duration_text(long long ns);

/// `text` without its control characters, so that nothing that a server sends moves a terminal's cursor.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace holdfast::client::watch
