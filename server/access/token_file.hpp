#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.hpp"
#include "server/access/token.hpp"

namespace holdfast::server {

/// The tokens that a text in TOML lists:
///
///     [[token]]
///     name = "web"
///     sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
///     expires = 2027-01-01T00:00:00Z        # may be left out
///     scopes = ["read:users/", "write:users/"]
///
/// @return a failure whose detail begins with the number of a line and says what to do. It repeats no digest.
[[nodiscard]] protocol::result<std::vector<token>> read_tokens(std::string_view text);

/// Reads a file in the same way; error details begin with its name.
[[nodiscard]] protocol::result<std::vector<token>> read_token_file(std::string const& path);

/// An entry in the format that read_tokens() reads.
[[nodiscard]] std::string to_toml(token const& one);

/// An instant in UTC: `2027-01-01T00:00:00Z`.
[[nodiscard]] std::string to_text(token::instant when);

/// Parses an instant as above, with any offset. @return nullopt if it is not an instant.
[[nodiscard]] std::optional<token::instant> parse_instant(std::string const& text);

}  // namespace holdfast::server
