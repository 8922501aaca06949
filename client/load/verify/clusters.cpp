#include "client/load/verify/clusters.hpp"

#include <algorithm>

namespace holdfast::client::verify {

clusters clusters_of(history const& whole) {
  clusters found;
  found.reserve(whole.operations.size() / 2);
  auto const add = [&](value_number value, instant invoked, instant responded) -> cluster& {
    auto& one = found[value];
    one.first_responded = std::min(one.first_responded, responded);
    one.last_invoked = std::max(one.last_invoked, invoked);
    return one;
  };
  auto const add_write = [&](value_number value, instant invoked, instant responded) {
    auto& one = add(value, invoked, responded);
    one.written = true;
    one.write_invoked = invoked;
  };
  if (whole.initial != absent) add_write(whole.initial, before_all, before_all);
  for (auto const& one : whole.operations) {
    if (one.value == absent) continue;
    if (is_write(one)) {
      add_write(one.value, one.invoked, one.responded);
    } else if (is_certain(one)) {
      ++add(one.value, one.invoked, one.responded).reads;
    }
  }
  return found;
}

}  // namespace holdfast::client::verify
