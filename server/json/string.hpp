#pragma once

#include <string>
#include <string_view>

namespace holdfast::server::json {

/// Decodes a string of a JSON text, given with its quotes, to UTF-8.
/// @return false if an escape is an unpaired surrogate; `decoded` then contains it as three bytes, encoded like a
/// character (WTF-8).
bool decode(std::string_view text, std::string& decoded);

/// Like decode(), accepting unpaired surrogates: two strings are equal if and only if their decoded bytes are, since
/// valid UTF-8 text cannot contain those bytes itself.
[[nodiscard]] std::string decode_for_comparing(std::string_view text);

/// Like decode_for_comparing(), without a copy if there is no escape: returns a view of `text` or of `storage`.
[[nodiscard]] std::string_view view_for_comparing(std::string_view text, std::string& storage);

/// True if the JSON string `text`, with its quotes, decodes to `decoded`, a result of decode_for_comparing().
[[nodiscard]] bool says(std::string_view text, std::string_view decoded);

/// Appends `decoded`, a result of decode_for_comparing(), as a JSON string with quotes.
void append_string(std::string& out, std::string_view decoded);

}  // namespace holdfast::server::json
