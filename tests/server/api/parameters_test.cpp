#include "server/api/parameters.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace holdfast::server {
namespace {

using namespace protocol;
using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr std::array<std::string_view, 20> all_names{
    "hold",  "lock-timeout", "wait",  "ttl",     "increment", "initial", "min", "max",  "prefix", "after",
    "until", "delimiter",    "limit", "reverse", "values",    "all",     "key", "from", "format", "if-exists"};

result<parameters> read(std::string_view query) {
  return read_parameters(query, all_names, {}, 60s);
}
std::string refusal_of(std::string_view query) {
  auto const given = read(query);
  if (given) return "taken";
  EXPECT_EQ(given.error().code, errc::invalid_parameter) << query;
  return given.error().detail;
}

TEST(parameters, are_read_by_their_names) {
  auto const given = read(
      "ttl=30s&increment=-5&min=0&max=9&initial=7&prefix=a%2F&after=a%2F1&until=b&delimiter=%2F&limit=5"
      "&reverse=true&values&all=false&key=k&from=17&format=ndjson&if-exists=skip&wait=1m&hold=1s");
  ASSERT_TRUE(given) << given.error().detail;
  EXPECT_EQ(given->ttl->duration, 30s);
  EXPECT_EQ(given->increment, -5);
  EXPECT_EQ(given->min, 0);
  EXPECT_EQ(given->max, 9);
  EXPECT_EQ(given->initial, "7");
  EXPECT_EQ(given->prefix, "a/");
  EXPECT_EQ(given->after, "a/1");
  EXPECT_EQ(given->until, "b");
  EXPECT_EQ(given->delimiter, "/");
  EXPECT_EQ(given->limit, 5U);
  EXPECT_TRUE(given->reverse);
  EXPECT_TRUE(given->values) << "the name alone says true";
  EXPECT_FALSE(given->all);
  EXPECT_EQ(given->key, "k");
  EXPECT_EQ(given->from, "17");
  EXPECT_EQ(given->format, "ndjson");
  EXPECT_EQ(given->if_exists, "skip");
  EXPECT_EQ(given->wait, 1min);
  EXPECT_EQ(given->terms.hold, 1s);
}

TEST(parameters, that_a_resource_does_not_take_are_named_with_those_that_it_does) {
  constexpr std::array<std::string_view, 3> some{"hold", "lock-timeout", "ttl"};
  auto const given = read_parameters("limit=5", some, {}, 60s);
  ASSERT_FALSE(given);
  EXPECT_THAT(given.error().detail, HasSubstr("'limit'"));
  EXPECT_THAT(given.error().detail, HasSubstr("hold, lock-timeout and ttl"));
  EXPECT_FALSE(read_parameters("x=1", {}, {}, 60s));
}

TEST(parameters, that_are_not_understood_are_named_in_the_refusal) {
  for (auto const* query : {"limit=0",
                            "limit=1001",
                            "limit=-1",
                            "limit=",
                            "limit=1.0",
                            "limit=0x1",
                            "limit=99999999999999999999",
                            "reverse=yes",
                            "values=1",
                            "increment=",
                            "increment=1.5",
                            "increment=+1",
                            "increment=9007199254740992",
                            "increment=-9007199254740992",
                            "min=x",
                            "max=1e3",
                            "delimiter=",
                            "ttl=",
                            "ttl=0",
                            "ttl=0s",
                            "ttl=-1s",
                            "ttl=30",
                            "ttl=36526d",
                            "ttl=3155760001s",
                            "ttl=forever",
                            "ttl=99999999999999999999s",
                            "wait=1",
                            "hold=x",
                            "lock-timeout=-1s"}) {
    std::string const name(query, std::string_view(query).find('='));
    EXPECT_THAT(refusal_of(query), HasSubstr(name)) << query;
  }
  EXPECT_THAT(refusal_of("ttl=1s&limit=5&ttl=1s"), HasSubstr("twice"));
  EXPECT_EQ(read("hold=61s").error().code, errc::hold_too_long);
}

// They stand in the lock's events and in pages, which would be no JSON.
TEST(parameters, that_are_no_utf8_are_refused) {
  for (auto const* query : {"prefix=%ff", "prefix=Zo%C3", "delimiter=%C3", "after=a%80", "until=%ed%a0%80"})
    EXPECT_THAT(refusal_of(query), HasSubstr("UTF-8")) << query;
}

TEST(parse_time_to_live, takes_durations_up_to_a_hundred_years_also_in_days) {
  EXPECT_EQ(*parse_time_to_live("30s"), 30s);
  EXPECT_EQ(*parse_time_to_live("1.5s"), 1500ms);
  EXPECT_EQ(*parse_time_to_live("1ns"), 1ns);
  EXPECT_EQ(*parse_time_to_live("1d"), 24h);
  EXPECT_EQ(*parse_time_to_live("36525d"), 24h * 36525);
  EXPECT_EQ(*parse_time_to_live("3155760000s"), 24h * 36525);
  EXPECT_EQ(*parse_time_to_live("876600h"), 24h * 36525);
  EXPECT_EQ(*parse_time_to_live("1.5d"), 36h);
  EXPECT_EQ(*parse_time_to_live("172799.686s"), 172'799'686ms);
  for (auto const* text :
       {"", "d", "0d", "-1d", "36525.1d", "36526d", "876601h", "3155760001s", "1y", "1w", " 1s", "1s "})
    EXPECT_FALSE(parse_time_to_live(text)) << text;
  EXPECT_THAT(parse_time_to_live("36526d").error().detail, HasSubstr("100 years"));
  EXPECT_THAT(parse_time_to_live("0s").error().detail, HasSubstr("DELETE"));
}

TEST(parse_integer, takes_decimal_digits_and_nothing_else) {
  EXPECT_EQ(parse_integer("0"), 0);
  EXPECT_EQ(parse_integer("-12"), -12);
  EXPECT_EQ(parse_integer("9223372036854775807"), 9223372036854775807);
  for (auto const* text : {"", "-", "+1", " 1", "1 ", "1.0", "0x1", "9223372036854775808", "one"})
    EXPECT_EQ(parse_integer(text), std::nullopt) << text;
}

}  // namespace
}  // namespace holdfast::server
