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

/// An answer as a value, before it is bytes.
struct reply {
  unsigned status = 200;
  std::string_view content_type;  ///< static text; empty: no content
  std::string body;
  protocol::json_text value;  ///< the body where it is a stored value; shared, not copied
  std::optional<protocol::entity_tag> tag;
  std::optional<std::uint64_t> revision;  ///< of the database, at which the answer is true
  std::string location;
  std::string_view allow;  ///< static text
  std::optional<protocol::lock_timing> timing;
  std::optional<protocol::request_id> request;  ///< by which it is found among the lock's events
  std::string more_fields;                      ///< complete field lines, each with its CRLF
  std::uint64_t needs = 0;                      ///< what must be durable before it is sent; see answer_gate
  bool is_withheld = false;                     ///< until then, and reports for how long; set by the exchange
  bool length_is_known = true;                  ///< false: the content follows in pieces and ends with the connection,
                                                ///< chunked where the client speaks HTTP/1.1

  /// Makes it as new, but keeps what memory it has: one reply serves one request after the other.
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

/// What the connection adds to an answer.
struct reply_framing {
  bool head_only = false;  ///< the request was a HEAD
  bool close = false;      ///< the connection ends after this answer
  bool http11 = true;      ///< false: the client speaks HTTP/1.0, where staying open must be said
};

/// The answer to a refused request: problem+json.
[[nodiscard]] reply reply_to(protocol::failure const& error);

/// Writes status line and header. The content follows separately, unless framing.head_only, so that a large value is
/// written from where it lies.
/// @param to space for head_bytes_max(). @return behind the last byte.
[[nodiscard]] char* write_head(char* to, reply const& reply, reply_framing framing);
[[nodiscard]] std::size_t head_bytes_max(reply const& reply);

/// As write_head().
void append_head(std::string& out, reply const& reply, reply_framing framing);

/// As write_head(), byte for byte, of an answer that is a value with its tag and nothing else: at half the work.
/// @return behind the last byte; null, and nothing is written, of any other answer.
[[nodiscard]] char* write_head_of_value(char* to, reply const& reply, reply_framing framing);

/// By far more than the fixed texts, the tag and the numbers of a header take together, whatever they are.
inline constexpr std::size_t plain_head_bytes_max = 1024;

}  // namespace holdfast::server
