#include "client/load/measurements.hpp"

#include <numeric>

namespace holdfast::client::load {
namespace {

/// The server rounds every duration to microseconds.
constexpr auto rounding = std::chrono::microseconds(1);

}  // namespace

series& measurements::series_of(sample const& sample) {
  for (auto& one : series_) {
    if (one.operation == sample.operation && one.status == sample.status && one.expected == sample.expected) return one;
  }
  return series_.emplace_back(series{sample.operation, sample.status, sample.expected, {}, {}});
}

series& measurements::record(sample const& sample) {
  auto& like = series_of(sample);
  like.latency.record(sample.latency);
  if (sample.expected) record_split(sample);
  return like;
}

void measurements::record_split(sample const& sample) {
  auto const before = sample.before_sending.value_or(nanoseconds(0));
  auto const service = sample.latency - before;
  if (sample.before_sending) since_sent_.record(service);
  if (!sample.timing) {
    ++without_timing_;
    return;
  }
  auto const disk = sample.timing->disk.value_or(nanoseconds(0));
  auto const rest = service - sample.timing->wait - sample.timing->hold - disk;
  if (rest < -rounding) {
    ++implausible_timing_;
    return;
  }
  if (sample.before_sending) before_sending_.record(before);
  wait_.record(sample.timing->wait);
  hold_.record(sample.timing->hold);
  disk_.record(disk);
  rest_.record(rest);
}

void measurements::merge(measurements const& other) {
  for (auto const& theirs : other.series_) {
    sample const like{.operation = theirs.operation,
                      .status = theirs.status,
                      .expected = theirs.expected,
                      .latency = {},
                      .timing = {}};
    auto& ours = series_of(like);
    ours.latency.merge(theirs.latency);
    if (ours.reason.empty()) ours.reason = theirs.reason;
  }
  before_sending_.merge(other.before_sending_);
  wait_.merge(other.wait_);
  hold_.merge(other.hold_);
  disk_.merge(other.disk_);
  rest_.merge(other.rest_);
  since_sent_.merge(other.since_sent_);
  late_.merge(other.late_);
  queued_ += other.queued_;
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

nanoseconds measurements::split_sum() const {
  return before_sending_.sum() + wait_.sum() + hold_.sum() + disk_.sum() + rest_.sum();
}

std::uint64_t measurements::success_count() const {
  std::uint64_t count = 0;
  for (auto const& one : series_) count += one.expected ? one.latency.count() : 0;
  return count;
}

std::uint64_t measurements::answer_count() const {
  std::uint64_t count = 0;
  for (auto const& one : series_) count += one.latency.count();
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
