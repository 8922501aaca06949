#pragma once

#include <optional>
#include <string_view>

#include "protocol/request_head.hpp"

namespace holdfast::protocol {

/// A request line in the form that almost all have.
struct plain_request_line {
  protocol::method method;
  std::string_view method_text;
  std::string_view target;
  bool target_is_plain;  ///< see request_head
  std::size_t bytes;     ///< with its CRLF
};

/// Recognizes `GET`, `HEAD`, `PUT` or `DELETE`, a space, a target of visible ASCII, and ` HTTP/1.1` with CRLF at the
/// start of `text`. @return nothing for any other form, good or bad; head_scanner and request_parser know them all, and
/// take these for the same.
[[nodiscard]] std::optional<plain_request_line> recognize_request_line(std::string_view text);

}  // namespace holdfast::protocol
