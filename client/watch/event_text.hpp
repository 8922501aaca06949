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

/// `text` with a question mark for each of its control characters, and for what turns the direction of writing or has
/// no width, so that nothing that a server sends moves a terminal's cursor or shows what isn't there. @param text UTF-8
[[nodiscard]] std::string printable(std::string_view text);

/// What of `text`, UTF-8, fits into this many columns; `…` stands for the rest. A character of a script that may be
/// written wide counts as two.
[[nodiscard]] std::string cut_to(std::string text, std::size_t columns);

}  // namespace holdfast::client::watch
