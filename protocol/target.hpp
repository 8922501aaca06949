#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/error.hpp"

namespace holdfast::protocol {

/// A request target taken apart. The views point into the request's header.
struct target {
  std::string_view path;   ///< still percent-encoded, starts with a slash, or is `*`
  std::string_view query;  ///< behind the question mark, still encoded
};

/// Takes a target apart: origin-form, absolute-form (RFC 9112 §3.2.2; scheme http or https), or `*`.
/// @return errc::bad_request for anything else.
[[nodiscard]] result<target> parse_target(std::string_view text);

/// The parameters of a query in order, names and values percent-decoded; `a` and `a=` both have an empty value.
/// @return errc::invalid_parameter where the encoding is broken.
[[nodiscard]] result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query);

/// Whether `text` may stand in a Host field or as the authority of a target: a name, an IPv4 address or a bracketed
/// IPv6 address, and perhaps a port (RFC 9110 §7.2, RFC 3986 §3.2; no user information). Empty is allowed.
[[nodiscard]] bool is_host(std::string_view text);

}  // namespace holdfast::protocol
