#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/error.hpp"

namespace holdfast::server::json {

/// A canonical text of a JSON number's exact value: `1.0`, `1` and `10e-1` all give "1e0", -0 gives "0". Works for any
/// number of digits and any exponent; time and space are linear in the text.
[[nodiscard]] std::string exact_number(std::string_view number);

enum class integer_state { exact, not_an_integer, too_large };

struct integer_value {
  integer_state state = integer_state::exact;
  std::int64_t value = 0;
};

/// The exact integer value of a JSON number in any notation: 5, 5.0, 5e0, 50e-1, -0. 1e400 is an integer too, but too
/// large for 64 bits. No floating point is used.
[[nodiscard]] integer_value integer_of(std::string_view number);

/// The largest integer that all clients can represent exactly (RFC 8259 §6): 2^53 - 1.
constexpr std::int64_t safe_integer_max = 9'007'199'254'740'991;

/// The current value for an increment: the integer within ±safe_integer_max in a checked JSON text. As in JSON Schema,
/// 5.0 and 5e0 are integers too, since JSON has one kind of number and many clients write floats.
/// @return errc::not_an_integer for 5.5, "5" and everything that is not a number; errc::out_of_range for larger
/// integers.
[[nodiscard]] protocol::result<std::int64_t> safe_integer_of(std::string_view json);

}  // namespace holdfast::server::json
