#include "server/http/head_scanner.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "protocol/ascii.hpp"

namespace holdfast::server {

using namespace protocol;
namespace {

constexpr auto within_line = [] {
  std::array<bool, 256> table{};
  for (unsigned c = 0; c < 256; ++c) table[c] = is_line_character(static_cast<char>(c));
  return table;
}();

constexpr char tls_handshake = 0x16;  // RFC 8446 §5.1

failure refuse(std::string detail) {
  return {errc::bad_request, std::move(detail)};
}

result<void> check_version(std::string_view request_line) {
  auto const space = request_line.rfind(' ');
  auto const version = space == std::string_view::npos ? std::string_view() : request_line.substr(space + 1);
  if (version == "HTTP/1.1" || version == "HTTP/1.0") return {};
  auto const well_formed = version.size() == 8 && version.starts_with("HTTP/") && is_digit(version[5]) &&
                           version[6] == '.' && is_digit(version[7]);
  if (well_formed) return failure{errc::unsupported_version, "this server speaks HTTP/1.1 and HTTP/1.0"};
  return refuse("the first line is not a request line: METHOD, one space, target, one space, HTTP/1.1");
}

}  // namespace

result<std::size_t> head_scanner::scan(std::string_view text, std::size_t bytes_max) {
  auto const end = std::min(text.size(), bytes_max);
  for (auto i = scanned_; i < end; ++i) {
    auto const c = text[i];
    if (within_line[static_cast<unsigned char>(c)]) continue;
    if (c == '\n') return refuse("a line ends in a bare LF; end lines with CRLF");
    if (c == tls_handshake && i == 0)
      return refuse("this is the start of a TLS connection; this port speaks plain HTTP");
    if (c != '\r') return refuse("the header has a control character at byte " + std::to_string(i));
    if (i + 1 == end) {
      scanned_ = i;  // check this CR again when the next byte has arrived
      if (text.size() < bytes_max) return std::size_t(0);
      break;
    }
    if (text[i + 1] != '\n') return refuse("the header has a CR that no LF follows");

    auto const line = text.substr(line_begin_, i - line_begin_);
    if (line_begin_ == 0) {
      if (auto version = check_version(line); !version) return version.error();
    } else if (line.empty()) {
      return i + 2;
    } else if (line.front() == ' ' || line.front() == '\t') {
      return refuse("a header line starts with white space; folded lines are obsolete");
    }
    line_begin_ = ++i + 1;
  }
  if (text.size() >= bytes_max) {
    if (line_begin_ == 0)
      return failure{errc::uri_too_long,
                     "the request line alone fills the header limit of " + std::to_string(bytes_max) + " bytes"};
    return failure{errc::header_too_large, "the header is limited to " + std::to_string(bytes_max) + " bytes"};
  }
  scanned_ = end;
  return std::size_t(0);
}

}  // namespace holdfast::server
