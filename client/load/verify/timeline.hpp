#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/load/verify/minimizer.hpp"
#include "client/load/verify/stated_order.hpp"

namespace holdfast::client::verify {

/// A description of the violation: a sentence without its full stop.
[[nodiscard]] std::string_view sentence_for(violation kind) noexcept;

/// An operation as drawn.
struct drawn_operation {
  instant invoked = 0;
  instant responded = never;  ///< never: drawn with an open end
  std::uint32_t connection = 0;
  std::string did;  ///< short description
};

/// Draws a lane for each connection, with each operation as an interval to scale and a letter. Below, one line per
/// letter says what the operation did and when. Lines of the chart have at most 100 columns; all lines end with a line
/// feed.
[[nodiscard]] std::string draw(std::vector<drawn_operation> const& operations);

/// The operations of a counterexample. Their values are named v1, v2, … in order, and v0 is the initial value, which
/// the last line shows.
[[nodiscard]] std::string draw(counter_example const& found);

/// A short description of an operation: `put 17: revision 6`. For lists it describes only the keys in `keys`.
[[nodiscard]] std::string describe(stated_history const& whole, std::size_t operation,
                                   std::vector<key_number> const& keys);
[[nodiscard]] std::string draw(stated_history const& whole, order_example const& found);

}  // namespace holdfast::client::verify
