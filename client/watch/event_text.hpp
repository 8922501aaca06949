#pragma once

#include <string>
#include <string_view>

namespace holdfast::client::watch {

/// An event of /v1/lock/events, a JSON object, as a line for people, without a line feed: `1.512 s  10.0.0.7:5123  GET
/// my-key  waited
/// 652 ms at position 2, held 1 s; behind 10.0.0.8:81 GET a 350 ms`. Empty for a heartbeat and for text that is not an
/// event. Control characters from the server are removed.
[[nodiscard]] std::string event_text(std::string_view json);

/// A duration in nanoseconds for people: `652 ms`, `1.25 s`, `17 us`; three significant digits.
[[nodiscard]] std::string duration_text(long long ns);

/// `text` with a question mark in place of each control character and each character without width or with an effect on
/// direction, so that a server can neither move the terminal's cursor nor disguise text. @param text UTF-8
[[nodiscard]] std::string printable(std::string_view text);

/// The beginning of `text`, UTF-8, that fits this number of columns; `…` stands for the rest. Characters of scripts
/// with wide characters count as two.
[[nodiscard]] std::string cut_to(std::string text, std::size_t columns);

}  // namespace holdfast::client::watch
