#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast::protocol {

/// How long one operation waited for the lock, how long it held the lock, and how long its answer waited afterwards.
struct lock_timing {
  std::chrono::nanoseconds wait{0};
  std::chrono::nanoseconds hold{0};
  /// Position in the queue on arrival: 1 is granted next, 0 means that the lock was free. Nullopt if not counted.
  std::optional<std::uint32_t> position = std::nullopt;
  /// How long the answer was delayed until its result was durable. For parsing only: the server writes it elsewhere.
  std::optional<std::chrono::nanoseconds> disk = std::nullopt;
};

/// Writes the value of a Server-Timing field (W3C Server Timing): `wait;dur=0.012;desc="position 3",
/// hold;dur=1000.104`, in milliseconds, rounded to microseconds; at most server_timing_bytes_max bytes. Durations must
/// not be negative.
/// @return the end of the written text.
[[nodiscard]] char* write_server_timing(char* to, lock_timing const& timing);
constexpr std::size_t server_timing_bytes_max = 96;

/// Parses the first `wait`, `hold` and `disk` of a Server-Timing value; ignores other metrics and parameters, including
/// the position.
/// @return nullopt unless wait and hold are present with a duration.
[[nodiscard]] std::optional<lock_timing> parse_server_timing(std::string_view value);

}  // namespace holdfast::protocol
