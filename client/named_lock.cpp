#include "client/named_lock.hpp"

#include <charconv>

#include "client/json_parts.hpp"

namespace holdfast::client {
namespace {

std::uint64_t number_in(std::string_view json) {
  std::uint64_t number = 0;
  std::from_chars(json.data(), json.data() + json.size(), number);
  return number;
}

}  // namespace

result<lock_ticket> read_ticket(std::string_view json) {
  lock_ticket one;
  for (auto const& [name, text] : members_of(json)) {
    if (name == "id") one.id = string_in(text);
    if (name == "token") one.token = number_in(text);
    if (name == "position") one.position = number_in(text);
    if (name == "behind") one.behind = string_in(text);
  }
  if (one.id.empty() || (one.token == 0) == (one.position == 0))
    return error{error_kind::bad_answer, "the answer is no ticket of a lock; is that a Holdfast server?", {}};
  return one;
}

}  // namespace holdfast::client
