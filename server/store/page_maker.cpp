#include "server/store/page_maker.hpp"

#include "protocol/utf8.hpp"

namespace holdfast::server {
namespace {

/// A page with values ends with the value that exceeds this.
constexpr std::uint64_t page_bytes_max = 1024 * 1024;

/// UTF-8 behind all keys of a group, and before all keys behind it: its last character is replaced by the next one.
/// With behind(), which does that with the last byte, it need not be UTF-8; so it is for the last character of all
/// alone, U+10FFFF, which is not for interchange.
std::string cursor_behind(std::string const& group) {
  auto begin = group.size() - 1;
  while (begin > 0 && (static_cast<unsigned char>(group[begin]) & 0xC0U) == 0x80) --begin;
  auto next = protocol::utf8_code_point(std::string_view(group).substr(begin)) + 1;
  if (next == 0xD800) next = 0xE000;  // behind the surrogates, which are no characters
  if (next > 0x10FFFF) return behind(group);
  auto cursor = group.substr(0, begin);
  protocol::append_utf8(cursor, next);
  return cursor;
}

}  // namespace

std::string behind(std::string_view prefix) {
  std::string text(prefix);
  while (!text.empty() && static_cast<unsigned char>(text.back()) == 0xFF) text.pop_back();
  if (!text.empty()) text.back() = static_cast<char>(static_cast<unsigned char>(text.back()) + 1);
  return text;
}

page_maker::page_maker(list_operation const& list) : list_(list) {
  page_.entries.reserve(list.limit);
  page_.keys.reserve(list.limit * 24);
}

bool page_maker::is_full() const noexcept {
  return page_.entries.size() + page_.groups.size() >= list_.limit || bytes_ > page_bytes_max;
}

std::string_view page_maker::group_of(std::string_view key) const noexcept {
  if (list_.delimiter.empty() || !key.starts_with(list_.prefix)) return {};
  auto const end = key.find(list_.delimiter, list_.prefix.size());
  return end != std::string_view::npos ? key.substr(0, end + list_.delimiter.size()) : std::string_view();
}

void page_maker::add(std::string_view key, json_text const& value, std::uint64_t revision, expiry_time expires) {
  page_.entries.push_back(place(key));
  auto& one = page_.entries.back();
  one.revision = revision;
  one.value = value;
  one.expires = expires;
  if (list_.values) bytes_ += value->size();
}

void page_maker::end_at(std::string_view key) {
  auto const group = group_of(key);
  // A cursor within a group stands for the whole of it, of which some may be left.
  if (group.empty())
    page_.next = key;
  else if (!page_.keys.empty())
    end();
  else if (list_.after)
    page_.next = *list_.after;
  else if (list_.reverse)
    page_.next = cursor_behind(std::string(group));
  else
    page_.next = list_.prefix.empty() ? std::string(1, '\0') : list_.prefix;
}

listing::entry page_maker::place(std::string_view key) {
  listing::entry one;
  one.key_begin = static_cast<std::uint32_t>(page_.keys.size());
  one.key_bytes = static_cast<std::uint32_t>(key.size());
  page_.keys += key;
  last_bytes_ = key.size();
  return one;
}

}  // namespace holdfast::server
