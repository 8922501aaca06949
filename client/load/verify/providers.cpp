#include "client/load/verify/providers.hpp"

#include <algorithm>

namespace holdfast::client::verify {

void providers::reach::add(operation const& write) {
  invoked.push_back(write.invoked);
  until.push_back(until.empty() ? write.responded : std::max(until.back(), write.responded));
}

bool providers::reach::any(instant invoked_until, instant responded_from) const {
  auto const count = std::ranges::upper_bound(invoked, invoked_until) - invoked.begin();
  return count != 0 && until[static_cast<std::size_t>(count) - 1] >= responded_from;
}

providers::providers(std::span<operation const> candidates, std::span<operation const> between) {
  for (auto const& one : candidates) {
    if (is_write(one)) (one.value == absent ? deletes_ : puts_).add(one);
  }
  std::vector<operation const*> writes;
  for (auto const& one : between) {
    if (is_write(one) && is_certain(one)) writes.push_back(&one);
  }
  std::ranges::sort(writes, {}, [](auto const* one) { return one->responded; });
  auto last = before_all;
  for (auto const* one : writes) {
    last = std::max(last, one->invoked);
    responded_.push_back(one->responded);
    last_invoked_.push_back(last);
  }
}

instant providers::last_write_before(operation const& one) const {
  auto const count = std::ranges::lower_bound(responded_, one.invoked) - responded_.begin();
  return count == 0 ? before_all : last_invoked_[static_cast<std::size_t>(count) - 1];
}

bool providers::any_for(operation const& one) const {
  auto const wanted = premise_of(one);
  if (wanted != premise::some_value && wanted != premise::no_value) return false;
  return (wanted == premise::no_value ? deletes_ : puts_).any(one.responded, last_write_before(one));
}

bool any_without_provider(history const& whole) {
  providers const all(whole.operations, whole.operations);
  return std::ranges::any_of(whole.operations, [&](operation const& one) {
    auto const wanted = premise_of(one);
    if (wanted != premise::some_value && wanted != premise::no_value) return false;
    auto const first_will_do = (whole.initial == absent) == (wanted == premise::no_value) && all.may_be_first(one);
    return is_certain(one) && !first_will_do && !all.any_for(one);
  });
}

}  // namespace holdfast::client::verify
