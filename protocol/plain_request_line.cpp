#include "protocol/plain_request_line.hpp"

namespace holdfast::protocol {
namespace {

struct known_method {
  std::string_view text;
  method value;
};
constexpr known_method known_methods[]{
    {"GET", method::get}, {"PUT", method::put}, {"HEAD", method::head}, {"DELETE", method::del}};

constexpr std::string_view line_end = " HTTP/1.1\r\n";

bool is_visible_ascii(char c) {
  return c > ' ' && c < '\x7F';
}

}  // namespace

std::optional<plain_request_line> recognize_request_line(std::string_view text) {
  for (auto const& [name, value] : known_methods) {
    if (!text.starts_with(name)) continue;
    auto const begin = name.size() + 1;
    if (text.size() <= begin || text[name.size()] != ' ') return std::nullopt;
    auto end = begin;
    while (end < text.size() && is_visible_ascii(text[end])) ++end;
    if (end == begin || !text.substr(end).starts_with(line_end)) return std::nullopt;
    return plain_request_line{value, text.substr(0, name.size()), text.substr(begin, end - begin),
                              end + line_end.size()};
  }
  return std::nullopt;
}

}  // namespace holdfast::protocol
