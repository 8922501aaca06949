#include "server/json/spacing.hpp"

namespace holdfast::server::json {
namespace {

constexpr std::string_view space = " \t\r\n";

/// The trailing white space of `text`.
std::string_view space_at_end(std::string_view text) {
  return text.substr(text.find_last_not_of(space) + 1);  // npos + 1 is 0
}

std::size_t offset(value value, std::string_view part) {
  return static_cast<std::size_t>(part.data() - value.document_text().data());
}

}  // namespace

spacing spacing_of(value child) {
  auto const text = child.document_text();
  auto const name = child.name_text();
  auto const value_begin = offset(child, child.text());
  auto const value_end = value_begin + child.text().size();
  auto const begin = name.empty() ? value_begin : offset(child, name);
  spacing found;
  found.before = space_at_end(text.substr(0, begin));
  if (!name.empty()) found.colon = text.substr(begin + name.size(), value_begin - begin - name.size());
  auto const next = text.find_first_not_of(space, value_end);
  if (next != std::string_view::npos && text[next] == ',') found.after = text.substr(value_end, next - value_end);
  return found;
}

std::string_view end_space_of(value container) {
  auto const text = container.text();
  return space_at_end(text.substr(0, text.size() - 1));
}

spacing spacing_for_new(value container) {
  spacing found{"", container.is(value_kind::object) ? ":" : "", ""};
  auto const children = container.children();
  if (children.empty()) return found;
  auto const first = *children.begin();
  found = spacing_of(first);
  auto second = children.begin();
  if (++second != children.end()) found.before = spacing_of(*second).before;
  found.after = "";
  return found;
}

}  // namespace holdfast::server::json
