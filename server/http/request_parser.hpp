#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/error.hpp"
#include "server/http/request_head.hpp"

namespace holdfast::server {

class known_fields;

/// Parses one request after another. Beast parses the header; this holds the fields that frame a message to RFC 9112 §6
/// where Beast is laxer, and keeps only the fields that the server uses. Not thread-safe.
class request_parser {
 public:
  /// @param known for recognize_head(), shared by the parsers of a thread, which it must outlive; null: without.
  explicit request_parser(std::uint64_t body_bytes_max, known_fields* known = nullptr);
  ~request_parser();
  request_parser(request_parser&&) noexcept;
  request_parser& operator=(request_parser&&) noexcept;

  /// Parses a complete header as head_scanner measured it, and forgets the request before.
  /// @return the head, valid until the next call and while `block` is; errc::bad_request or
  /// errc::unknown_transfer_coding, after which the connection's framing is lost.
  protocol::result<request_head const*> parse_head(std::string_view block);

  /// A shorter way to the same head, for most of the headers: a plain request line with fields that are byte for byte
  /// those of a header that was parsed before (known_fields). So neither head_scanner nor Beast reads them again: 310
  /// instructions instead of 2,120 for a GET with one field, and the more the longer the header is.
  /// @param text what has arrived, from the header's first byte on.
  /// @return the header's length, and its head by head(); 0 where it takes head_scanner and parse_head() to tell.
  std::size_t recognize_head(std::string_view text, std::size_t bytes_max);

  /// What recognize_head() has found; valid until the next call of any other function here and while `text` is.
  [[nodiscard]] request_head const& head() const;

  /// Parses what has arrived of the body of the request whose head was parsed, and appends the content to `body`.
  /// @return how many bytes were used: all, unless the body ends within them; the rest belongs to the next request.
  /// errc::bad_request, errc::body_too_large or errc::header_too_large (chunk extensions and trailers) otherwise.
  protocol::result<std::size_t> parse_body(std::string_view bytes, std::string& body);

  /// errc::body_too_large where the header says that the body is longer than is allowed.
  [[nodiscard]] protocol::result<void> check_length() const;

  /// Takes a body of any length, for this request.
  void lift_limit();

  /// Whether the request has been parsed to its end, body included; false before the first and after an error in a
  /// head.
  [[nodiscard]] bool done() const;

  /// How much is still to come of a body whose length is known; 0 of any other.
  [[nodiscard]] std::uint64_t content_left() const;

 private:
  class parser;
  std::unique_ptr<parser> parser_;
};

}  // namespace holdfast::server
