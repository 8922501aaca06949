#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::protocol {

/// How long one operation waited for the lock and how long it held it.
struct lock_timing {
  std::chrono::nanoseconds wait{0};
  std::chrono::nanoseconds hold{0};
};

/// Appends the value of a Server-Timing field (W3C Server Timing): `wait;dur=0.012, hold;dur=1000.104`, in
/// milliseconds, rounded to microseconds. Neither may be negative.
void append_server_timing(std::string& out, lock_timing const& timing);

/// Reads `wait` and `hold` out of a Server-Timing value, the first of each; other metrics and parameters are skipped.
/// @return nothing unless both are there with a duration.
[[nodiscard]] std::optional<lock_timing> parse_server_timing(std::string_view value);

}  // namespace holdfast::protocol
