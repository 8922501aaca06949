#include "server/forward/field_lines.hpp"

#include <algorithm>
#include <vector>

#include "protocol/ascii.hpp"

namespace holdfast::server {

using protocol::equals_ignoring_case;
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

struct line_parts {
  std::string_view whole;  // with its CRLF
  std::string_view name, value;
};

template <class Visit>
void for_each_line(std::string_view lines, Visit visit) {
  while (!lines.empty()) {
    auto const end = std::min(lines.find("\r\n"), lines.size());
    auto const text = lines.substr(0, end);
    auto const whole = lines.substr(0, end + 2);
    auto const colon = std::min(text.find(':'), text.size());
    visit(line_parts{whole, text.substr(0, colon), trimmed(text.substr(std::min(colon + 1, text.size())))});
    lines.remove_prefix(whole.size());
  }
}

/// Adds the field names in a Connection field to `named`.
void read_connection(std::string_view value, passed_fields& found, std::vector<std::string_view>& named) {
  while (!value.empty()) {
    auto const end = std::min(value.find(','), value.size());
    auto const option = trimmed(value.substr(0, end));
    value.remove_prefix(std::min(end + 1, value.size()));
    if (equals_ignoring_case(option, "close")) {
      found.closes = true;
    } else if (!option.empty() && !equals_ignoring_case(option, "keep-alive") &&
               !equals_ignoring_case(option, "content-length") && !equals_ignoring_case(option, "host")) {
      named.push_back(option);
    }
  }
}

}  // namespace

passed_fields append_end_to_end(std::string& to, std::string_view lines) {
  passed_fields found;
  std::vector<std::string_view> named;
  auto const begin = to.size();
  for_each_line(lines, [&](line_parts const& line) {
    auto const is = [&](std::string_view name) { return equals_ignoring_case(line.name, name); };
    // Compare the first letter first: most fields are none of these.
    switch (line.name.empty() ? '\0' : line.name.front() | 0x20) {
      case 'c':
        if (is("connection")) return read_connection(line.value, found, named);
        if (is("content-length")) found.content_length = line.value;
        break;
      case 'e':
        if (is("expect") && equals_ignoring_case(line.value, "100-continue")) return;
        break;
      case 'h':
        if (is("holdfast-forwarded-by")) {
          found.is_forwarded = true;
          return;
        }
        if (is("holdfast-forwarded-for")) return;
        if (is("host")) found.has_host = true;
        break;
      case 'k':
        if (is("keep-alive")) return;
        break;
      case 'p':
        if (is("proxy-connection")) return;
        break;
      case 't':
        if (is("transfer-encoding")) {
          found.is_chunked = true;
          return;
        }
        if (is("te") || is("trailer")) return;
        break;
      case 'u':
        if (is("upgrade")) return;
        break;
      default:
        break;
    }
    to += line.whole;
  });
  if (named.empty()) return found;
  auto const all = to.substr(begin);
  to.resize(begin);
  for_each_line(all, [&](line_parts const& line) {
    auto const is_named = std::any_of(named.begin(), named.end(),
                                      [&](std::string_view name) { return equals_ignoring_case(line.name, name); });
    if (!is_named) to += line.whole;
  });
  return found;
}

}  // namespace holdfast::server
