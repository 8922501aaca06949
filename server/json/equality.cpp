#include "server/json/equality.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <string>

#include "server/json/number.hpp"
#include "server/json/string.hpp"

namespace holdfast::server::json {
namespace {

bool are_equal_objects(value left, value right) {
  std::map<std::string_view, value> members;  // ordered: no client can choose names that collide
  std::deque<std::string> decoded;
  std::string storage;
  for (auto const member : left.children()) {
    auto name = view_for_comparing(member.name_text(), storage);
    if (name.data() == storage.data()) name = decoded.emplace_back(name);
    if (!members.emplace(name, member).second) return false;
  }
  for (auto const member : right.children()) {
    auto const found = members.find(view_for_comparing(member.name_text(), storage));
    if (found == members.end() || !are_equal(found->second, member)) return false;
    members.erase(found);  // a member can match only once
  }
  return members.empty();
}

}  // namespace

bool are_equal(value left, value right) {
  if (left.kind() != right.kind()) return false;
  switch (left.kind()) {
    case value_kind::null:
      return true;
    case value_kind::boolean:
      return left.text() == right.text();
    case value_kind::number:
      return left.text() == right.text() || exact_number(left.text()) == exact_number(right.text());
    case value_kind::string:
      return left.text() == right.text() || decode_for_comparing(left.text()) == decode_for_comparing(right.text());
    case value_kind::array:
      return std::ranges::equal(left.children(), right.children(), are_equal);
    case value_kind::object:
      break;
  }
  return are_equal_objects(left, right);
}

}  // namespace holdfast::server::json
