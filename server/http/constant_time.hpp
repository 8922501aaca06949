#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace holdfast::server {

/// Compares two texts of equal length in a time that depends only on the length, so that the time reveals nothing about
/// a guessed secret.
[[nodiscard]] inline bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  std::uint64_t difference = 0;
  auto const compare = [&](std::size_t at) {
    std::uint64_t of_a = 0, of_b = 0;
    std::memcpy(&of_a, a.data() + at, sizeof of_a);
    std::memcpy(&of_b, b.data() + at, sizeof of_b);
    difference |= of_a ^ of_b;
    __asm__ volatile("" : "+r"(difference));  // keeps the compiler from ending the loop early
  };
  if (a.size() >= sizeof difference) {
    for (std::size_t at = 0; at + sizeof difference < a.size(); at += sizeof difference) compare(at);
    compare(a.size() - sizeof difference);  // which may overlap
  } else {
    for (std::size_t at = 0; at < a.size(); ++at) difference |= static_cast<std::uint8_t>(a[at] ^ b[at]);
  }
  return difference == 0;
}

}  // namespace holdfast::server
