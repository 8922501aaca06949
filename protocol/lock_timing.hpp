#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast::protocol {

/// How long one operation waited for the lock, how long it held it, and what it waited for afterwards.
struct lock_timing {
  std::chrono::nanoseconds wait{0};
  std::chrono::nanoseconds hold{0};
  /// Its place in the queue when it asked: 1 is granted next, 0 found the lock free. Empty where nobody counted.
  std::optional<std::uint32_t> position = std::nullopt;
  /// How long the answer was withheld until what it tells was durable. Only read: the server fills it in elsewhere.
  std::optional<std::chrono::nanoseconds> disk = std::nullopt;
};

/// Writes the value of a Server-Timing field (W3C Server Timing): `wait;dur=0.012;desc="position 3",
/// hold;dur=1000.104`, in milliseconds, rounded to microseconds; at most server_timing_bytes_max. Neither may be
/// negative.
/// @return behind its last byte.
[[nodiscard]] char* write_server_timing(char* to, lock_timing const& timing);
constexpr std::size_t server_timing_bytes_max = 96;

/// Reads `wait`, `hold` and `disk` out of a Server-Timing value, the first of each; other metrics and parameters are
/// skipped. The position is not read.
/// @return nothing unless wait and hold are there with a duration.
[[nodiscard]] std::optional<lock_timing> parse_server_timing(std::string_view value);

}  // namespace holdfast::protocol
