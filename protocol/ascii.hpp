#pragma once

#include <algorithm>
#include <string_view>

namespace holdfast::protocol {

/// Whether two texts are equal but for the case of ASCII letters, as HTTP compares field values and schemes.
[[nodiscard]] inline bool equals_ignoring_case(std::string_view a, std::string_view b) {
  auto const lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace holdfast::protocol
