#pragma once

#include <string>
#include <string_view>

#include "client/load/verify/minimizer.hpp"

namespace holdfast::client::verify {

/// What is wrong, in a sentence without its full stop.
[[nodiscard]] std::string_view sentence_for(violation kind) noexcept;

/// Draws a counter-example: a lane for each connection, each operation as an interval to scale with a letter, and below
/// a line for each letter with what it did and when. Values are called v1, v2, …, in the order of the operations, and
/// v0 what was there before. Lines are at most 100 columns long and end with a line feed.
[[nodiscard]] std::string draw(counter_example const& found);

}  // namespace holdfast::client::verify
