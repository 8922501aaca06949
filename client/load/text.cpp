#include "client/load/text.hpp"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace holdfast::client::load {
namespace {

std::string fixed(double value, int decimals) {
  char text[40];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

/// Three digits that count: 1.23, 12.3, 123.
std::string three_digits(double value) {
  if (value < 9.995) return fixed(value, 2);
  return fixed(value, value < 99.95 ? 1 : 0);
}

}  // namespace

std::string grouped(std::uint64_t count) {
  auto text = std::to_string(count);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), 1, ',');
  return text;
}

std::string readable(std::chrono::nanoseconds duration) {
  auto const ns = static_cast<double>(duration.count());
  if (duration.count() < 1000) return std::to_string(duration.count()) + " ns";
  if (ns < 999.5e3) return three_digits(ns / 1e3) + " us";
  if (ns < 999.5e6) return three_digits(ns / 1e6) + " ms";
  return three_digits(ns / 1e9) + " s";
}

std::string short_number(double number) {
  return number < 999.5 ? three_digits(number) : grouped(static_cast<std::uint64_t>(std::llround(number)));
}

std::string percent(double share) {
  return fixed(share * 100, 1) + " %";
}

double in_ms(std::chrono::nanoseconds duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

std::string format_number(double number) {
  char digits[400];
  return {digits, std::to_chars(digits, digits + sizeof digits, number, std::chars_format::fixed).ptr};
}

std::string to_right(std::string const& text, std::size_t width) {
  return text.size() >= width ? text : std::string(width - text.size(), ' ') + text;
}

std::string to_left(std::string const& text, std::size_t width) {
  return text.size() >= width ? text : text + std::string(width - text.size(), ' ');
}

}  // namespace holdfast::client::load
