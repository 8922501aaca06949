#include "client/json_parts.hpp"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "protocol/utf8.hpp"

namespace holdfast::client {
namespace {

constexpr std::string_view blanks = " \t\r\n";

void skip_blanks(std::string_view text, std::size_t& at) {
  at = std::min(text.find_first_not_of(blanks, at), text.size());
}

/// The end of the string that starts at `at`.
std::size_t behind_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return std::min(at + 1, text.size());
}

/// The end of the value that starts at `at`.
std::size_t behind_value(std::string_view text, std::size_t at) {
  if (at >= text.size()) return text.size();
  if (text[at] == '"') return behind_string(text, at);
  if (text[at] != '{' && text[at] != '[') return std::min(text.find_first_of(",]} \t\r\n", at), text.size());
  for (int depth = 0; at < text.size();) {
    auto const c = text[at];
    if (c == '"') {
      at = behind_string(text, at);
      continue;
    }
    ++at;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) break;
  }
  return at;
}

/// Calls `take` with the position of each element of the array or object `text`; it returns the element's end.
template <class Take>
void for_each_part(std::string_view text, char opening, Take take) {
  std::size_t at = 0;
  skip_blanks(text, at);
  if (at == text.size() || text[at] != opening) return;
  ++at;
  for (;;) {
    skip_blanks(text, at);
    if (at >= text.size() || text[at] == '}' || text[at] == ']') return;
    at = take(at);
    skip_blanks(text, at);
    if (at >= text.size() || text[at] != ',') return;
    ++at;
  }
}

/// The four hexadecimal digits at `at`.
std::optional<std::uint32_t> unit_at(std::string_view text, std::size_t at) {
  if (at + 4 > text.size()) return std::nullopt;
  std::uint32_t code = 0;
  for (char const c : text.substr(at, 4)) {
    auto const digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    if (digit < 0 || digit > 15) return std::nullopt;
    code = code << 4 | static_cast<std::uint32_t>(digit);
  }
  return code;
}

}  // namespace

std::vector<std::pair<std::string, std::string_view>> members_of(std::string_view object) {
  std::vector<std::pair<std::string, std::string_view>> members;
  for_each_part(object, '{', [&](std::size_t at) {
    auto const end_of_name = behind_string(object, at);
    auto name = string_in(object.substr(at, end_of_name - at));
    at = std::min(object.find(':', end_of_name), object.size() - 1) + 1;
    skip_blanks(object, at);
    auto const end = behind_value(object, at);
    members.emplace_back(std::move(name), object.substr(at, end - at));
    return end;
  });
  return members;
}

std::vector<std::string_view> elements_of(std::string_view array) {
  std::vector<std::string_view> elements;
  for_each_part(array, '[', [&](std::size_t at) {
    auto const end = behind_value(array, at);
    elements.push_back(array.substr(at, end - at));
    return end;
  });
  return elements;
}

std::string string_in(std::string_view json) {
  constexpr std::uint32_t replacement = 0xFFFD;
  std::string text;
  if (json.size() < 2 || json.front() != '"') return text;
  auto const inner = json.substr(1, json.size() - 2);
  for (std::size_t at = 0; at < inner.size(); ++at) {
    if (inner[at] != '\\' || ++at == inner.size()) {
      if (at < inner.size()) text += inner[at];
      continue;
    }
    constexpr std::string_view letters = "bfnrt", meant = "\b\f\n\r\t";
    if (auto const which = letters.find(inner[at]); which != std::string_view::npos) {
      text += meant[which];
    } else if (inner[at] != 'u') {
      text += inner[at];
    } else {
      auto code = unit_at(inner, at + 1).value_or(replacement);
      at += 4;
      if (code >= 0xD800 && code < 0xDC00 && inner.substr(std::min(at + 1, inner.size()), 2) == "\\u") {
        if (auto const low = unit_at(inner, at + 3); low && *low >= 0xDC00 && *low < 0xE000) {
          code = 0x10000 + ((code - 0xD800) << 10) + (*low - 0xDC00);
          at += 6;
        }
      }
      protocol::append_utf8(text, code >= 0xD800 && code < 0xE000 ? replacement : code);
    }
  }
  return text;
}

std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace holdfast::client
