#pragma once

#include <string>
#include <string_view>

#include "protocol/error.hpp"

namespace holdfast::client::load {

struct load_report;

/// A figure of a run that can have a limit.
enum class metric { p50, p90, p99, p99_9, max, mean, throughput, errors };
enum class relation { below, at_most, above, at_least, equal };

/// A limit for a run: `p99<5ms`, `throughput>=10000/s`, `errors==0`.
struct threshold {
  std::string text;  ///< as written by the user
  metric of = metric::p99;
  relation is = relation::below;
  double limit = 0;  ///< in nanoseconds, requests per second or errors
};

/// Parses a metric (p50, p90, p99, p99.9, max, mean, throughput, errors), a relation (<, <=, >, >=, ==) and a limit: a
/// duration, a rate or a count. Spaces between them are allowed.
[[nodiscard]] protocol::result<threshold> parse_threshold(std::string_view text);

struct verdict {
  bool held = false;
  std::string measured;  ///< as text: `6.20 ms`, `12,345/s`, `3`
};

/// A figure that was not measured because there were no answers meets no limit.
[[nodiscard]] verdict judge(threshold const& threshold, load_report const& report);

}  // namespace holdfast::client::load
