#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace holdfast::client::load {

/// A count with thousands separators: `29,511`.
[[nodiscard]] std::string grouped(std::uint64_t count);

/// A duration with three significant digits and a unit: `850 ns`, `12.3 us`, `4.21 ms`, `1.05 s`.
[[nodiscard]] std::string readable(std::chrono::nanoseconds duration);

/// A share of 0 to 1 as `12.3 %`.
[[nodiscard]] std::string percent(double share);

/// Milliseconds, exact to the nanosecond.
[[nodiscard]] double in_ms(std::chrono::nanoseconds duration);

/// A number with three significant digits: `0.25`, `12.3`, `1,235`.
[[nodiscard]] std::string short_number(double number);

/// The exact number with the fewest digits, without an exponent.
[[nodiscard]] std::string format_number(double number);

/// Wraps lines longer than `columns` at spaces where possible; continuation lines are indented a little further. A
/// shell command (lines that end in a backslash, or a first word `again`) stays valid. Lines of drawings, which contain
/// bars, are unchanged.
[[nodiscard]] std::string wrapped(std::string const& text, std::size_t columns);

/// `text` padded with spaces on the left (to_left(): on the right) to `width`.
[[nodiscard]] std::string to_right(std::string const& text, std::size_t width);
[[nodiscard]] std::string to_left(std::string const& text, std::size_t width);

}  // namespace holdfast::client::load
