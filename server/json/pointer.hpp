#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::server::json {

/// The decoded tokens of a JSON pointer (RFC 6901); empty for the entire document.
using pointer_tokens = std::vector<std::string>;

/// @return nullopt if a non-empty `text` does not start with a slash, or has a ~ not followed by 0 or 1.
[[nodiscard]] std::optional<pointer_tokens> parse_pointer(std::string_view text);

/// Appends "/" and `token`, with ~ and / escaped.
void append_token(std::string& pointer, std::string_view token);

/// The array index of `token`, which must be decimal digits without leading zeros.
/// @return nullopt for all other tokens, including "-", and for an index beyond the size of any array.
[[nodiscard]] std::optional<std::size_t> array_position(std::string_view token);

}  // namespace holdfast::server::json
