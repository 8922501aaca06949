#include "server/json/equality.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "server/json/number.hpp"
#include "server/json/string.hpp"

namespace holdfast::server::json {
namespace {

std::vector<std::pair<std::string, value>> members_by_name(value object) {
  std::vector<std::pair<std::string, value>> members;
  for (auto const member : object.children()) members.emplace_back(member.name(), member);
  std::ranges::sort(members, {}, [](auto const& member) -> std::string const& { return member.first; });
  return members;
}

bool are_equal_objects(value left, value right) {
  auto const lefts = members_by_name(left);
  auto const rights = members_by_name(right);
  if (lefts.size() != rights.size()) return false;
  for (std::size_t i = 0; i < lefts.size(); ++i) {
    auto const& name = lefts[i].first;
    if (name != rights[i].first || (i != 0 && name == lefts[i - 1].first)) return false;
    if (!are_equal(lefts[i].second, rights[i].second)) return false;
  }
  return true;
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
