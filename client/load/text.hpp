#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace holdfast::client::load {

/// A count with its thousands apart: `29,511`.
[[nodiscard]] std::string grouped(std::uint64_t count);

/// A duration with three digits that count and a unit: `850 ns`, `12.3 us`, `4.21 ms`, `1.05 s`.
[[nodiscard]] std::string readable(std::chrono::nanoseconds duration);

/// A share of 0 to 1: `12.3 %`.
[[nodiscard]] std::string percent(double share);

/// The number of milliseconds, exact to the nanosecond.
[[nodiscard]] double in_ms(std::chrono::nanoseconds duration);

/// A number with three digits that count: `0.25`, `12.3`, `1,235`.
[[nodiscard]] std::string short_number(double number);

/// A number exactly, in as few digits as that takes and without an exponent.
[[nodiscard]] std::string format_number(double number);

/// The same text with no line above `columns`, as far as there are spaces to break at: what is left of a line follows
/// under it, indented a little further. A shell command, which has lines that end in a backslash or starts with
/// `again`, stays one. Drawings, whose lines have bars, are left as they are.
[[nodiscard]] std::string wrapped(std::string const& text, std::size_t columns);

/// `text` with spaces before or behind it up to `width`.
[[nodiscard]] std::string to_right(std::string const& text, std::size_t width);
[[nodiscard]] std::string to_left(std::string const& text, std::size_t width);

}  // namespace holdfast::client::load
