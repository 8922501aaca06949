#pragma once

#include <cstddef>
#include <string_view>

#include "protocol/error.hpp"

namespace holdfast::server {

/// Finds the end of a request's header and holds its bytes to RFC 9112, before the parser, which is laxer, sees them:
/// lines end in CRLF and in nothing else, there are no control characters (§5.5) and no folded lines (§5.2), and the
/// version is 1.0 or 1.1. It judges bytes as they come, so that a bare LF or a TLS hello is answered at once.
/// An empty line before the request line (§2.2) is for the caller to skip.
class head_scanner {
 public:
  /// `text` is all that has arrived of the message, from its first byte on; each call looks only at what is new.
  /// @return the length of the header with its empty line, 0 while that is not there yet; errc::bad_request,
  /// errc::unsupported_version, and beyond `bytes_max` errc::uri_too_long (in the first line) or errc::header_too_large
  /// otherwise.
  protocol::result<std::size_t> scan(std::string_view text, std::size_t bytes_max);

  /// Starts over for the next message.
  void reset() { scanned_ = line_begin_ = 0; }

 private:
  std::size_t scanned_ = 0;
  std::size_t line_begin_ = 0;
};

}  // namespace holdfast::server
