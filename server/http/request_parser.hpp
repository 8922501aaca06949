#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/error.hpp"
#include "server/http/request_head.hpp"

namespace holdfast::server {

class known_fields;

/// Parses requests in sequence. Beast parses the header; this class applies the stricter framing rules of RFC 9112 §6,
/// and keeps only the fields that the server uses. Not thread-safe.
class request_parser {
 public:
  /// @param known for recognize_head(), shared by the parsers of a thread, which it must outlive; null: not used.
  explicit request_parser(std::uint64_t body_bytes_max, known_fields* known = nullptr);
  ~request_parser();
  request_parser(request_parser&&) noexcept;
  request_parser& operator=(request_parser&&) noexcept;

  /// Parses a complete header, as measured by head_scanner, and forgets the previous request.
  /// @return the head, valid until the next call and as long as `block`. After errc::bad_request and
  /// errc::unknown_transfer_coding, the connection's framing is lost.
  protocol::result<request_head const*> parse_head(std::string_view block);

  /// A fast path to the same head for most headers: a plain request line, with fields that are byte for byte those of
  /// an earlier header (known_fields). Neither head_scanner nor Beast reads them again: 310 instructions instead of
  /// 2,120 for a GET with one field; longer headers gain more.
  /// @param text received bytes, from the first of the header.
  /// @return the header's length, with its head in head(); 0 if head_scanner and parse_head() must decide.
  std::size_t recognize_head(std::string_view text, std::size_t bytes_max);

  /// The result of recognize_head(), valid until the next call of another function here and as long as `text`.
  [[nodiscard]] request_head const& head() const;

  /// Parses received bytes of the body of the current request, and appends the content to `body`.
  /// @return the number of bytes consumed: all, unless the body ends before; the rest belongs to the next request.
  /// Errors:
  /// errc::bad_request, errc::body_too_large, and errc::header_too_large for chunk extensions and trailers.
  protocol::result<std::size_t> parse_body(std::string_view bytes, std::string& body);

  /// errc::body_too_large if the header announces a longer body than allowed.
  [[nodiscard]] protocol::result<void> check_length() const;

  /// Removes the limit on this request's body.
  void lift_limit();

  /// True if the request was parsed to its end, including the body. False before the first request and after an error
  /// in a header.
  [[nodiscard]] bool done() const;

  /// The remaining bytes of a body with a known length; otherwise 0.
  [[nodiscard]] std::uint64_t content_left() const;

 private:
  class parser;
  std::unique_ptr<parser> parser_;
};

}  // namespace holdfast::server
