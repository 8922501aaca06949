#include "client/load/schedule.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

namespace holdfast::client::load {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using testing::HasSubstr;

std::vector<nanoseconds> starts(std::vector<stage> const& stages, arrivals kind, std::uint32_t threads = 1,
                                std::uint64_t seed = 1) {
  std::vector<nanoseconds> all;
  for (std::uint32_t thread = 0; thread < threads; ++thread) {
    schedule plan(stages, kind, thread, threads, seed);
    while (auto const next = plan.next()) all.push_back(*next);
  }
  std::ranges::sort(all);
  return all;
}

TEST(schedule, spaces_constant_arrivals_evenly) {
  auto const planned = starts({{1s, 1000, 1000}}, arrivals::constant);
  ASSERT_EQ(planned.size(), 1000U);
  for (std::size_t i = 0; i < planned.size(); ++i) EXPECT_EQ(planned[i], i * 1ms);
}

TEST(schedule, is_shared_by_threads_without_a_change) {
  std::vector<stage> const stages{{1s, 1000, 1000}, {1s, 1000, 3000}};
  EXPECT_EQ(starts(stages, arrivals::constant, 3), starts(stages, arrivals::constant, 1));
}

TEST(schedule, ramps_in_a_straight_line) {
  // 2,000 requests in all; after half the time, a quarter of them: Λ(t) = 1000 t².
  auto const planned = starts({{1s, 0.001, 3999.999}}, arrivals::constant);
  ASSERT_NEAR(double(planned.size()), 2000, 1);
  auto const in_first_half = std::ranges::count_if(planned, [](auto start) { return start < 500ms; });
  EXPECT_NEAR(double(in_first_half), 500, 2);
}

TEST(schedule, ramps_down_as_well) {
  auto const planned = starts({{1s, 3999.999, 0.001}}, arrivals::constant);
  auto const in_first_half = std::ranges::count_if(planned, [](auto start) { return start < 500ms; });
  EXPECT_NEAR(double(in_first_half), 1500, 2);
  EXPECT_LT(planned.back(), 1s);
}

TEST(schedule, goes_from_stage_to_stage) {
  auto const planned = starts({{1s, 100, 100}, {2s, 500, 500}, {1s, 100, 100}}, arrivals::constant);
  ASSERT_EQ(planned.size(), 1200U);
  EXPECT_EQ(planned[100], 1s);
  EXPECT_EQ(planned[101], 1002ms);
  EXPECT_EQ(planned[1100], 3s);
}

TEST(schedule, keeps_its_rate_over_a_day_without_drifting) {
  schedule plan({{24h, 1000, 1000}}, arrivals::constant, 0, 1'000'000, 1);  // every millionth request
  nanoseconds last(0);
  std::int64_t count = 0;
  while (auto const next = plan.next()) {
    EXPECT_EQ(*next, count++ * 1000s);
    last = *next;
  }
  EXPECT_EQ(last, 86'000s);
}

TEST(schedule, has_exponential_gaps_when_arrivals_are_poisson) {
  auto const planned = starts({{100s, 1000, 1000}}, arrivals::poisson);
  // The count is Poisson: five standard deviations.
  EXPECT_NEAR(double(planned.size()), 100'000, 5 * std::sqrt(100'000));
  // P(gap > x) = e^(-x/mean); the mean is 1 ms.
  for (auto const ms : {0.1, 0.5, 1.0, 2.0, 4.0}) {
    std::size_t above = 0;
    for (std::size_t i = 1; i < planned.size(); ++i)
      above += std::chrono::duration<double, std::milli>(planned[i] - planned[i - 1]).count() > ms;
    EXPECT_NEAR(double(above) / double(planned.size()), std::exp(-ms), 0.01) << ms;
  }
}

TEST(schedule, adds_threads_up_to_the_same_poisson_rate) {
  auto const planned = starts({{100s, 1000, 1000}}, arrivals::poisson, 4);
  EXPECT_NEAR(double(planned.size()), 100'000, 5 * std::sqrt(100'000));
  std::size_t above = 0;
  for (std::size_t i = 1; i < planned.size(); ++i) above += planned[i] - planned[i - 1] > 1ms;
  EXPECT_NEAR(double(above) / double(planned.size()), std::exp(-1), 0.01);
}

TEST(schedule, repeats_itself_with_the_same_seed) {
  std::vector<stage> const stages{{1s, 1000, 1000}};
  EXPECT_EQ(starts(stages, arrivals::poisson, 1, 7), starts(stages, arrivals::poisson, 1, 7));
  EXPECT_NE(starts(stages, arrivals::poisson, 1, 7), starts(stages, arrivals::poisson, 1, 8));
}

TEST(rate, reads_a_number_and_a_unit) {
  EXPECT_EQ(parse_rate("5000/s").value(), 5000);
  EXPECT_EQ(parse_rate("0.5/s").value(), 0.5);
  EXPECT_EQ(parse_rate("300/m").value(), 5);
}

TEST(rate, says_what_would_be_right) {
  ASSERT_FALSE(parse_rate("5000"));
  EXPECT_THAT(parse_rate("5000").error().detail, HasSubstr("add a unit, such as 5000/s"));
  for (auto const* text : {"", "fast", "/s", "5000/h", "5000 /s", "nan/s", "inf/s", "1e3/s"}) {
    ASSERT_FALSE(parse_rate(text)) << text;
    EXPECT_THAT(parse_rate(text).error().detail, HasSubstr("such as 5000/s")) << text;
  }
  for (auto const* text : {"0/s", "-1/s", "10000001/s"}) {
    ASSERT_FALSE(parse_rate(text)) << text;
    EXPECT_THAT(parse_rate(text).error().detail, HasSubstr("above 0 and at most")) << text;
  }
}

TEST(stage, reads_a_rate_or_a_ramp) {
  EXPECT_EQ(parse_stage("10s@1000/s").value(), (stage{10s, 1000, 1000}));
  EXPECT_EQ(parse_stage("1.5s@60/m..5000/s").value(), (stage{1500ms, 1, 5000}));
}

TEST(stage, says_what_would_be_right) {
  for (auto const* text : {"10s", "10@1000/s", "10s@1000", "10s@1000/s..", "10s@1000/s..x", "@1/s", "0@1/s"}) {
    ASSERT_FALSE(parse_stage(text)) << text;
    EXPECT_THAT(parse_stage(text).error().detail, HasSubstr("such as ")) << text;
  }
}

}  // namespace
}  // namespace holdfast::client::load
