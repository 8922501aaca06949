#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/load/random.hpp"
#include "protocol/error.hpp"

namespace holdfast::client::load {

/// A stage of an open loop: the rate changes linearly from `rate_begin` to `rate_end`, in requests per second.
struct stage {
  std::chrono::nanoseconds duration{0};
  double rate_begin = 0;
  double rate_end = 0;

  bool operator==(stage const&) const = default;
};

enum class arrivals {
  constant,  ///< evenly spaced
  poisson,   ///< independent, like the requests of many users: the intervals are exponentially distributed
};

[[nodiscard]] std::string_view name_of(arrivals kind) noexcept;

/// Parses `5000/s`, `0.5/s`, `300/m`. @return requests per second, above 0 and at most 10,000,000.
[[nodiscard]] protocol::result<double> parse_rate(std::string_view text);
[[nodiscard]] std::string format_rate(double per_second);

/// Parses `10s@1000/s`, or a ramp: `10s@1000/s..5000/s`.
[[nodiscard]] protocol::result<stage> parse_stage(std::string_view text);
[[nodiscard]] std::string format_stage(stage const& stage);

[[nodiscard]] std::chrono::nanoseconds length_of(std::vector<stage> const& stages);

/// Determines when the requests of an open loop start, regardless of earlier requests. Has no clock: times are offsets
/// from the start. The threads of a run share its requests: constant ones in turn; independent Poisson processes,
/// because their sum is one.
class schedule {
 public:
  schedule(std::vector<stage> stages, load::arrivals arrivals, std::uint32_t thread, std::uint32_t threads,
           std::uint64_t seed);

  /// The start of this thread's next request, not before the previous one; nullopt after the last stage.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> next();

 private:
  std::vector<stage> stages_;
  load::arrivals arrivals_;
  double threads_;
  random_numbers random_;
  // Requests are generated at rate 1 and mapped to time by the rates: with Λ(t) requests due until t, the n-th starts
  // at Λ⁻¹(n) (time rescaling: the intervals of a Poisson process are exponential in Λ for any rate function).
  double count_;             ///< Λ of the next request
  std::size_t at_ = 0;       ///< the stage that may contain it
  double count_before_ = 0;  ///< Λ at the start of that stage
  std::chrono::nanoseconds time_before_{0};
};

}  // namespace holdfast::client::load
