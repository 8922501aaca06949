#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/method.hpp"

namespace holdfast::server {

using protocol::method;

/// The part of a request's header that the server acts on. The views point into the bytes that were parsed.
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
  std::optional<std::string> if_match;       ///< several fields joined to one list
  std::optional<std::string> if_none_match;  ///< several fields joined to one list
  std::string_view content_encoding;
  std::string_view content_type;
  std::string_view authorization;  ///< whole, with its scheme: a secret
  std::uint64_t credentials = 0;   ///< of two requests that a thread has parsed, the same number means the same
                                   ///< authorization; 0: no such number was given
  std::string_view host;           ///< empty on HTTP/1.0, perhaps
  std::string_view origin;         ///< whose page made the browser ask; `null` where it won't say
  bool is_cross_site = false;      ///< Sec-Fetch-Site: a page of another site made the browser ask
  bool is_navigation = false;      ///< Sec-Fetch-Mode: as a person follows a link
  bool is_preflight = false;       ///< Access-Control-Request-Method: a browser asks what it may ask
  std::string_view last_event_id;  ///< up to where an event stream was heard before (WHATWG HTML §9.2)
  std::string_view source;         ///< what the client calls itself: Holdfast-Source
  std::string_view user_agent;     ///< and its program
  bool has_content_range = false;
  bool prefers_representation = false;         ///< Prefer: return=representation (RFC 7240 §4.2)
  std::optional<std::string> idempotency_key;  ///< as it was sent
  bool has_two_idempotency_keys = false;
  std::optional<std::string> lock;  ///< Holdfast-Lock: grants of named locks that must live; fields joined to one list

  /// Whether other requests of the same client hardly have the same fields.
  [[nodiscard]] bool is_unlike_others() const noexcept { return if_match || idempotency_key; }
};

}  // namespace holdfast::server
