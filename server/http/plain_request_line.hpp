#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "server/http/request_head.hpp"

namespace holdfast::server {

/// A request line in the most common form, as the lengths of its parts: small enough to be returned in registers.
/// `text` is always the text in which it was recognized.
struct plain_request_line {
  server::method method = method::unknown;  ///< unknown: the line has another form
  bool target_is_plain = false;             ///< see request_head
  std::uint8_t method_bytes = 0;
  std::size_t target_bytes = 0;

  static constexpr std::string_view end = " HTTP/1.1\r\n";

  [[nodiscard]] explicit operator bool() const noexcept { return method != method::unknown; }
  [[nodiscard]] std::size_t bytes() const noexcept { return method_bytes + 1U + target_bytes + end.size(); }
  [[nodiscard]] std::string_view method_text(std::string_view text) const { return text.substr(0, method_bytes); }
  [[nodiscard]] std::string_view target(std::string_view text) const {
    return text.substr(method_bytes + std::size_t(1), target_bytes);
  }
};

/// Recognizes `GET`, `HEAD`, `PUT` or `DELETE`, a space, a target of visible ASCII, and ` HTTP/1.1` with CRLF at the
/// start of `text`. @return false for all other forms, valid or not; head_scanner and request_parser handle those, and
/// give the same result for these.
[[nodiscard]] plain_request_line recognize_request_line(std::string_view text);

}  // namespace holdfast::server
