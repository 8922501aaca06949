#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <random>
#include <string_view>
#include <vector>

namespace holdfast::fuzz {

/// How long the pieces are in which bytes arrive.
using next_size = std::function<std::size_t()>;

[[nodiscard]] inline next_size in_one_piece() {
  return [] { return std::size_t(1) << 30; };
}
/// What is longer comes in pieces alone: bytes take the square of their number.
inline constexpr std::size_t byte_by_byte_max = 300;
[[nodiscard]] inline next_size byte_by_byte() {
  return [] { return std::size_t(1); };
}
/// Differently for each input, and the same for the same one.
[[nodiscard]] inline next_size by_chance(std::string_view input) {
  return [random = std::minstd_rand(static_cast<unsigned>(std::hash<std::string_view>()(input) | 1))]() mutable {
    return 1 + static_cast<std::size_t>(random() % 40);
  };
}

/// A copy with nothing behind it, so that a look beyond the end is found.
[[nodiscard]] inline std::vector<char> exact_copy(std::string_view text) {
  std::vector<char> copy(text.begin(), text.end());
  copy.shrink_to_fit();
  return copy;
}
[[nodiscard]] inline std::string_view view(std::vector<char> const& bytes) {
  return {bytes.data(), bytes.size()};
}

}  // namespace holdfast::fuzz
