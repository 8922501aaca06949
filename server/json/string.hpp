#pragma once

#include <string>
#include <string_view>

namespace holdfast::server::json {

/// Decodes a string of a JSON text, with its quotes, into UTF-8.
/// @return false if it has half a surrogate pair as an escape; `decoded` then holds it in three bytes, as UTF-8 would
/// write it if it were a character (WTF-8).
bool decode(std::string_view text, std::string& decoded);

/// The same, half pairs included: two texts decode to the same bytes exactly if they say the same string, since a JSON
/// text is valid UTF-8 and so has no such bytes of its own.
[[nodiscard]] std::string decode_for_comparing(std::string_view text);

/// The same without a copy where there is no escape: a view of `text`, or of `storage`.
[[nodiscard]] std::string_view view_for_comparing(std::string_view text, std::string& storage);

/// Whether a string of a JSON text, with its quotes, says what `decoded` does, as decode_for_comparing() gives it.
[[nodiscard]] bool says(std::string_view text, std::string_view decoded);

/// Appends `decoded`, as decode_for_comparing() gives it, as a JSON string with quotes.
void append_string(std::string& out, std::string_view decoded);

}  // namespace holdfast::server::json
