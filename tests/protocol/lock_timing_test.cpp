#include "protocol/lock_timing.hpp"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::protocol {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

std::string written(lock_timing const& timing) {
  char text[server_timing_bytes_max];
  return {text, write_server_timing(text, timing)};
}

TEST(server_timing, is_written_in_milliseconds_with_three_decimals) {
  EXPECT_EQ(written({12us, 1000104us}), "wait;dur=0.012, hold;dur=1000.104");
  EXPECT_EQ(written({0ns, 0ns}), "wait;dur=0.000, hold;dur=0.000");
  EXPECT_EQ(written({1h, 24h}), "wait;dur=3600000.000, hold;dur=86400000.000");
}

TEST(server_timing, is_rounded_to_the_nearest_microsecond) {
  EXPECT_EQ(written({499ns, 500ns}), "wait;dur=0.000, hold;dur=0.001");
  EXPECT_EQ(written({999499ns, 999500ns}), "wait;dur=0.999, hold;dur=1.000");
}

TEST(server_timing, has_room_for_the_largest_durations) {
  EXPECT_EQ(written({nanoseconds::max() - 500ns, nanoseconds::max() - 500ns}),
            "wait;dur=9223372036854.775, hold;dur=9223372036854.775");
}

void expect_timing(std::string_view text, std::chrono::nanoseconds wait, std::chrono::nanoseconds hold) {
  auto const timing = parse_server_timing(text);
  ASSERT_TRUE(timing) << text;
  EXPECT_EQ(timing->wait, wait) << text;
  EXPECT_EQ(timing->hold, hold) << text;
}

TEST(parse_server_timing, reads_back_what_was_written) {
  for (auto const us : {0us, 1us, 999us, 1000us, 350000us, 86400000000us})
    expect_timing(written({us, us * 2 / 3}), us, us * 2 / 3);
}

TEST(parse_server_timing, skips_other_metrics_and_parameters) {
  expect_timing("hold;dur=2, db;dur=9;desc=\"x\", wait;desc=abc;dur=1.5", 1500us, 2ms);
  expect_timing("cache, wait;dur=1;desc=\"a, hold;dur=7\", hold;dur=2", 1ms, 2ms);
  expect_timing("x;desc=\"\\\", hold;dur=7\", wait;dur=1, hold;dur=2", 1ms, 2ms);
  expect_timing("waiting;dur=9, wait;duration=8;dur=1,hold;dur=2", 1ms, 2ms);
}

TEST(parse_server_timing, reads_how_long_an_answer_was_withheld) {
  auto const timing = parse_server_timing("wait;dur=1, hold;dur=2, disk;dur=      0.410;desc=\"with 37 others\"    ");
  ASSERT_TRUE(timing);
  EXPECT_EQ(timing->disk, std::chrono::microseconds(410));
  EXPECT_FALSE(parse_server_timing("wait;dur=1, hold;dur=2")->disk);
}

TEST(parse_server_timing, takes_the_white_space_case_and_quotes_that_the_grammar_allows) {
  expect_timing(" wait ; dur = 1 ,\thold;dur=2 ", 1ms, 2ms);
  expect_timing("wait;DUR=1, hold;Dur=\"2.5\"", 1ms, 2500us);
}

TEST(parse_server_timing, the_first_of_a_kind_counts) {
  expect_timing("wait;dur=1;dur=7, hold;dur=2, wait;dur=8, hold;dur=9", 1ms, 2ms);
}

TEST(parse_server_timing, gives_nothing_unless_both_are_there) {
  for (auto const* text :
       {"", "wait;dur=1", "hold;dur=2", "wait, hold;dur=2", "wait;dur=1, hold", "wait;dur=1; hold;dur=2",
        "Wait;dur=1, hold;dur=2", ",,,", ";;;", "wait;dur=1, \"hold;dur=2"})
    EXPECT_FALSE(parse_server_timing(text)) << text;
}

TEST(parse_server_timing, refuses_what_is_no_duration) {
  for (auto const* value : {"", "x", "-1", "nan", "inf", "1ms", "1e300", "1e10", "0x1", "\"", "\"1", "1 2", "--1", "="})
    EXPECT_FALSE(parse_server_timing("hold;dur=2, wait;dur=" + std::string(value))) << value;
}

}  // namespace
}  // namespace holdfast::protocol
