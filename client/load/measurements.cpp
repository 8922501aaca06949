#include "client/load/measurements.hpp"

#include <numeric>

namespace holdfast::client::load {
namespace {

/// The server rounds each of its two durations to microseconds.
constexpr auto rounding = std::chrono::microseconds(1);

}  // namespace

series& measurements::series_of(sample const& sample) {
  for (auto& one : series_) {
    if (one.operation == sample.operation && one.status == sample.status && one.expected == sample.expected) return one;
  }
  return series_.emplace_back(series{sample.operation, sample.status, sample.expected, {}});
}

void measurements::record(sample const& sample) {
  series_of(sample).latency.record(sample.latency);
  if (!sample.expected) return;
  if (!sample.timing) {
    ++without_timing_;
    return;
  }
  auto const rest = sample.latency - sample.timing->wait - sample.timing->hold;
  if (rest < -rounding) {
    ++implausible_timing_;
    return;
  }
  wait_.record(sample.timing->wait);
  hold_.record(sample.timing->hold);
  rest_.record(rest);
}

void measurements::merge(measurements const& other) {
  for (auto const& theirs : other.series_) {
    sample const like{.operation = theirs.operation,
                      .status = theirs.status,
                      .expected = theirs.expected,
                      .latency = {},
                      .timing = {}};
    series_of(like).latency.merge(theirs.latency);
  }
  wait_.merge(other.wait_);
  hold_.merge(other.hold_);
  rest_.merge(other.rest_);
  without_timing_ += other.without_timing_;
  implausible_timing_ += other.implausible_timing_;
  for (std::size_t i = 0; i < errors_.size(); ++i) errors_[i] += other.errors_[i];
  reconnects_ += other.reconnects_;
}

histogram measurements::successes(std::optional<operation_kind> operation) const {
  histogram merged;
  for (auto const& one : series_) {
    if (one.expected && (!operation || one.operation == *operation)) merged.merge(one.latency);
  }
  return merged;
}

std::uint64_t measurements::success_count() const {
  std::uint64_t count = 0;
  for (auto const& one : series_) count += one.expected ? one.latency.count() : 0;
  return count;
}

std::uint64_t measurements::errors(error_kind kind) const {
  auto count = errors_[static_cast<std::size_t>(kind)];
  if (kind == error_kind::status) {
    for (auto const& one : series_) count += one.expected ? 0 : one.latency.count();
  }
  return count;
}

std::uint64_t measurements::error_count() const {
  auto count = std::accumulate(errors_.begin(), errors_.end(), std::uint64_t(0));
  for (auto const& one : series_) count += one.expected ? 0 : one.latency.count();
  return count;
}

}  // namespace holdfast::client::load
