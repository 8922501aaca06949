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

/// Removes a quoted tag with its quotes from the front (RFC 9110 §8.8.3; also with white space inside, once allowed by
/// RFC 2616 §3.11). @return empty if there is none.
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
  // Cached, since `start` hardly ever changes within a process.
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

bool tag_list::names_strongly(std::uint64_t revision) const noexcept {
  return any || std::find(strong.begin(), strong.end(), revision) != strong.end();
}

bool tag_list::names_weakly(std::uint64_t revision) const noexcept {
  return names_strongly(revision) || std::find(weak.begin(), weak.end(), revision) != weak.end();
}

tag_list parse_tag_list(std::string_view text, std::uint64_t start) {
  tag_list malformed;
  malformed.is_malformed = true;
  tag_list list;
  skip_blanks(text);
  if (text.starts_with('*')) {
    text.remove_prefix(1);
    skip_blanks(text);
    if (!text.empty()) return malformed;
    list.any = true;
    return list;
  }
  auto has_member = false;
  while (!text.empty()) {
    if (!text.starts_with(',')) {  // a list member may be empty (RFC 9110 §5.6.1.2)
      auto const is_weak = text.starts_with("W/");
      if (is_weak) text.remove_prefix(2);
      auto const member = cut_opaque_tag(text);
      if (member.empty()) return malformed;
      has_member = true;
      list.has_weak = list.has_weak || is_weak;
      // Compare bytes, so that only the exact text matches.
      if (auto const tag = parse_entity_tag(member); tag && tag->start == start && to_string(*tag) == member)
        (is_weak ? list.weak : list.strong).push_back(tag->revision);
      skip_blanks(text);
    }
    if (text.empty()) break;
    if (!text.starts_with(',')) return malformed;
    text.remove_prefix(1);
    skip_blanks(text);
  }
  return has_member ? list : malformed;
}

}  // namespace holdfast::protocol
