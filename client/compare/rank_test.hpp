#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace holdfast::client::compare {

/// Tests whether two samples differ, and estimates the difference, without assumptions about the distribution. Suitable
/// for 4 to 100 runs of a load test, whose latencies are skewed and have outliers.
///
/// The test is that of Mann and Whitney (1947), based on how often a value of one sample exceeds one of the other. Its
/// p is exact: among all ways to divide the pooled values into two samples, the share with a result at least as
/// one-sided as the observed one. Equal values get their mean rank, and the distribution is that of these ranks.

constexpr std::size_t sample_size_max = 100;

/// The two-sided p of the exact test. The samples must not be empty or larger than sample_size_max.
[[nodiscard]] double rank_test_p(std::span<double const> before, std::span<double const> after);

/// The smallest possible p for these sample sizes, that of samples that do not overlap.
[[nodiscard]] double least_p(std::size_t before_size, std::size_t after_size);

/// A shift with its confidence interval.
struct shift {
  double estimate = 0;
  double low = 0, high = 0;
};

/// The difference between `after` and `before` as estimated by Hodges and Lehmann (1963): the median of all differences
/// between a value of one and a value of the other. The interval is the inverted exact test (Moses 1965): the shifts
/// that the test would not reject, with at least this confidence. Without ties, it excludes 0 if and only if the test's
/// p is at most 1 - confidence; with ties it is wider than necessary.
/// @return nullopt if the samples are too small for this confidence.
[[nodiscard]] std::optional<shift> shift_between(std::span<double const> before, std::span<double const> after,
                                                 double confidence);

/// The middle value, or the mean of the two middle values. `values` must not be empty.
[[nodiscard]] double median(std::span<double const> values);

}  // namespace holdfast::client::compare
