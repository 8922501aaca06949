#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/entity_tag.hpp"
#include "protocol/error.hpp"
#include "protocol/lock_timing.hpp"
#include "protocol/operation.hpp"
#include "protocol/request_id.hpp"

namespace holdfast::protocol {

/// An answer as a value, before it is bytes.
struct reply {
  unsigned status = 200;
  std::string_view content_type;  ///< static text; empty: no content
  std::string body;
  json_text value;  ///< the body where it is a stored value; shared, not copied
  std::optional<entity_tag> tag;
  std::string location;
  std::string_view allow;  ///< static text
  std::optional<lock_timing> timing;
  std::optional<protocol::request_id> request;  ///< by which it is found among the lock's events
  std::string more_fields;                      ///< whole field lines, each with its CRLF
  bool length_is_known = true;                  ///< false: the content follows in pieces and ends with the connection,
                                                ///< chunked where the client speaks HTTP/1.1

  [[nodiscard]] std::string_view content() const { return value ? std::string_view(*value) : std::string_view(body); }
};

/// What the connection adds to an answer.
struct reply_framing {
  bool head_only = false;  ///< the request was a HEAD
  bool close = false;      ///< the connection ends after this answer
  bool http11 = true;      ///< false: the client speaks HTTP/1.0, where staying open must be said
};

/// The answer to a refused request: problem+json.
[[nodiscard]] reply reply_to(failure const& error);

/// The answer to an operation that has run. `start` and the outcome's revision make the tag; a GET whose If-None-Match
/// names it is answered with 304 (RFC 9110 §13.2.2).
[[nodiscard]] reply reply_to(operation const& done, outcome&& result, std::uint64_t start,
                             std::optional<std::string> const& if_none_match);

/// Writes status line and header. The content follows separately, unless framing.head_only, so that a large value is
/// written from where it lies.
/// @param to room for head_bytes_max(). @return behind the last byte.
[[nodiscard]] char* write_head(char* to, reply const& reply, reply_framing framing);
[[nodiscard]] std::size_t head_bytes_max(reply const& reply);

/// As write_head().
void append_head(std::string& out, reply const& reply, reply_framing framing);

/// Writes the whole answer to a GET that found its value: byte for byte what write_head() and the content make of
/// reply_to()'s, for an answer that is nothing but this, at half the work.
/// @param to room for plain_head_bytes_max and the content. @param request of the number 0: the answer names none.
[[nodiscard]] char* write_value_answer(char* to, entity_tag const& tag, lock_timing const& timing,
                                       request_id const& request, std::string_view content);

/// By far more than the fixed texts, the tag and the numbers of a header take together, whatever they are.
inline constexpr std::size_t plain_head_bytes_max = 1024;

}  // namespace holdfast::protocol
