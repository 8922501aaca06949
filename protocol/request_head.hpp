#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::protocol {

enum class method {
  get,
  head,
  put,
  del,
  options,
  post,  ///< known, as are the next three, but nothing here takes them
  patch,
  trace,
  connect,
  unknown,
};

/// The part of a request's header that the server acts on. The views point into the bytes that were parsed.
struct request_head {
  protocol::method method = method::unknown;
  std::string_view method_text;
  std::string_view target;
  bool http11 = true;      ///< false: HTTP/1.0
  bool keep_alive = true;  ///< what the client asks for, by version and Connection
  bool has_body = false;   ///< a Content-Length above zero, or chunked
  bool expects_continue = false;
  bool has_other_expectation = false;
  bool has_precondition = false;             ///< If-Match or If-Unmodified-Since
  std::optional<std::string> if_none_match;  ///< several fields joined to one list
  std::string_view content_encoding;
  bool has_content_range = false;
};

}  // namespace holdfast::protocol
