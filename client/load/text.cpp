#include "client/load/text.hpp"

#include <algorithm>
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

/// Three significant digits: 1.23, 12.3, 123.
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

std::string wrapped(std::string const& text, std::size_t columns) {
  constexpr std::size_t columns_min = 20;
  columns = std::max(columns, columns_min);
  std::string out;
  bool in_command = false;
  for (std::size_t at = 0; at < text.size();) {
    auto const end = std::min(text.find('\n', at), text.size());
    auto line = text.substr(at, end - at);
    at = end + 1;
    in_command = in_command || line.starts_with("  again ");
    auto const goes_on = line.ends_with('\\');
    auto const is_drawing = line.starts_with("  connection ") || line.find(" |-") != line.npos;
    std::string_view const mark = in_command ? " \\" : "";
    auto const indent =
        std::min(line.find_first_not_of(' ') == line.npos ? 0 : line.find_first_not_of(' ') + 2, columns / 2);
    while (line.size() > columns && !is_drawing) {
      // Keep a flag and its value on one line.
      auto space = line.rfind(' ', columns - mark.size());
      while (in_command && space != line.npos && space > indent && line.compare(space, 3, " --") != 0)
        space = line.rfind(' ', space - 1);
      if (space == line.npos || space <= indent) break;
      (out += line.substr(0, space)) += mark;
      out += '\n';
      line = std::string(indent, ' ') + line.substr(line.find_first_not_of(' ', space));
    }
    out += line + '\n';
    in_command = in_command && goes_on;
  }
  return out;
}

std::string to_right(std::string const& text, std::size_t width) {
  return text.size() >= width ? text : std::string(width - text.size(), ' ') + text;
}

std::string to_left(std::string const& text, std::size_t width) {
  return text.size() >= width ? text : text + std::string(width - text.size(), ' ');
}

}  // namespace holdfast::client::load
