#pragma once

#include <cstddef>
#include <string_view>

#include "protocol/error.hpp"

namespace holdfast::server {

/// Finds the end of a request's header and checks its bytes against RFC 9112 before the more lenient parser sees them:
/// lines end in CRLF only, there are no control characters (§5.5) and no folded lines (§5.2), and the version is 1.0 or
/// 1.1. It checks bytes as they arrive, so that a bare LF or a TLS hello is answered at once. The caller skips empty
/// lines before the request line (§2.2).
class head_scanner {
 public:
  /// @param text everything received of the message, from its first byte; each call examines only new bytes.
  /// @return the length of the header including its empty line, or 0 if it is incomplete. Errors: errc::bad_request,
  /// errc::unsupported_version, and beyond `bytes_max` errc::uri_too_long within the first line, otherwise
  /// errc::header_too_large.
  protocol::result<std::size_t> scan(std::string_view text, std::size_t bytes_max);

  /// Resets it for the next message.
  void reset() { scanned_ = line_begin_ = 0; }

 private:
  std::size_t scanned_ = 0;
  std::size_t line_begin_ = 0;
};

}  // namespace holdfast::server
