#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "protocol/error.hpp"

namespace holdfast::protocol {

/// Reads a duration as people write it everywhere in Holdfast (query, flags, environment): a decimal number and a unit,
/// `250us`, `350ms`, `1s`, `1.5s`, `2m`, `1h`; `ns` too. `0` needs no unit. No sign, no spaces, at most 24 hours.
/// @return nanoseconds (what is finer is cut off), or errc::invalid_parameter with a detail that says how to write it.
[[nodiscard]] result<std::chrono::nanoseconds> parse_duration(std::string_view text);

/// Writes a duration, 0 to 24 hours, so that parse_duration reads the same value: in the largest unit that leaves no
/// more than three decimals.
[[nodiscard]] std::string format_duration(std::chrono::nanoseconds duration);

}  // namespace holdfast::protocol
