#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/entity_tag.hpp"
#include "protocol/error.hpp"
#include "protocol/json_text.hpp"
#include "protocol/lock_timing.hpp"
#include "protocol/request_id.hpp"

namespace holdfast::server {

/// An answer as a value, before serialization.
struct reply {
  unsigned status = 200;
  std::string_view content_type;  ///< static text; empty: no content
  std::string body;
  protocol::json_text value;  ///< the body if it is a stored value; shared, not copied
  std::optional<protocol::entity_tag> tag;
  std::optional<std::uint64_t> revision;  ///< revision of the database at which the answer is true
  std::string location;
  std::string_view allow;  ///< static text
  std::optional<protocol::lock_timing> timing;
  std::optional<protocol::request_id> request;  ///< identifies the request in the lock's events
  std::string more_fields;                      ///< complete field lines, each with CRLF
  std::uint64_t needs = 0;                      ///< what must be durable before the answer is sent; see answer_gate
  bool is_withheld = false;     ///< withheld until then, with the time in Server-Timing; set by the exchange
  bool length_is_known = true;  ///< false: the content follows in pieces and ends with the connection,
                                ///< chunked where the client speaks HTTP/1.1

  /// Resets it but keeps its memory: one reply serves many requests.
  void clear() noexcept {
    status = 200;
    content_type = {};
    body.clear();
    value.reset();
    tag.reset();
    revision.reset();
    location.clear();
    allow = {};
    timing.reset();
    request.reset();
    more_fields.clear();
    needs = 0;
    is_withheld = false;
    length_is_known = true;
  }

  [[nodiscard]] std::string_view content() const { return value ? std::string_view(*value) : std::string_view(body); }
};

/// What the connection contributes to an answer.
struct reply_framing {
  bool head_only = false;  ///< the request was a HEAD
  bool close = false;      ///< the connection ends after this answer
  bool http11 = true;      ///< false: the client speaks HTTP/1.0, which requires an explicit keep-alive
};

/// The answer to a refused request, as problem+json.
[[nodiscard]] reply reply_to(protocol::failure const& error);

/// Writes the status line and the header. The content follows separately, unless framing.head_only, so that a large
/// value is written from its own memory.
/// @param to space for head_bytes_max(). @return the end of the written text.
[[nodiscard]] char* write_head(char* to, reply const& reply, reply_framing framing);
[[nodiscard]] std::size_t head_bytes_max(reply const& reply);

/// Like write_head().
void append_head(std::string& out, reply const& reply, reply_framing framing);

/// Writes the same bytes as write_head() for an answer that consists of a value and its tag, with half the work.
/// @return the end of the written text; null, with nothing written, for any other answer.
[[nodiscard]] char* write_head_of_value(char* to, reply const& reply, reply_framing framing);

/// An upper bound for all fixed texts, the tag and the numbers of a header together.
inline constexpr std::size_t plain_head_bytes_max = 1024;

}  // namespace holdfast::server
