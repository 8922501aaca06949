#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/load/verify/minimizer.hpp"
#include "client/load/verify/stated_order.hpp"

namespace holdfast::client::verify {

/// What is wrong, in a sentence without its full stop.
[[nodiscard]] std::string_view sentence_for(violation kind) noexcept;

/// An operation as it is drawn.
struct drawn_operation {
  instant invoked = 0;
  instant responded = never;  ///< never: it is drawn as open
  std::uint32_t connection = 0;
  std::string did;  ///< for people, in half a line
};

/// Draws a lane for each connection, each operation as an interval to scale with a letter, and below a line for each
/// letter with what it did and when. Lines of the chart are at most 100 columns long; all end with a line feed.
[[nodiscard]] std::string draw(std::vector<drawn_operation> const& operations);

/// The operations of a counter-example, with their values called v1, v2, …, in their order, and v0 what was there
/// before; a last line says what v0 is.
[[nodiscard]] std::string draw(counter_example const& found);

/// What an operation did, in half a line: `put 17: revision 6`. Of lists it says what they show of `keys` alone.
[[nodiscard]] std::string describe(stated_history const& whole, std::size_t operation,
                                   std::vector<key_number> const& keys);
[[nodiscard]] std::string draw(stated_history const& whole, order_example const& found);

}  // namespace holdfast::client::verify
