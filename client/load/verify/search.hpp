#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "client/load/verify/history.hpp"

namespace holdfast::client::verify {

enum class verdict : std::uint8_t { linearizable, violated, undecided };

/// Limits for a search. The count makes results reproducible, the time limits the wait.
struct effort {
  std::size_t configurations_max = 1'000'000;  ///< about a hundred bytes each
  std::chrono::steady_clock::time_point until = std::chrono::steady_clock::time_point::max();
};

/// Searches for an order of the operations that `apply` allows and that respects real time (an operation that ended
/// before another began comes first): Wing and Gong (Testing and Verifying Concurrent Objects, 1993), with Lowe's
/// memory of configurations (Testing for Linearizability, 2017), as in Porcupine (Athalye 2017). Checks one key at a
/// time, which is sufficient because linearizability is local (Herlihy and Wing 1990).
///
/// A configuration is the set of operations that have taken effect, and the resulting value. From each one, every
/// operation that may come next is tried; a configuration that was reached before, on any path, is not tried again.
/// Operations that were never answered may remain at the end.
///
/// Some rules avoid most of the trials without missing an order. Call the operations that may come next open, and a put
/// whole if all gets of its value are open as well. In any order that reaches the end from here,
///   - an open read that fits the value might as well come next: it changes nothing;
///   - a value with remaining reads is not overwritten: no put writes it a second time;
///   - a whole put that replaces a value might as well come next, with its reads: nothing after it can detect which
///     value was there before;
///   - of two whole operations of one kind, the one that is due first might as well come first: they can be swapped;
///   - of the puts that are not whole, only the one whose value is due first can come: the last get of any other one
///     began only after that had ended.
/// The first and the third rule need no trials, and the others leave one operation of each kind to try.
/// @return undecided if the effort was not sufficient.
[[nodiscard]] verdict search(history const& keys_history, effort const& effort);

}  // namespace holdfast::client::verify
