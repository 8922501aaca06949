#include "protocol/entity_tag.hpp"

#include <charconv>

namespace holdfast::protocol {

void append_entity_tag(std::string& out, entity_tag const& tag) {
  char text[48];
  char* at = text;
  *at++ = '"';
  at = std::to_chars(at, text + sizeof text, tag.start, 16).ptr;
  *at++ = '-';
  at = std::to_chars(at, text + sizeof text, tag.revision).ptr;
  *at++ = '"';
  out.append(text, at);
}

std::string to_string(entity_tag const& tag) {
  std::string text;
  append_entity_tag(text, tag);
  return text;
}

std::optional<entity_tag> parse_entity_tag(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::nullopt;
  auto const* const end = text.data() + text.size() - 1;
  entity_tag tag;
  auto const start = std::from_chars(text.data() + 1, end, tag.start, 16);
  if (start.ec != std::errc() || start.ptr == end || *start.ptr != '-') return std::nullopt;
  auto const revision = std::from_chars(start.ptr + 1, end, tag.revision);
  if (revision.ec != std::errc() || revision.ptr != end) return std::nullopt;
  return tag;
}

bool names(std::string_view list, entity_tag const& tag) {
  constexpr std::string_view blank = " \t,";
  auto const ours = to_string(tag);
  auto at = list.find_first_not_of(blank);
  if (at == std::string_view::npos) return false;
  list.remove_prefix(at);
  if (list.starts_with('*')) return list.find_first_not_of(blank, 1) == std::string_view::npos;
  while (!list.empty()) {
    if (list.starts_with("W/")) list.remove_prefix(2);
    if (!list.starts_with('"')) return false;
    auto const close = list.find('"', 1);
    if (close == std::string_view::npos) return false;
    if (list.substr(0, close + 1) == ours) return true;
    list.remove_prefix(close + 1);
    at = list.find_first_not_of(blank);
    list.remove_prefix(at == std::string_view::npos ? list.size() : at);
  }
  return false;
}

}  // namespace holdfast::protocol
