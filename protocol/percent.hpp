#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace holdfast::protocol {

/// Decodes %XX (RFC 3986 §2.1). `+` stays a plus. Nothing where a % is not followed by two hexadecimal digits.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);

/// Decodes %XX where it stands for an unreserved character: the same path, in the form that is compared (RFC 3986
/// §6.2.2.2). What else is encoded stays so.
[[nodiscard]] std::string decode_unreserved(std::string_view path);

/// Encodes all that may not stand as it is in a path (RFC 3986 §3.3); slashes stay.
[[nodiscard]] std::string percent_encode_path(std::string_view bytes);

/// Encodes all that may not stand as it is in a parameter's value; slashes stay.
[[nodiscard]] std::string percent_encode_query(std::string_view bytes);

}  // namespace holdfast::protocol
