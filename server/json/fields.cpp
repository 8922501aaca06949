#include "server/json/fields.hpp"

#include <algorithm>
#include <string>

#include "server/json/string.hpp"

namespace holdfast::server::json {
namespace {

constexpr std::size_t name_bytes_max = 80;

/// A name as written, shortened if it is too long for a message.
std::string shown(std::string_view name_text) {
  if (name_text.size() <= name_bytes_max) return std::string(name_text);
  return std::string(name_text.substr(0, name_bytes_max)) + "…\"";
}

}  // namespace

protocol::result<fields> fields::of(value object, std::initializer_list<std::string_view> known) {
  auto const members = object.as_object();
  if (!members) return members.error();
  fields found(object);
  for (auto const member : *members) {
    auto const* const name =
        std::ranges::find_if(known, [&](std::string_view field) { return says(member.name_text(), field); });
    if (name == known.end()) {
      std::string all;
      for (auto const field : known) all += (all.empty() ? "" : ", ") + std::string(field);
      return object.failure("unknown field " + shown(member.name_text()) + "; known: " + all);
    }
    if (found.find(*name)) return object.failure("the field " + shown(member.name_text()) + " is there twice");
    found.found_.emplace_back(*name, member);
  }
  return found;
}

std::optional<value> fields::find(std::string_view name) const {
  auto const found = std::ranges::find(found_, name, [](auto const& field) { return field.first; });
  if (found == found_.end()) return std::nullopt;
  return found->second;
}

protocol::result<value> fields::require(std::string_view name) const {
  auto const found = find(name);
  if (!found) return object_.failure("the field \"" + std::string(name) + "\" is missing");
  return *found;
}

}  // namespace holdfast::server::json
