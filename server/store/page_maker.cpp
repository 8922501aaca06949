#include "server/store/page_maker.hpp"

namespace holdfast::server {
namespace {

/// A page with values ends with the value that exceeds this.
constexpr std::uint64_t page_bytes_max = 1024 * 1024;

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
    page_.next = behind(group);
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
