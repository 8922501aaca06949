#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/method.hpp"

namespace holdfast::server {

using protocol::method;

/// The parts of a request's header that the server uses. The views refer to the parsed bytes.
struct request_head {
  server::method method = method::unknown;
  std::string_view method_text;
  std::string_view target;
  std::string_view field_lines;  ///< all of them, as they were sent, each with its CRLF
  bool target_is_plain = false;  ///< known to be a path and nothing else: a slash, then visible ASCII without % ? #
  bool is_bare = false;  ///< known to have neither body, condition, expectation nor origin, and to keep the connection
  bool http11 = true;    ///< false: HTTP/1.0
  bool keep_alive = true;  ///< what the client asks for, by version and Connection
  bool has_body = false;   ///< a Content-Length above zero, or chunked
  bool expects_continue = false;
  bool has_other_expectation = false;
  bool has_if_unmodified_since = false;
  std::optional<std::string> if_match;       ///< several fields joined into one list
  std::optional<std::string> if_none_match;  ///< several fields joined into one list
  std::string_view content_encoding;
  std::string_view content_type;
  std::string_view authorization;  ///< in full, with its scheme: a secret
  std::uint64_t credentials = 0;   ///< number of the fields: equal numbers mean equal fields within a thread
                                   ///< authorization; 0: no such number was given
  std::string_view host;           ///< may be empty with HTTP/1.0
  std::string_view origin;         ///< origin of the page that caused the request; may be `null`
  bool is_cross_site = false;      ///< Sec-Fetch-Site: a page of another site caused the request
  bool is_navigation = false;      ///< Sec-Fetch-Mode: a person followed a link
  bool is_preflight = false;       ///< Access-Control-Request-Method: a browser's preflight request
  std::string_view last_event_id;  ///< position in an event stream (WHATWG HTML §9.2)
  std::string_view source;         ///< name that the client gives itself: Holdfast-Source
  std::string_view user_agent;     ///< name of its program
  std::string_view forwarded_for;  ///< Holdfast-Forwarded-For, from a standby: a secret and an address
  bool has_content_range = false;
  bool prefers_representation = false;         ///< Prefer: return=representation (RFC 7240 §4.2)
  std::optional<std::string> idempotency_key;  ///< as received
  bool has_two_idempotency_keys = false;
  std::optional<std::string>
      lock;  ///< Holdfast-Lock: grants of named locks that must be valid; fields joined into one list

  /// True if other requests of the same client are unlikely to have the same fields.
  [[nodiscard]] bool is_unlike_others() const noexcept { return if_match || idempotency_key || !forwarded_for.empty(); }
};

}  // namespace holdfast::server
