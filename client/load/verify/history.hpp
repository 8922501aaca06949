#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

namespace holdfast::client::verify {

/// The number of a value. All puts of a run write different values, which makes checking fast and wrong answers
/// obvious.
using value_number = std::uint64_t;
constexpr value_number absent = std::numeric_limits<value_number>::max();  ///< the key has no value

/// Nanoseconds on the client's steady clock, since the start of the run.
using instant = std::int64_t;
constexpr instant never = std::numeric_limits<instant>::max() / 4;  ///< later than all instants; sums do not overflow
constexpr instant before_all = -never;

/// The effect of an operation on one key, as far as its answer shows it.
enum class action : std::uint8_t {
  read,     ///< get, or a delete answered 404: the key had `value`, or was absent
  create,   ///< put answered 201: the key was absent, and has `value` now
  replace,  ///< put answered 204: the key had some value, and has `value` now
  write,    ///< put whose answer does not show the previous state
  remove,   ///< delete answered 204: the key had some value, and is absent now
  erase,    ///< delete whose answer does not show the previous state
};

/// An operation on one key. It took effect at one instant between `invoked` and `responded`. If it was never answered,
/// `responded` is never, and it took effect at some instant after `invoked` or not at all.
struct operation {
  action what = action::read;
  value_number value = absent;  ///< read or written; absent for remove and erase
  instant invoked = 0;
  instant responded = never;
  std::uint32_t connection = 0;

  friend bool operator==(operation const&, operation const&) = default;
};

[[nodiscard]] constexpr bool is_write(operation const& one) noexcept {
  return one.what != action::read;
}
[[nodiscard]] constexpr bool is_certain(operation const& one) noexcept {
  return one.responded != never;
}
/// True if `one` ended before `other` began. Equal instants do not count.
[[nodiscard]] constexpr bool precedes(operation const& one, operation const& other) noexcept {
  return one.responded < other.invoked;
}

/// All operations on one key in order of invocation, and the value before the first.
struct history {
  value_number initial = absent;
  std::vector<operation> operations;
};

/// Sorts the operations by invocation, as `history` requires, with a fixed order for equal times.
void sort_by_invocation(std::vector<operation>& operations);

/// The complete specification of a key: whether an operation can take effect while the key has this value, and the
/// value afterwards. All other code searches for an order in which this function succeeds.
/// @return the value afterwards, or nullopt if the answer contradicts the value.
[[nodiscard]] constexpr std::optional<value_number> apply(operation const& one, value_number value) noexcept {
  switch (one.what) {
    case action::read:
      if (value != one.value) return std::nullopt;
      return value;
    case action::create:
      if (value != absent) return std::nullopt;
      return one.value;
    case action::replace:
    case action::remove:
      if (value == absent) return std::nullopt;
      return one.value;
    case action::write:
    case action::erase:
      return one.value;
  }
  return std::nullopt;
}

}  // namespace holdfast::client::verify
