#pragma once

#include "client/load/verify/search.hpp"

namespace holdfast::client::verify {

/// Decides whether the history of a key is linearizable. The result is that of search(), in n log n where possible.
///
/// Each value has a span in which it must have been the current value (see cluster). Two values of which each must
/// precede the other are a contradiction. So is a delete, or an answer that the key was absent, that must come both
/// before and after operations of one value.
///
/// If no two values contradict and the key had a value all the time, ordering the values by the middles of their spans
/// explains all answers: if a must precede b, a.first_responded < b.last_invoked; since b must not precede a as well,
/// a.last_invoked <= b.first_responded; so the sum of a's two is less than the sum of b's. (Gibbons and Korach reach
/// the same result in another way.) A key that was absent at times, without such a contradiction, is left to the
/// search.
[[nodiscard]] verdict check(history const& whole, effort const& effort);

}  // namespace holdfast::client::verify
