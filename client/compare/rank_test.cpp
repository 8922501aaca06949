#include "client/compare/rank_test.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace holdfast::client::compare {
namespace {

/// The number of ways in which `chosen` of `ranks` add up to each sum. Stored as doubles, since only ratios are used.
std::vector<double> ways_by_sum(std::span<std::size_t const> ranks, std::size_t chosen) {
  std::size_t sum_max = 0;
  for (auto const rank : ranks) sum_max += rank;
  std::vector<std::vector<double>> ways(chosen + 1, std::vector<double>(sum_max + 1));
  ways[0][0] = 1;
  std::size_t seen = 0, sum_seen = 0;
  for (auto const rank : ranks) {
    ++seen;
    sum_seen += rank;
    for (auto count = std::min(seen, chosen); count > 0; --count) {
      for (auto sum = sum_seen; sum >= rank; --sum) ways[count][sum] += ways[count - 1][sum - rank];
    }
  }
  return std::move(ways[chosen]);
}

/// Twice the rank of each value among all, so that the mean rank of equal values is an integer.
std::vector<std::size_t> doubled_ranks(std::span<double const> values) {
  std::vector<std::size_t> ranks;
  ranks.reserve(values.size());
  for (auto const value : values) {
    auto const below = std::ranges::count_if(values, [&](double other) { return other < value; });
    auto const equal = std::ranges::count(values, value);
    ranks.push_back(static_cast<std::size_t>(2 * below + equal + 1));
  }
  return ranks;
}

double sum_of(std::span<double const> values) {
  double sum = 0;
  for (auto const value : values) sum += value;
  return sum;
}

std::vector<std::size_t> ranks_without_ties(std::size_t count) {
  std::vector<std::size_t> ranks(count);
  for (std::size_t i = 0; i < count; ++i) ranks[i] = i + 1;
  return ranks;
}

/// The position, from 1, of the interval's ends in the sorted differences, counted from either end; nullopt if the
/// samples are too small. It is the smallest number of pairs with after below before that the test would not reject.
std::optional<std::size_t> place_of_ends(std::size_t before_size, std::size_t after_size, double confidence) {
  auto const ways = ways_by_sum(ranks_without_ties(before_size + after_size), after_size);
  auto const tail = sum_of(ways) * (1 - confidence) / 2;
  auto const least_sum = after_size * (after_size + 1) / 2;
  std::size_t count = 0;
  // The tolerance covers the rounding error of the division in `tail`; the counts are integers.
  auto below = ways[least_sum];
  while (below <= tail * (1 + 1e-12)) below += ways[least_sum + ++count];
  if (count == 0) return std::nullopt;
  return count;
}

}  // namespace

double rank_test_p(std::span<double const> before, std::span<double const> after) {
  std::vector<double> pooled(after.begin(), after.end());
  pooled.insert(pooled.end(), before.begin(), before.end());
  auto const ranks = doubled_ranks(pooled);
  auto const ways = ways_by_sum(ranks, after.size());
  std::size_t seen = 0;
  for (std::size_t i = 0; i < after.size(); ++i) seen += ranks[i];
  // The mean of the doubled ranks is size + 1. With ties the distribution is not symmetric around it, so both tails
  // consist of the sums that are at least as far away.
  auto const centre = static_cast<double>(after.size() * (pooled.size() + 1));
  auto const distance = std::abs(static_cast<double>(seen) - centre);
  double as_far = 0;
  for (std::size_t sum = 0; sum < ways.size(); ++sum) {
    if (std::abs(static_cast<double>(sum) - centre) >= distance) as_far += ways[sum];
  }
  return as_far / sum_of(ways);
}

double least_p(std::size_t before_size, std::size_t after_size) {
  double ways = 1;
  for (std::size_t i = 1; i <= after_size; ++i) ways *= static_cast<double>(before_size + i) / static_cast<double>(i);
  return std::min(1.0, 2 / ways);
}

std::optional<shift> shift_between(std::span<double const> before, std::span<double const> after, double confidence) {
  auto const place = place_of_ends(before.size(), after.size(), confidence);
  if (!place) return std::nullopt;
  std::vector<double> differences;
  differences.reserve(before.size() * after.size());
  for (auto const from : before) {
    for (auto const to : after) differences.push_back(to - from);
  }
  std::ranges::sort(differences);
  return shift{.estimate = median(differences),
               .low = differences[*place - 1],
               .high = differences[differences.size() - *place]};
}

double median(std::span<double const> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  auto const middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

}  // namespace holdfast::client::compare
