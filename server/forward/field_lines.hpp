#pragma once

#include <string>
#include <string_view>

namespace holdfast::server {

/// Values of the fields for framing and forwarding.
struct passed_fields {
  std::string_view content_length{};  ///< empty: none
  bool is_chunked = false;
  bool closes = false;  ///< Connection: close
  bool has_host = false;
  bool is_forwarded = false;  ///< Holdfast-Forwarded-By
};

/// Appends the field lines of a message to `to`, except those that concern one connection only (RFC 9110 §7.6.1:
/// Connection and what it names, Keep-Alive, TE, Transfer-Encoding, Upgrade, …), `Expect: 100-continue`,
/// Holdfast-Forwarded-By and Holdfast-Forwarded-For. Content-Length stays even if Connection names it: all recipients
/// must agree on the length of the body.
/// @param lines well-formed, each with CRLF.
passed_fields append_end_to_end(std::string& to, std::string_view lines);

}  // namespace holdfast::server
