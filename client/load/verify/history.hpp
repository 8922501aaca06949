#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

namespace holdfast::client::verify {

/// A value by its number. No two puts of a run have the same, which is what makes checking fast, and wrong answers
/// plain.
using value_number = std::uint64_t;
constexpr value_number absent = std::numeric_limits<value_number>::max();  ///< the key has no value

/// Nanoseconds on the client's steady clock, since the start of the run.
using instant = std::int64_t;
constexpr instant never = std::numeric_limits<instant>::max() / 4;  ///< after all instants; sums don't overflow
constexpr instant before_all = -never;

/// What an operation did to one key, as far as its answer shows.
enum class action : std::uint8_t {
  read,     ///< get, or a delete answered 404: `value` was there, or absent
  create,   ///< put answered 201: the key was absent, and is `value` since
  replace,  ///< put answered 204: the key had some value, and is `value` since
  write,    ///< put whose answer does not show what was there before
  remove,   ///< delete answered 204: the key had some value, and is absent since
  erase,    ///< delete whose answer does not show what was there before
};

/// An operation on one key. It took effect at one instant from `invoked` to `responded`. When it was never answered,
/// `responded` is never, and it took effect at some instant after `invoked` or not at all.
struct operation {
  action what = action::read;
  value_number value = absent;  ///< read or written; absent of remove and erase
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
/// Whether `one` was over before `other` began. Equal instants leave it open.
[[nodiscard]] constexpr bool precedes(operation const& one, operation const& other) noexcept {
  return one.responded < other.invoked;
}

/// All operations on one key, in the order of invocation, and the value before the first.
struct history {
  value_number initial = absent;
  std::vector<operation> operations;
};

/// Puts the operations into the order that `history` promises: by invocation, and in one fixed order where that is
/// equal.
void sort_by_invocation(std::vector<operation>& operations);

/// The specification of a key, whole: whether an operation can take effect while the key has this value, and what value
/// it has then. Everything else here is about finding an order in which this function never says no.
/// @return the value after, or nothing when the answer that was given could not have been given.
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
