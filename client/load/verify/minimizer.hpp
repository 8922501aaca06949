#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "client/load/verify/history.hpp"

namespace holdfast::client::verify {

/// What a counter-example comes down to.
enum class violation : std::uint8_t {
  foreign_value,          ///< a value was read that no put of the key has written
  read_before_written,    ///< a value was read, and the answer was there before its put began
  lost_update,            ///< a put was answered, the value before it was read afterwards, and its own value never
  stale_read,             ///< a value was read after it had been seen replaced
  returned_after_delete,  ///< a value was read after it had been deleted
  lost_value,             ///< the key was found absent when it must have had a value
  wrong_status,           ///< a put or delete reported a value, or none, when it can't have been so
  contradiction,          ///< no order explains all answers, though each of them could be explained alone
};

/// Stable names: `foreign_value`, `lost_update`, …
[[nodiscard]] std::string_view name_of(violation kind) noexcept;

/// Operations that prove a violation by themselves.
struct counter_example {
  violation kind = violation::contradiction;
  /// The value before, and the operations that matter. Where it doesn't matter what a put or delete reported of the
  /// value before, it is taken as `write` or `erase`.
  history shown;
  bool is_minimal = true;  ///< else the effort did not suffice to show it
};

/// Takes operations out of a violated history until none is left that could go. The result is the same each time.
///
/// An operation can't simply be taken out: without a put its value's reads would look foreign, without a delete an
/// answer that the key was absent would look wrong. So with a write goes whatever rests on it: reads of its value, and
/// what an answer shows of the value before, when that could come from a write that is not shown. What is left can then
/// be put in order whenever the whole can: restricted to it, an order of the whole still explains it. So it is a proof
/// by itself, and each operation in it is needed: what is left without it can be put in order.
///
/// @param configurations_max for each of the searches this takes; see effort.
[[nodiscard]] counter_example minimize(history const& violated, std::size_t configurations_max = 20'000);

}  // namespace holdfast::client::verify
