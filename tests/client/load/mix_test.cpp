#include "client/load/mix.hpp"

#include <gmock/gmock.h>

#include <cmath>

namespace holdfast::client::load {
namespace {

using testing::HasSubstr;

TEST(mix, is_read_and_written_as_people_write_it) {
  auto const mix = parse_mix("get=80,put=15,delete=5").value();
  EXPECT_EQ(mix.weights, (std::array<double, actions>{80, 15, 0, 5}));
  for (auto const* text : {"get=80,put=15,delete=5", "get=0.5,insert=0.25,rmw=0.25", "delete=1",
                           "list=1,txn=2,cas=3,create=4,incr=5,watch=6"})
    EXPECT_EQ(format_mix(parse_mix(text).value()), text);
}

TEST(mix, says_what_would_be_right) {
  for (auto const* text : {"", "get", "get=", "get=80,", ",get=1", "get=-1", "get=nan", "get=1x", "get=80 put=20"})
    EXPECT_THAT(parse_mix(text).error().detail, HasSubstr("such as get=80,put=15,delete=5")) << text;
  EXPECT_THAT(parse_mix("scan=1").error().detail,
              HasSubstr("get, put, insert, delete, rmw, list, txn, cas, create, incr and watch"));
  EXPECT_THAT(parse_mix("get=1,get=2").error().detail, HasSubstr("has get twice"));
  for (auto const* nothing : {"get=0", "watch=1"})
    EXPECT_THAT(parse_mix(nothing).error().detail, HasSubstr("one share is above 0"));
}

TEST(action_chooser, draws_by_the_weights) {
  action_chooser const choose(parse_mix("get=3,put=2,insert=1,delete=0,rmw=4,watch=90").value());
  random_numbers random(1);
  constexpr int draws = 100'000;
  std::array<double, actions> counts{};
  for (int i = 0; i < draws; ++i) ++counts[static_cast<std::size_t>(choose(random))];
  std::array<double, actions> const shares{0.3, 0.2, 0.1, 0, 0.4};
  for (std::size_t i = 0; i < actions; ++i) {
    // Five standard deviations of a binomial; what has no weight is never drawn.
    EXPECT_NEAR(counts[i], draws * shares[i], 5 * std::sqrt(draws * shares[i] * (1 - shares[i])));
  }
}

TEST(action_chooser, draws_nothing_else_when_there_is_one) {
  random_numbers random(1);
  for (auto const* only : {"get=1", "rmw=0.1", "insert=7"}) {
    auto const mix = parse_mix(only).value();
    action_chooser const choose(mix);
    for (int i = 0; i < 1000; ++i) EXPECT_NE(mix.weight(choose(random)), 0);
  }
}

TEST(standard_workload, is_what_ycsb_says) {
  EXPECT_EQ(format_mix(parse_workload("a")->mix), "get=50,put=50");
  EXPECT_EQ(format_mix(parse_workload("B")->mix), "get=95,put=5");
  EXPECT_EQ(format_mix(parse_workload("c")->mix), "get=100");
  EXPECT_EQ(format_mix(parse_workload("d")->mix), "get=95,insert=5");
  EXPECT_EQ(format_mix(parse_workload("e")->mix), "insert=5,list=95");
  EXPECT_EQ(format_mix(parse_workload("f")->mix), "get=50,rmw=50");
  for (auto const* name : {"a", "b", "c", "e", "f"})
    EXPECT_EQ(format_key_choice(parse_workload(name)->keys), "scrambled:0.99") << name;
  EXPECT_EQ(format_key_choice(parse_workload("d")->keys), "latest:0.99");
}

TEST(mix, sets_a_share_of_the_connections_apart_to_watch) {
  auto const share = [](char const* text, unsigned connections) {
    return watching(parse_mix(text).value(), connections);
  };
  EXPECT_EQ(share("get=100", 64), 0U);
  EXPECT_EQ(share("get=75,watch=25", 64), 16U);
  EXPECT_EQ(share("get=99,watch=1", 4), 1U) << "asked for is at least one";
  EXPECT_EQ(share("get=1,watch=99", 4), 3U) << "and one is left to ask";
}

TEST(standard_workload, that_is_unknown_is_told_with_those_there_are) {
  for (auto const* name : {"", "g", "aa", "1"})
    EXPECT_THAT(parse_workload(name).error().detail, HasSubstr("a to f")) << name;
}

}  // namespace
}  // namespace holdfast::client::load
