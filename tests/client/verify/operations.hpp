#pragma once

#include <utility>
#include <vector>

#include "client/load/verify/history.hpp"

/// Histories written down by hand, in few words.
namespace holdfast::client::verify {

inline history of(value_number initial, std::vector<operation> operations) {
  sort_by_invocation(operations);
  return {initial, std::move(operations)};
}

inline operation put(value_number value, instant invoked, instant responded) {
  return {action::replace, value, invoked, responded, 0};
}
inline operation get(value_number value, instant invoked, instant responded) {
  return {action::read, value, invoked, responded, 0};
}
inline operation del(instant invoked, instant responded) {
  return {action::remove, absent, invoked, responded, 0};
}

}  // namespace holdfast::client::verify
