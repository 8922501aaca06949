#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "client/load/verify/history.hpp"

namespace holdfast::client::verify {

enum class verdict : std::uint8_t { linearizable, violated, undecided };

/// How much may be spent on deciding. The count makes a result repeatable, the time bounds it for people.
struct effort {
  std::size_t configurations_max = 1'000'000;  ///< a hundred bytes each
  std::chrono::steady_clock::time_point until = std::chrono::steady_clock::time_point::max();
};

/// Decides by searching whether the operations can be put into an order that `apply` allows and that keeps what was
/// over before something else began before it: Wing and Gong (Testing and Verifying Concurrent Objects, 1993), with
/// Lowe's memory of configurations (Testing for Linearizability, 2017), as in Porcupine (Athalye 2017). A key at a
/// time, which is enough since linearizability is local (Herlihy and Wing 1990).
///
/// A configuration is the set of operations that have taken effect, and the value they left. From each, every operation
/// that may come next is tried; a configuration that was reached before is not tried again, however it was reached.
/// Operations that were never answered may be left over at the end.
///
/// Some rules spare most of the trying, and none can hide an order. Call the operations that may come next open, and a
/// put whole when all gets of its value are open as well. In any order that reaches the end from here,
///   - an open read that fits the value could as well come next: it changes nothing;
///   - a value with reads still to come is not overwritten: no put writes it a second time;
///   - a whole put that replaces a value could as well come next, with its reads: nothing after it can tell which value
///     was there before;
///   - of two whole operations of one kind, the one that is due first could as well come first: they could change
///   places;
///   - of the puts that are not whole, only that whose value is due first can come: the last get of another one began
///   only
///     after that was over.
/// The first and the third need no trying at all, and the rest leaves one operation of each kind to try.
/// @return undecided when the effort did not suffice.
[[nodiscard]] verdict search(history const& keys_history, effort const& effort);

}  // namespace holdfast::client::verify
