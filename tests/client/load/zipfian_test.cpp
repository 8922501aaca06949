#include "client/load/zipfian.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace holdfast::client::load {
namespace {

/// Pearson's statistic of `draws` draws against the law itself.
double chi_square(std::uint64_t items, double theta, int draws) {
  random_numbers random(1);
  zipfian const drawn(items, theta);
  std::vector<double> counts(items);
  for (int i = 0; i < draws; ++i) ++counts.at(drawn(random));
  double zeta = 0;
  for (std::uint64_t rank = 0; rank < items; ++rank) zeta += std::pow(rank + 1, -theta);
  double sum = 0;
  for (std::uint64_t rank = 0; rank < items; ++rank) {
    auto const expected = draws * std::pow(rank + 1, -theta) / zeta;
    sum += std::pow(counts[rank] - expected, 2) / expected;
  }
  return sum;
}

TEST(zipfian, follows_its_law_below_at_and_above_a_theta_of_one) {
  // 99 degrees of freedom: above 149 in one of 1,000 samples of the law; the seed is fixed.
  for (auto const theta : {0.2, 0.5, 0.99, 1.0, 1.2, 1.8}) EXPECT_LT(chi_square(100, theta, 1'000'000), 149) << theta;
}

TEST(zipfian, follows_its_law_over_a_few_items) {
  EXPECT_EQ(chi_square(1, 0.99, 1000), 0);
  EXPECT_LT(chi_square(2, 0.99, 1'000'000), 10.8);  // 1 degree of freedom, one of 1,000
  EXPECT_LT(chi_square(3, 0.99, 1'000'000), 13.8);
}

TEST(zipfian, gives_the_first_of_ten_million_its_share) {
  // 1 / zeta(10^7, 0.99), by the Euler-Maclaurin sum.
  constexpr double items = 1e7;
  constexpr double theta = 0.99;
  double head = 0;
  for (int rank = 1; rank < 1000; ++rank) head += std::pow(rank, -theta);
  auto const tail = (std::pow(items, 1 - theta) - std::pow(1000.0, 1 - theta)) / (1 - theta) +
                    (std::pow(1000.0, -theta) + std::pow(items, -theta)) / 2;
  auto const share = 1 / (head + tail);
  random_numbers random(1);
  zipfian const drawn(10'000'000, theta);
  constexpr int draws = 1'000'000;
  int first = 0;
  for (int i = 0; i < draws; ++i) first += drawn(random) == 0;
  EXPECT_NEAR(first, draws * share, 4 * std::sqrt(draws * share));
}

TEST(zipfian, is_after_a_resize_what_it_would_have_been_from_the_start) {
  zipfian grown(10, 0.99);
  grown.resize(1000);
  zipfian const fresh(1000, 0.99);
  random_numbers one(7), other(7);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(grown(one), fresh(other));
}

}  // namespace
}  // namespace holdfast::client::load
