#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "client/load/verify/history.hpp"

namespace holdfast::client::verify {

/// The kind of violation that a counterexample shows.
enum class violation : std::uint8_t {
  foreign_value,          ///< a value was read that no put of the key has written
  read_before_written,    ///< a value was read, and the read ended before the value's put began
  lost_update,            ///< a put was answered, afterwards the previous value was read, and the put's own value never
  stale_read,             ///< a value was read after it was known to be replaced
  returned_after_delete,  ///< a value was read after it had been deleted
  lost_value,             ///< the key was found absent when it must have had a value
  wrong_status,           ///< a put or delete reported a previous value, or none, which is impossible
  contradiction,          ///< no order explains all answers, although each one alone can be explained
};

/// Stable names: `foreign_value`, `lost_update`, …
[[nodiscard]] std::string_view name_of(violation kind) noexcept;

/// Operations that together prove a violation.
struct counter_example {
  violation kind = violation::contradiction;
  /// The value before, and the relevant operations. Puts and deletes whose report of the previous value is irrelevant
  /// are shown as `write` or `erase`.
  history shown;
  bool is_minimal = true;  ///< false if the effort was not sufficient to prove it
};

/// Removes operations from a violated history until none can be removed. The result is deterministic.
///
/// An operation can't simply be removed: without a put, reads of its value would look foreign; without a delete, an
/// answer that the key was absent would look wrong. So removing a write also removes what depends on it: reads of its
/// value, and the part of an answer that shows the previous value, if that could come from a write that is not shown.
/// Then the remaining operations can be ordered whenever the whole history can: restricted to them, an order of the
/// whole still explains them. So the result is a proof by itself, and every operation in it is needed: without it, the
/// others can be ordered.
///
/// @param configurations_max for each of the searches; see effort.
[[nodiscard]] counter_example minimize(history const& violated, std::size_t configurations_max = 20'000);

}  // namespace holdfast::client::verify
