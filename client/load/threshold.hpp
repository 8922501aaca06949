#pragma once

#include <string>
#include <string_view>

#include "protocol/error.hpp"

namespace holdfast::client::load {

struct load_report;

/// A figure of a run that can be held to a limit.
enum class metric { p50, p90, p99, p99_9, max, mean, throughput, errors };
enum class relation { below, at_most, above, at_least, equal };

/// What a run is held to: `p99<5ms`, `throughput>=10000/s`, `errors==0`.
struct threshold {
  std::string text;  ///< as it was written
  metric of = metric::p99;
  relation is = relation::below;
  double limit = 0;  ///< in nanoseconds, requests a second or errors
};

/// Reads a metric (p50, p90, p99, p99.9, max, mean, throughput, errors), a relation (<, <=, >, >=, ==) and a limit: a
/// duration, a rate or a count. Spaces may stand between them.
[[nodiscard]] protocol::result<threshold> parse_threshold(std::string_view text);

struct verdict {
  bool held = false;
  std::string measured;  ///< for people: `6.20 ms`, `12,345/s`, `3`
};

/// A figure that was not measured, since nothing was answered, holds to nothing.
[[nodiscard]] verdict judge(threshold const& threshold, load_report const& report);

}  // namespace holdfast::client::load
