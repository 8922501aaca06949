#include "client/load/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "client/load/random.hpp"

namespace holdfast::client::load {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

nanoseconds exact_quantile(std::vector<nanoseconds> values, double share) {
  std::ranges::sort(values);
  auto const rank = std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(share * double(values.size()))));
  return values[rank - 1];
}

void expect_close_to_exact(std::vector<nanoseconds> const& values) {
  histogram counted;
  for (auto const value : values) counted.record(value);
  for (auto const share : {0.0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
    auto const exact = exact_quantile(values, share);
    auto const told = counted.quantile(share);
    EXPECT_GE(told, exact) << share;  // never flatters
    EXPECT_LE(double(told.count()), double(exact.count()) * (1 + 1.0 / 128)) << share;
  }
}

TEST(histogram, is_empty_at_first) {
  histogram const empty;
  EXPECT_EQ(empty.count(), 0U);
  EXPECT_EQ(empty.quantile(0.99), 0ns);
  EXPECT_EQ(empty.min(), 0ns);
  EXPECT_EQ(empty.max(), 0ns);
  EXPECT_EQ(empty.mean(), 0ns);
  EXPECT_TRUE(empty.buckets().empty());
}

TEST(histogram, is_within_one_percent_of_exact_quantiles_of_a_uniform_sample) {
  random_numbers random(1);
  std::vector<nanoseconds> values;
  for (int i = 0; i < 100'000; ++i) values.emplace_back(random.below(1'000'000'000));
  expect_close_to_exact(values);
}

TEST(histogram, is_within_one_percent_of_exact_quantiles_over_all_magnitudes) {
  random_numbers random(2);
  std::vector<nanoseconds> values;
  for (int i = 0; i < 100'000; ++i) values.emplace_back(std::int64_t(std::exp2(random.share() * 46)));
  expect_close_to_exact(values);
}

TEST(histogram, is_exact_below_256_ns) {
  for (std::int64_t ns = 0; ns < 256; ++ns) {
    histogram one;
    one.record(nanoseconds(ns));
    one.record(1s);
    EXPECT_EQ(one.quantile(0.5), nanoseconds(ns));
  }
}

TEST(histogram, has_no_gap_and_no_overlap_at_the_edges_of_its_buckets) {
  for (int shift = 0; shift < 46; ++shift) {
    auto const edge = nanoseconds(std::int64_t(1) << shift);
    histogram counted;
    counted.record(edge - 1ns);
    counted.record(edge);
    EXPECT_EQ(counted.quantile(0.5), edge - 1ns) << shift;
    EXPECT_EQ(counted.quantile(1), edge) << shift;
  }
}

TEST(histogram, keeps_minimum_maximum_sum_and_mean_exact) {
  histogram counted;
  counted.record(1'000'001ns);
  counted.record(3'000'004ns, 3);
  EXPECT_EQ(counted.count(), 4U);
  EXPECT_EQ(counted.min(), 1'000'001ns);
  EXPECT_EQ(counted.max(), 3'000'004ns);
  EXPECT_EQ(counted.sum(), 10'000'013ns);
  EXPECT_EQ(counted.mean(), 2'500'003ns);
  EXPECT_EQ(counted.quantile(1), counted.max());
}

TEST(histogram, counts_what_is_out_of_range_at_its_ends) {
  histogram counted;
  counted.record(-5ns);
  counted.record(std::chrono::hours(1000));
  EXPECT_EQ(counted.min(), 0ns);
  EXPECT_EQ(counted.max(), std::chrono::hours(24));
  EXPECT_EQ(counted.quantile(1), std::chrono::hours(24));
}

TEST(histogram, merged_is_the_same_as_counted_together) {
  random_numbers random(3);
  histogram left, right, together;
  for (int i = 0; i < 1000; ++i) {
    nanoseconds const value(random.below(1'000'000));
    (i % 3 == 0 ? left : right).record(value);
    together.record(value);
  }
  left.merge(right);
  left.merge(histogram());
  EXPECT_EQ(left.count(), together.count());
  EXPECT_EQ(left.min(), together.min());
  EXPECT_EQ(left.max(), together.max());
  EXPECT_EQ(left.sum(), together.sum());
  for (auto const share : {0.1, 0.5, 0.99}) EXPECT_EQ(left.quantile(share), together.quantile(share));
  histogram into_empty;
  into_empty.merge(together);
  EXPECT_EQ(into_empty.min(), together.min());
}

TEST(histogram, tells_how_many_were_above) {
  histogram counted;
  for (int ms = 1; ms <= 1000; ++ms) counted.record(std::chrono::milliseconds(ms));
  EXPECT_NEAR(double(counted.count_above(500ms)), 500, 4);
  EXPECT_EQ(counted.count_above(1s), 0U);
  EXPECT_EQ(counted.count_above(0ns), 1000U);
}

TEST(histogram, lists_its_buckets_by_rising_value) {
  histogram counted;
  counted.record(100ns, 2);
  counted.record(1ms);
  auto const buckets = counted.buckets();
  ASSERT_EQ(buckets.size(), 2U);
  EXPECT_EQ(buckets[0].upper, 100ns);
  EXPECT_EQ(buckets[0].count, 2U);
  EXPECT_EQ(buckets[1].upper, 1ms);
}

TEST(histogram, draws_a_percentile_curve_from_minimum_to_maximum) {
  histogram counted;
  for (int ms = 1; ms <= 1000; ++ms) counted.record(std::chrono::milliseconds(ms));
  auto const curve = counted.percentile_curve();
  EXPECT_EQ(curve.front().share, 0);
  EXPECT_EQ(curve.front().value, 1ms);
  EXPECT_EQ(curve.back().share, 1);
  EXPECT_EQ(curve.back().value, 1s);
  EXPECT_GT(curve[curve.size() - 2].share, 0.998);
  EXPECT_TRUE(std::ranges::is_sorted(curve, {}, &histogram::curve_point::share));
  for (std::size_t i = 1; i < curve.size(); ++i) EXPECT_EQ(curve[i].value, counted.quantile(curve[i].share)) << i;
  EXPECT_TRUE(histogram().percentile_curve().empty());
}

TEST(histogram, draws_the_curve_of_a_single_value) {
  histogram counted;
  counted.record(5ms);
  for (auto const& point : counted.percentile_curve()) EXPECT_EQ(point.value, 5ms);
}

TEST(histogram, can_be_used_again_after_clear) {
  histogram counted;
  counted.record(5ms);
  counted.clear();
  EXPECT_EQ(counted.count(), 0U);
  counted.record(7ns);
  EXPECT_EQ(counted.min(), 7ns);
  EXPECT_EQ(counted.max(), 7ns);
}

}  // namespace
}  // namespace holdfast::client::load
