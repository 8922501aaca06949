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

/// The same of a file; details begin with its name.
[[nodiscard]] protocol::result<std::vector<token>> read_token_file(std::string const& path);

/// An entry as read_tokens() reads it.
[[nodiscard]] std::string to_toml(token const& one);

/// `2027-01-01T00:00:00Z`, in UTC.
[[nodiscard]] std::string to_text(token::instant when);

/// An instant as above, also with another offset. @return nothing where it is none.
[[nodiscard]] std::optional<token::instant> parse_instant(std::string const& text);

}  // namespace holdfast::server
