#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/error.hpp"

namespace holdfast::protocol {

/// The parts of a request target. Views into the request's header.
struct target {
  std::string_view path;   ///< still percent-encoded; starts with a slash, or is `*`
  std::string_view query;  ///< after the question mark, still percent-encoded
};

/// The authority of a target in absolute-form (RFC 9112 §3.2.2; scheme http or https), as it stands there; empty for
/// other forms.
[[nodiscard]] std::string_view authority_of(std::string_view target) noexcept;

/// Splits a target: origin-form, absolute-form (RFC 9112 §3.2.2; scheme http or https), or `*`.
/// @return errc::bad_request for anything else.
[[nodiscard]] result<target> parse_target(std::string_view text);

/// The parameters of a query in order, names and values decoded as those of HTML forms are: from percent-encoding, and
/// with a plus sign for a space, as URLSearchParams and most clients write it. Both `a` and `a=` have an empty value.
/// @return errc::invalid_parameter if the encoding is malformed.
[[nodiscard]] result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query);

/// True if `text` is valid in a Host field or as a target's authority: a name, an IPv4 address or a bracketed IPv6
/// address, with an optional port (RFC 9110 §7.2, RFC 3986 §3.2; no user information). Empty is valid.
[[nodiscard]] bool is_host(std::string_view text);

}  // namespace holdfast::protocol
