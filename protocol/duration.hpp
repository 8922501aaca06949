#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "protocol/error.hpp"

namespace holdfast::protocol {

/// Parses a duration in the format used throughout Holdfast (queries, flags, environment): a decimal number and a unit,
/// `250us`, `350ms`, `1s`, `1.5s`, `2m`, `1h`, or `ns`. `0` needs no unit. No sign, no spaces, at most 24 hours.
/// @return nanoseconds, truncated; or errc::invalid_parameter with a detail that explains the format.
[[nodiscard]] result<std::chrono::nanoseconds> parse_duration(std::string_view text);

/// Parses the same format with longer durations: at most 100 years, also in days, `30d` or `1.5d`.
[[nodiscard]] result<std::chrono::nanoseconds> parse_long_duration(std::string_view text);

/// Formats a duration of 0 to 24 hours in the largest unit that needs at most three decimals. parse_duration() reads
/// the same value back.
[[nodiscard]] std::string format_duration(std::chrono::nanoseconds duration);

}  // namespace holdfast::protocol
