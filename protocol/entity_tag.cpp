#include "protocol/entity_tag.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "protocol/ascii.hpp"

namespace holdfast::protocol {
namespace {

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
}

/// Cuts a quoted tag off the front, quotes included (RFC 9110 §8.8.3; white space within, as once allowed by RFC 2616
/// §3.11). Empty where there is none.
std::string_view cut_opaque_tag(std::string_view& text) {
  if (!text.starts_with('"')) return {};
  auto const close = text.find('"', 1);
  if (close == std::string_view::npos) return {};
  auto const tag = text.substr(0, close + 1);
  if (!std::all_of(tag.begin(), tag.end(), is_line_character)) return {};
  text.remove_prefix(tag.size());
  return tag;
}

}  // namespace

char* write_start(char* to, std::uint64_t start) {
  // Almost every one in a process is the same.
  thread_local std::uint64_t written_start = 0;
  thread_local char text[16] = {'0'};
  thread_local std::size_t length = 1;
  if (start != written_start) {
    length = static_cast<std::size_t>(std::to_chars(text, text + sizeof text, start, 16).ptr - text);
    written_start = start;
  }
  std::memcpy(to, text, sizeof text);
  return to + length;
}

char* write_entity_tag(char* to, entity_tag const& tag) {
  *to++ = '"';
  to = write_start(to, tag.start);
  *to++ = '-';
  to = std::to_chars(to, to + 20, tag.revision).ptr;
  *to++ = '"';
  return to;
}

std::string to_string(entity_tag const& tag) {
  char text[entity_tag_bytes_max];
  return {text, write_entity_tag(text, tag)};
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
  skip_blanks(list);
  if (list.starts_with('*')) {
    list.remove_prefix(1);
    skip_blanks(list);
    return list.empty();
  }
  auto const ours = to_string(tag);
  bool found = false;
  while (!list.empty()) {
    if (!list.starts_with(',')) {  // a member may be empty (RFC 9110 §5.6.1.2)
      if (list.starts_with("W/")) list.remove_prefix(2);
      auto const member = cut_opaque_tag(list);
      if (member.empty()) return false;
      if (member == ours) found = true;
      skip_blanks(list);
    }
    if (list.empty()) break;
    if (!list.starts_with(',')) return false;
    list.remove_prefix(1);
    skip_blanks(list);
  }
  return found;
}

}  // namespace holdfast::protocol
