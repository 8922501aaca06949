#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace holdfast::client::load {

/// A histogram of durations with log-linear buckets: 128 equal ones per power of two, so that a bucket is never wider
/// than 1/128 (0.8 %) of its values; from 1 ns to 24 h in a fixed 42 KiB. The layout is that of HdrHistogram (Gil Tene,
/// hdrhistogram.org). Minimum, maximum and mean are exact. Not thread-safe: each thread fills its own, and they are
/// merged.
class histogram {
 public:
  using nanoseconds = std::chrono::nanoseconds;

  histogram();

  /// Counts `value`, clamped to 0 to 24 h.
  void record(nanoseconds value, std::uint64_t times = 1);
  void merge(histogram const& other);
  void clear();

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] nanoseconds min() const { return nanoseconds(count_ == 0 ? 0 : min_); }
  [[nodiscard]] nanoseconds max() const { return nanoseconds(max_); }
  /// 0 if empty.
  [[nodiscard]] nanoseconds mean() const;
  /// The exact sum of all values.
  [[nodiscard]] nanoseconds sum() const { return nanoseconds(sum_); }

  /// The smallest value that is not exceeded by at least `share` (0 to 1) of all values, rounded up to the end of its
  /// bucket, so that it is never too small. 0 if empty.
  [[nodiscard]] nanoseconds quantile(double share) const;
  /// The number of values above `value`, exact to the width of its bucket.
  [[nodiscard]] std::uint64_t count_above(nanoseconds value) const;

  /// A non-empty bucket.
  struct bucket {
    nanoseconds upper;  ///< the greatest value of the bucket
    std::uint64_t count;
  };
  /// All non-empty buckets in ascending order.
  [[nodiscard]] std::vector<bucket> buckets() const;

  /// A point of the percentile curve: `share` (0 to 1) of all values do not exceed `value`.
  struct curve_point {
    double share;
    nanoseconds value;
  };
  /// The percentile curve from 0 to the maximum at 1, in ascending order. As in HdrHistogram's percentile iteration,
  /// the steps halve with the remaining share, with eight steps per halving. Empty if there are no values.
  [[nodiscard]] std::vector<curve_point> percentile_curve() const;

  /// The counts of all buckets, including empty ones: HdrHistogram's array for two significant digits from 1 to 24 h.
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
