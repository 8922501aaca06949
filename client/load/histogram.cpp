#include "client/load/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace holdfast::client::load {
namespace {

constexpr int linear_bits = 7;
constexpr std::int64_t linear_buckets = std::int64_t(1) << linear_bits;
constexpr std::int64_t value_max = histogram::highest.count();

/// Values below 128 have a bucket each; above, the leading one bit selects the octave, and the next 7 bits the bucket.
constexpr std::size_t index_of(std::int64_t value) {
  auto const bits = static_cast<std::uint64_t>(value);
  if (value < linear_buckets) return bits;
  auto const shift = std::bit_width(bits) - 1 - linear_bits;
  return (static_cast<std::size_t>(shift) << linear_bits) + (bits >> shift);
}

constexpr std::int64_t upper_of(std::size_t index) {
  if (index < 2 * linear_buckets) return static_cast<std::int64_t>(index);
  auto const shift = (index >> linear_bits) - 1;
  auto const lead = (index & (linear_buckets - 1)) + linear_buckets;
  return static_cast<std::int64_t>(((lead + 1) << shift) - 1);
}

constexpr std::size_t bucket_count = index_of(value_max) + 1;
static_assert(upper_of(index_of(127)) == 127 && upper_of(index_of(128)) == 128 && upper_of(index_of(256)) == 257);

}  // namespace

histogram::histogram() : counts_(bucket_count) {}

void histogram::record(nanoseconds value, std::uint64_t times) {
  auto const ns = std::clamp<std::int64_t>(value.count(), 0, value_max);
  counts_[index_of(ns)] += times;
  min_ = count_ == 0 ? ns : std::min(min_, ns);
  max_ = std::max(max_, ns);
  sum_ += ns * static_cast<std::int64_t>(times);
  count_ += times;
}

void histogram::merge(histogram const& other) {
  if (other.count_ == 0) return;
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
  count_ += other.count_;
}

void histogram::clear() {
  std::ranges::fill(counts_, 0);
  count_ = 0;
  min_ = max_ = sum_ = 0;
}

histogram::nanoseconds histogram::mean() const {
  return nanoseconds(count_ == 0 ? 0 : sum_ / static_cast<std::int64_t>(count_));
}

histogram::nanoseconds histogram::quantile(double share) const {
  if (count_ == 0) return nanoseconds(0);
  auto const exact = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count_));
  auto const rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(exact), 1, count_);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    below += counts_[i];
    if (below >= rank) return nanoseconds(std::min(upper_of(i), max_));
  }
  return max();
}

std::vector<histogram::curve_point> histogram::percentile_curve() const {
  constexpr int steps_per_halving = 8;
  std::vector<curve_point> curve;
  if (count_ == 0) return curve;
  // Beyond the last value, the curve would only repeat the maximum.
  for (double above = 1; above * static_cast<double>(count_) >= 1; above /= 2) {
    for (int step = 0; step < steps_per_halving; ++step) {
      auto const share = 1 - above * (1 - step / (2.0 * steps_per_halving));
      curve.push_back({share, share == 0 ? min() : quantile(share)});
    }
  }
  curve.push_back({1, max()});
  return curve;
}

std::uint64_t histogram::count_above(nanoseconds value) const {
  auto const from = index_of(std::clamp<std::int64_t>(value.count(), 0, value_max)) + 1;
  std::uint64_t above = 0;
  for (auto i = from; i < counts_.size(); ++i) above += counts_[i];
  return above;
}

std::vector<histogram::bucket> histogram::buckets() const {
  std::vector<bucket> filled;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] != 0) filled.push_back({nanoseconds(std::min(upper_of(i), max_)), counts_[i]});
  }
  return filled;
}

}  // namespace holdfast::client::load
