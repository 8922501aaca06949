#pragma once

#include <cstdint>

namespace holdfast::client::load {

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014): one addition and one hash per
/// number; any seed is suitable. Satisfies uniform_random_bit_generator.
class random_numbers {
 public:
  using result_type = std::uint64_t;

  explicit random_numbers(std::uint64_t seed) : state_(seed) {}

  static constexpr std::uint64_t min() { return 0; }
  static constexpr std::uint64_t max() { return ~std::uint64_t(0); }

  std::uint64_t operator()() {
    auto mixed = state_ += 0x9E3779B97F4A7C15;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
    return mixed ^ (mixed >> 31);
  }

  /// A number in [0, bound). Multiply and shift (Lemire 2019) without rejection: the bias is below bound / 2^32.
  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(((operator()() >> 32) * std::uint64_t(bound)) >> 32);
  }

  /// A number in [0, 1).
  double share() { return static_cast<double>(operator()() >> 11) * 0x1.0p-53; }

 private:
  std::uint64_t state_;
};

}  // namespace holdfast::client::load
