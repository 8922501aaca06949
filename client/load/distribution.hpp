#pragma once

#include <string>
#include <string_view>

#include "client/load/random.hpp"
#include "protocol/error.hpp"

namespace holdfast::client::load {

/// How a quantity varies from request to request. The unit is the owner's.
struct distribution {
  enum class shape { constant, uniform, exponential };

  shape of = shape::constant;
  double least = 0;  ///< of constant: the value; of exponential: 0
  double most = 0;   ///< of constant: the value; of exponential: the mean

  [[nodiscard]] static distribution constant(double value) { return {shape::constant, value, value}; }

  [[nodiscard]] double draw(random_numbers& random) const;
  /// What hardly any draw exceeds: the bound, of exponential the value that one draw in 100,000 is above.
  [[nodiscard]] double high() const;

  bool operator==(distribution const&) const = default;
};

/// Reads a hold, in nanoseconds: `5ms`, `uniform:1ms..5ms`, `exp:5ms` (exponential, by its mean).
[[nodiscard]] protocol::result<distribution> parse_hold(std::string_view text);
[[nodiscard]] std::string format_hold(distribution const& hold);

/// Reads a size in bytes: `64`, `uniform:64..4096` or just `64..4096`, `exp:256`; each within value_bytes_min to
/// value_bytes_max, into which exponential draws are clamped.
[[nodiscard]] protocol::result<distribution> parse_value_size(std::string_view text);
[[nodiscard]] std::string format_value_size(distribution const& size);

/// The least a value can have: quotes, 8 digits of the key's number and 16 of the value's own.
constexpr unsigned value_bytes_min = 26;
constexpr unsigned value_bytes_max = 1U << 20;

}  // namespace holdfast::client::load
