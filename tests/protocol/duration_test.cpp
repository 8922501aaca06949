#include "protocol/duration.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/protocol/code_of.hpp"

namespace holdfast::protocol {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using testing::HasSubstr;

nanoseconds parsed(std::string_view text) {
  auto const duration = parse_duration(text);
  EXPECT_TRUE(duration) << text << ": " << detail_of(duration);
  return duration ? *duration : nanoseconds(-1);
}

TEST(parse_duration, reads_each_unit) {
  EXPECT_EQ(parsed("7ns"), 7ns);
  EXPECT_EQ(parsed("250us"), 250us);
  EXPECT_EQ(parsed("350ms"), 350ms);
  EXPECT_EQ(parsed("1s"), 1s);
  EXPECT_EQ(parsed("2m"), 2min);
  EXPECT_EQ(parsed("1h"), 1h);
}

TEST(parse_duration, reads_fractions_of_each_unit) {
  EXPECT_EQ(parsed("1.5s"), 1500ms);
  EXPECT_EQ(parsed("0.25ms"), 250us);
  EXPECT_EQ(parsed("0.5h"), 30min);
  EXPECT_EQ(parsed("0.1m"), 6s);
  EXPECT_EQ(parsed("1.000000001s"), 1s + 1ns);
  EXPECT_EQ(parsed("23.999h"), 86'396'400ms);
}

TEST(parse_duration, cuts_off_what_is_finer_than_a_nanosecond) {
  EXPECT_EQ(parsed("1.9ns"), 1ns);
  EXPECT_EQ(parsed("0.9ns"), 0ns);
  EXPECT_EQ(parsed("0.0019us"), 1ns);
  EXPECT_EQ(parsed("1.00000000000000000000000000000000009s"), 1s);
}

// Twelve decimals of an hour are 3.6 ns: the thirteenth still counts.
TEST(parse_duration, counts_every_decimal_that_is_worth_a_nanosecond) {
  EXPECT_EQ(parsed("0.000000000000278h"), 1ns);
  EXPECT_EQ(parsed("0.0000000000005556h"), 2ns);
}

TEST(parse_duration, zero_needs_no_unit) {
  EXPECT_EQ(parsed("0"), 0ns);
  EXPECT_EQ(parsed("0s"), 0ns);
  EXPECT_EQ(parsed("0ms"), 0ns);
  EXPECT_EQ(parsed("0.0"), 0ns);
}

TEST(parse_duration, a_number_without_a_unit_is_told_to_add_one) {
  for (auto const* text : {"10", "1.5", "00001", "0.1"}) {
    auto const duration = parse_duration(text);
    EXPECT_EQ(code_of(duration), "invalid_parameter") << text;
    EXPECT_THAT(detail_of(duration), HasSubstr("add a unit")) << text;
    EXPECT_THAT(detail_of(duration), HasSubstr(std::string(text) + "ms")) << text;
  }
}

TEST(parse_duration, refuses_what_is_not_a_duration_and_says_how_to_write_one) {
  for (auto const* text : {"",      "s",    "ms",  "-1s",  "+1s",   " 1s",  "1s ",   "1 s",  "1S",   "1MS",  "1sec",
                           "1d",    "1,5s", ".5s", "1.s",  "1.",    ".",    "1..5s", "1e3s", "0x1s", "infs", "nan",
                           "1h30m", "1µs",  "s1",  "1.5.", "\xFFs", "1s\n", "1.-5s", "١s",   "1n",   "1msm", "never"}) {
    auto const duration = parse_duration(text);
    EXPECT_EQ(code_of(duration), "invalid_parameter") << text;
    EXPECT_THAT(detail_of(duration), HasSubstr("350ms")) << text;
  }
  EXPECT_FALSE(parse_duration(std::string_view("1s\0", 3)));
}

TEST(parse_duration, the_longest_is_a_day) {
  EXPECT_EQ(parsed("24h"), 24h);
  EXPECT_EQ(parsed("1440m"), 24h);
  EXPECT_EQ(parsed("86400000000000ns"), 24h);
  for (auto const* text :
       {"24.000000001h", "24.0000000000003h", "25h", "1441m", "86400.1s", "86400000000001ns", "9223372036854775807ns",
        "9223372036854775808ns", "18446744073709551617s", "99999999999999999999999999999999999999h"}) {
    auto const duration = parse_duration(text);
    EXPECT_EQ(code_of(duration), "invalid_parameter") << text;
    EXPECT_THAT(detail_of(duration), HasSubstr("24h")) << text;
  }
}

TEST(parse_duration, a_long_text_is_not_repeated_in_full) {
  EXPECT_LT(detail_of(parse_duration(std::string(100'000, '0') + "x")).size(), 200U);
  EXPECT_LT(detail_of(parse_duration("1." + std::string(100'000, '1'))).size(), 200U);
}

// An export writes the rest of a time to live in milliseconds; beyond a day it could not be read back.
TEST(parse_long_duration, takes_the_same_units_and_days_up_to_a_hundred_years) {
  for (auto const& [text, duration] :
       std::vector<std::pair<std::string_view, nanoseconds>>{{"1d", 24h},
                                                             {"1.5d", 36h},
                                                             {"25.5h", 25h + 30min},
                                                             {"172799.686s", 172'799'686ms},
                                                             {"100000000ms", 100'000s},
                                                             {"1ns", 1ns},
                                                             {"0", 0ns},
                                                             {"36525d", 24h * 36'525},
                                                             {"36524.999999999999999999d", 24h * 36'525 - 1ns},
                                                             {"3155759999.999s", 24h * 36'525 - 1ms},
                                                             {"3155760000000000000ns", 24h * 36'525}}) {
    auto const parsed = parse_long_duration(text);
    ASSERT_TRUE(parsed) << text << ": " << detail_of(parsed);
    EXPECT_EQ(*parsed, duration) << text;
  }
  for (auto const* text : {"36525.0000000000001d", "36526d", "876600.1h", "3155760000000000001ns",
                           "9223372036854775808ns", "99999999999999999999999999999999999999999999d"})
    EXPECT_THAT(detail_of(parse_long_duration(text)), HasSubstr("36525d")) << text;
  for (auto const* text : {"", "d", "1", "-1d", "1D", "1.d", ".5d", "1w", "1dd", "1d "})
    EXPECT_EQ(code_of(parse_long_duration(text)), "invalid_parameter") << text;
}

TEST(format_duration, takes_the_largest_unit_that_leaves_a_short_number) {
  EXPECT_EQ(format_duration(0ns), "0");
  EXPECT_EQ(format_duration(1ns), "1ns");
  EXPECT_EQ(format_duration(250us), "250us");
  EXPECT_EQ(format_duration(350ms), "350ms");
  EXPECT_EQ(format_duration(1s), "1s");
  EXPECT_EQ(format_duration(1500ms), "1.5s");
  EXPECT_EQ(format_duration(1050ms), "1.05s");
  EXPECT_EQ(format_duration(1001ms), "1.001s");
  EXPECT_EQ(format_duration(1000100us), "1000.1ms");
  EXPECT_EQ(format_duration(61s), "61s");
  EXPECT_EQ(format_duration(90s), "1.5m");
  EXPECT_EQ(format_duration(24h), "24h");
  EXPECT_EQ(format_duration(1s + 1ns), "1000000.001us");
}

TEST(format_duration, is_read_back_as_the_same_value) {
  std::mt19937_64 random(4711);
  for (int i = 0; i < 20'000; ++i) {
    auto value = random() % static_cast<std::uint64_t>(nanoseconds(24h).count() + 1);
    for (auto zeros = random() % 15; zeros != 0; --zeros) value /= 10;
    for (auto zeros = random() % 12; zeros != 0 && value < 8'640'000'000'000; --zeros) value *= 10;
    nanoseconds const duration(static_cast<std::int64_t>(value));
    ASSERT_EQ(parsed(format_duration(duration)), duration) << format_duration(duration);
  }
}

}  // namespace
}  // namespace holdfast::protocol
