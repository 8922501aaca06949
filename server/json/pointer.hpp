#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::server::json {

/// The tokens of a JSON pointer (RFC 6901), decoded; none for the entire document.
using pointer_tokens = std::vector<std::string>;

/// @return nothing if `text` is not empty and starts with no slash, or has a ~ that neither 0 nor 1 follows.
[[nodiscard]] std::optional<pointer_tokens> parse_pointer(std::string_view text);

/// Appends "/" and `token` with ~ and / escaped.
void append_token(std::string& pointer, std::string_view token);

/// The position in an array that `token` names: digits without leading zeros, nothing else.
/// @return nothing for any other token, also for "-", and for a position that no array has.
[[nodiscard]] std::optional<std::size_t> array_position(std::string_view token);

}  // namespace holdfast::server::json
