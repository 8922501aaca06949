#pragma once

#include <string>
#include <string_view>

#include "client/load/random.hpp"
#include "protocol/error.hpp"

namespace holdfast::client::load {

/// The distribution of a quantity over requests. The owner defines the unit.
struct distribution {
  enum class shape { constant, uniform, exponential };

  shape of = shape::constant;
  double least = 0;  ///< constant: the value; exponential: 0
  double most = 0;   ///< constant: the value; exponential: the mean

  [[nodiscard]] static distribution constant(double value) { return {shape::constant, value, value}; }

  [[nodiscard]] double draw(random_numbers& random) const;
  /// A practical upper bound: the maximum; for exponential, the value exceeded by one draw in 100,000.
  [[nodiscard]] double high() const;

  bool operator==(distribution const&) const = default;
};

/// Parses a hold into nanoseconds: `5ms`, `uniform:1ms..5ms`, `exp:5ms` (exponential with this mean).
[[nodiscard]] protocol::result<distribution> parse_hold(std::string_view text);
[[nodiscard]] std::string format_hold(distribution const& hold);

/// Parses a size in bytes: `64`, `uniform:64..4096` or just `64..4096`, `exp:256`; each from value_bytes_min to
/// value_bytes_max. Exponential draws are clamped to this range.
[[nodiscard]] protocol::result<distribution> parse_value_size(std::string_view text);
[[nodiscard]] std::string format_value_size(distribution const& size);

/// The smallest value: quotes, 8 digits for the key's number and 16 for the value's own.
constexpr unsigned value_bytes_min = 26;
constexpr unsigned value_bytes_max = 1U << 20;

}  // namespace holdfast::client::load
