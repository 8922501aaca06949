#include "client/compare/rank_test.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace holdfast::client::compare {
namespace {

using sample = std::vector<double>;

/// By its definition: deals the pooled values in all ways and counts those whose share of pairs is as one-sided.
double p_by_enumeration(sample const& before, sample const& after) {
  sample pooled = before;
  pooled.insert(pooled.end(), after.begin(), after.end());
  auto const one_sidedness = [&](std::vector<bool> const& is_after) {
    double above = 0;
    for (std::size_t i = 0; i < pooled.size(); ++i) {
      for (std::size_t j = 0; j < pooled.size(); ++j) {
        if (!is_after[i] || is_after[j]) continue;
        above += pooled[i] > pooled[j] ? 1 : pooled[i] == pooled[j] ? 0.5 : 0;
      }
    }
    return std::abs(above - static_cast<double>(before.size() * after.size()) / 2);
  };
  std::vector<bool> dealt(pooled.size());
  std::fill(dealt.begin() + static_cast<std::ptrdiff_t>(before.size()), dealt.end(), true);
  auto const seen = one_sidedness(dealt);
  std::sort(dealt.begin(), dealt.end());
  double as_far = 0, all = 0;
  do {
    all += 1;
    as_far += one_sidedness(dealt) >= seen;
  } while (std::next_permutation(dealt.begin(), dealt.end()));
  return as_far / all;
}

TEST(rank_test, has_the_p_that_dealing_the_values_in_all_ways_has) {
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    // Few distinct values in every other round: ties.
    std::uniform_int_distribution<int> value(0, round % 2 == 0 ? 1'000'000 : 5);
    std::uniform_int_distribution<std::size_t> size(1, 6);
    sample before(size(random)), after(size(random));
    for (auto* side : {&before, &after}) {
      for (auto& one : *side) one = value(random);
    }
    EXPECT_NEAR(rank_test_p(before, after), p_by_enumeration(before, after), 1e-12) << "round " << round;
  }
}

TEST(rank_test, has_the_p_of_printed_tables) {
  // Critical values of U at 5 %, two-sided: 2 for 5 and 5, 23 for 10 and 10, 127 for 20 and 20 (Mann and Whitney's
  // table, as statistics books print it).
  struct entry {
    std::size_t size, critical;
  };
  for (auto const& [size, critical] : {entry{5, 2}, entry{10, 23}, entry{20, 127}}) {
    // `after` below all of `before`, but for one value that is above `count` of them, so that U is count; and so on.
    auto const p_of = [&](std::size_t u) {
      sample before, after;
      for (std::size_t i = 0; i < size; ++i) before.push_back(static_cast<double>(10 * i));
      for (std::size_t i = 0; i < size; ++i) {
        auto const above = std::min(u, size);
        u -= above;
        after.push_back(static_cast<double>(10 * above) - 5 - static_cast<double>(i) / 100);
      }
      return rank_test_p(before, after);
    };
    EXPECT_LE(p_of(critical), 0.05) << size;
    EXPECT_GT(p_of(critical + 1), 0.05) << size;
  }
}

TEST(rank_test, is_the_least_when_the_samples_do_not_overlap) {
  EXPECT_DOUBLE_EQ(rank_test_p(sample{1, 2, 3, 4, 5}, sample{6, 7, 8, 9, 10}), 2.0 / 252);
  EXPECT_DOUBLE_EQ(least_p(5, 5), 2.0 / 252);
  EXPECT_DOUBLE_EQ(least_p(4, 4), 2.0 / 70);
  EXPECT_DOUBLE_EQ(least_p(1, 1), 1);
}

TEST(rank_test, finds_nothing_in_equal_values) {
  EXPECT_DOUBLE_EQ(rank_test_p(sample(8, 3.0), sample(8, 3.0)), 1);
}

TEST(rank_test, takes_its_largest_samples) {
  sample before(sample_size_max), after(sample_size_max);
  for (std::size_t i = 0; i < sample_size_max; ++i) {
    before[i] = static_cast<double>(i);
    after[i] = static_cast<double>(i) + 0.5;
  }
  auto const p = rank_test_p(before, after);
  EXPECT_GT(p, 0.85);
  EXPECT_LE(p, 1);
  auto const shift = shift_between(before, after, 0.95);
  ASSERT_TRUE(shift);
  EXPECT_NEAR(shift->estimate, 0.5, 1);
}

TEST(shift, is_the_median_of_all_differences) {
  auto const shift = shift_between(sample{1, 2, 3, 4, 5}, sample{11, 12, 13, 14, 20}, 0.95);
  ASSERT_TRUE(shift);
  EXPECT_DOUBLE_EQ(shift->estimate, 10);
  // U of 2 is rejected, so the interval leaves two differences out on each side: 6, 7 and 18, 19.
  EXPECT_DOUBLE_EQ(shift->low, 7);
  EXPECT_DOUBLE_EQ(shift->high, 17);
}

TEST(shift, excludes_zero_exactly_when_the_test_rejects) {
  std::mt19937 random(11);
  std::normal_distribution<double> value(0, 1);
  int rejected = 0;
  for (int round = 0; round < 400; ++round) {
    sample before(5 + static_cast<std::size_t>(round) % 5), after(6);
    for (auto& one : before) one = value(random);
    for (auto& one : after) one = value(random) + 1;
    auto const shift = shift_between(before, after, 0.95);
    ASSERT_TRUE(shift);
    auto const excludes_zero = shift->low > 0 || shift->high < 0;
    EXPECT_EQ(excludes_zero, rank_test_p(before, after) <= 0.05) << "round " << round;
    rejected += excludes_zero;
  }
  EXPECT_GT(rejected, 50);
  EXPECT_LT(rejected, 350);
}

TEST(shift, covers_the_truth_as_often_as_it_says) {
  std::mt19937 random(5);
  std::exponential_distribution<double> value(1);
  int covered = 0;
  constexpr int rounds = 2000;
  for (int round = 0; round < rounds; ++round) {
    sample before(8), after(8);
    for (auto& one : before) one = value(random);
    for (auto& one : after) one = value(random) + 3;
    auto const shift = shift_between(before, after, 0.95);
    ASSERT_TRUE(shift);
    covered += shift->low <= 3 && 3 <= shift->high;
  }
  // Four standard deviations of a binomial count below 95 %.
  EXPECT_GE(covered, 0.95 * rounds - 4 * std::sqrt(rounds * 0.95 * 0.05));
}

TEST(shift, needs_samples_large_enough_for_its_confidence) {
  EXPECT_FALSE(shift_between(sample{1, 2, 3}, sample{4, 5, 6}, 0.95));
  EXPECT_FALSE(shift_between(sample{1}, sample{4}, 0.95));
  EXPECT_TRUE(shift_between(sample{1, 2, 3, 4}, sample{4, 5, 6, 7}, 0.95));
}

}  // namespace
}  // namespace holdfast::client::compare
