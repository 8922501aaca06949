#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace holdfast::protocol {

/// Decodes %XX (RFC 3986 §2.1); `+` stays a plus. Nullopt if a % is not followed by two hexadecimal digits.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);

/// Decodes %XX for unreserved characters only, which normalizes a path for comparison (RFC 3986 §6.2.2.2).
[[nodiscard]] std::string decode_unreserved(std::string_view path);

/// Encodes everything that a path must not contain literally (RFC 3986 §3.3); slashes stay.
[[nodiscard]] std::string percent_encode_path(std::string_view bytes);

/// Encodes everything that a parameter's value must not contain literally; slashes stay.
[[nodiscard]] std::string percent_encode_query(std::string_view bytes);

}  // namespace holdfast::protocol
