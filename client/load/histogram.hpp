#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace holdfast::client::load {

/// Counts durations in log-linear buckets: 128 equal ones between each power of two and the next, so that a bucket is
/// never wider than 1/128 (0.8 %) of the values in it, from 1 ns to 24 h in fixed memory of 42 KiB. The layout is that
/// of HdrHistogram (Gil Tene, hdrhistogram.org). Minimum, maximum and mean are exact. Not thread-safe: each thread
/// fills its own and they are merged.
class histogram {
 public:
  using nanoseconds = std::chrono::nanoseconds;

  histogram();

  /// Counts `value`; below 0 counts as 0, beyond 24 h as 24 h.
  void record(nanoseconds value, std::uint64_t times = 1);
  void merge(histogram const& other);
  void clear();

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] nanoseconds min() const { return nanoseconds(count_ == 0 ? 0 : min_); }
  [[nodiscard]] nanoseconds max() const { return nanoseconds(max_); }
  /// 0 when nothing was counted.
  [[nodiscard]] nanoseconds mean() const;
  /// The exact sum of what was counted.
  [[nodiscard]] nanoseconds sum() const { return nanoseconds(sum_); }

  /// The smallest value that at least `share` (0 to 1) of all are not above, rounded up to the end of its bucket, so
  /// that it never flatters. 0 when nothing was counted.
  [[nodiscard]] nanoseconds quantile(double share) const;
  /// How many values lie above `value`, exact to the width of its bucket.
  [[nodiscard]] std::uint64_t count_above(nanoseconds value) const;

  /// A bucket that is not empty.
  struct bucket {
    nanoseconds upper;  ///< the greatest value it holds
    std::uint64_t count;
  };
  /// All of them, by rising value.
  [[nodiscard]] std::vector<bucket> buckets() const;

  /// A point of the percentile curve: `share` (0 to 1) of all values are not above `value`.
  struct curve_point {
    double share;
    nanoseconds value;
  };
  /// The curve in steps that halve with what is left above, eight to a halving, as HdrHistogram's percentile iteration
  /// has them: from 0 to the maximum at 1, by rising share. Empty when nothing was counted.
  [[nodiscard]] std::vector<curve_point> percentile_curve() const;

  /// The counts of all buckets, the empty ones too: HdrHistogram's array for two significant digits from 1 to 24 h.
  [[nodiscard]] std::span<std::uint64_t const> counts() const { return counts_; }
  static constexpr int significant_digits = 2;
  static constexpr nanoseconds highest = std::chrono::hours(24);

 private:
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::int64_t min_ = 0;
  std::int64_t max_ = 0;
  std::int64_t sum_ = 0;
};

}  // namespace holdfast::client::load
