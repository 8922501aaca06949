#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace holdfast::client::compare {

/// Whether two samples differ, and by how much, without assuming how their values are distributed. That suits 4 to 100
/// runs of a load test, whose latencies are skewed and have outliers by nature.
///
/// The test is Mann and Whitney's (1947): it asks how often a value of one sample is above one of the other. Its p is
/// exact: of all ways to deal the pooled values to the two samples, the share that comes out at least as one-sided as
/// what was seen. Equal values share their mean rank, and the distribution is that of these very ranks.

constexpr std::size_t sample_size_max = 100;

/// The two-sided p of the exact test. Neither sample is empty or larger than sample_size_max.
[[nodiscard]] double rank_test_p(std::span<double const> before, std::span<double const> after);

/// The least p that samples of these sizes can come to: that of two samples which do not overlap.
[[nodiscard]] double least_p(std::size_t before_size, std::size_t after_size);

/// A shift with its interval.
struct shift {
  double estimate = 0;
  double low = 0, high = 0;
};

/// By how much `after` is above `before`, as Hodges and Lehmann (1963) estimate it: the median of all differences
/// between a value of one and a value of the other. The interval is the exact test turned around (Moses 1965): the
/// shifts that the test would not reject, with at least this confidence. It excludes 0 exactly when the test's p is at
/// most 1 - confidence, ties aside, with which it is wider than it need be.
/// @return nothing when the samples are too small for this confidence.
[[nodiscard]] std::optional<shift> shift_between(std::span<double const> before, std::span<double const> after,
                                                 double confidence);

/// The middle value, or the mean of the two in the middle. `values` is not empty.
[[nodiscard]] double median(std::span<double const> values);

}  // namespace holdfast::client::compare
