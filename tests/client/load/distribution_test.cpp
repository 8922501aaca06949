#include "client/load/distribution.hpp"

#include <gmock/gmock.h>

#include <cmath>

namespace holdfast::client::load {
namespace {

using testing::HasSubstr;
using shape = distribution::shape;

TEST(hold, is_read_and_written_as_people_write_it) {
  EXPECT_EQ(parse_hold("5ms").value(), distribution::constant(5e6));
  EXPECT_EQ(parse_hold("uniform:1ms..5ms").value(), (distribution{shape::uniform, 1e6, 5e6}));
  EXPECT_EQ(parse_hold("1ms..5ms").value(), (distribution{shape::uniform, 1e6, 5e6}));
  EXPECT_EQ(parse_hold("exp:5ms").value(), (distribution{shape::exponential, 0, 5e6}));
  for (auto const* text : {"0", "5ms", "uniform:1ms..5ms", "exp:1.5s"})
    EXPECT_EQ(format_hold(parse_hold(text).value()), text);
}

TEST(hold, says_what_would_be_right) {
  EXPECT_THAT(parse_hold("10").error().detail, HasSubstr("10ms"));
  EXPECT_THAT(parse_hold("exp:").error().detail, HasSubstr("250us"));
  for (auto const* text : {"normal:5ms", "uniform:5ms", "exp:1ms..2ms", "5ms..1ms"})
    EXPECT_THAT(parse_hold(text).error().detail, HasSubstr("exp:5ms")) << text;
}

TEST(value_size, is_read_and_written_as_people_write_it) {
  EXPECT_EQ(parse_value_size("64").value(), distribution::constant(64));
  EXPECT_EQ(parse_value_size("64..4096").value(), (distribution{shape::uniform, 64, 4096}));
  for (auto const* text : {"26", "uniform:64..4096", "exp:256"})
    EXPECT_EQ(format_value_size(parse_value_size(text).value()), text);
}

TEST(value_size, says_what_would_be_right) {
  for (auto const* text : {"25", "1048577", "64b", "", "-1", "10..64"})
    EXPECT_THAT(parse_value_size(text).error().detail, HasSubstr("26 to 1048576")) << text;
  EXPECT_THAT(parse_value_size("zipf:64").error().detail, HasSubstr("64..4096"));
}

TEST(distribution, draws_its_constant) {
  random_numbers random(1);
  EXPECT_EQ(distribution::constant(5).draw(random), 5);
}

TEST(distribution, draws_evenly_within_its_bounds) {
  random_numbers random(1);
  distribution const drawn{shape::uniform, 10, 20};
  constexpr int draws = 100'000;
  double sum = 0;
  int below_quarter = 0;
  for (int i = 0; i < draws; ++i) {
    auto const one = drawn.draw(random);
    EXPECT_TRUE(one >= 10 && one < 20);
    sum += one;
    below_quarter += one < 12.5;
  }
  EXPECT_NEAR(sum / draws, 15, 0.05);
  EXPECT_NEAR(below_quarter, draws * 0.25, 5 * std::sqrt(draws * 0.25 * 0.75));
}

TEST(distribution, draws_exponentially_about_its_mean) {
  random_numbers random(1);
  distribution const drawn{shape::exponential, 0, 100};
  constexpr int draws = 100'000;
  for (auto const x : {10, 100, 300}) {
    int above = 0;
    for (int i = 0; i < draws; ++i) above += drawn.draw(random) > x;
    auto const share = std::exp(-x / 100.0);
    EXPECT_NEAR(above, draws * share, 5 * std::sqrt(draws * share * (1 - share))) << x;
  }
}

TEST(distribution, hardly_ever_exceeds_its_high) {
  random_numbers random(1);
  for (auto const& drawn :
       {distribution::constant(5), distribution{shape::uniform, 1, 5}, distribution{shape::exponential, 0, 5}}) {
    int above = 0;
    for (int i = 0; i < 100'000; ++i) above += drawn.draw(random) > drawn.high();
    EXPECT_LE(above, 8);
  }
}

}  // namespace
}  // namespace holdfast::client::load
