#include "protocol/json_recognizer.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "tests/protocol/damage.hpp"

namespace holdfast::protocol {
namespace {

using namespace std::literals;

std::vector<std::string> const samples{
    "null",
    "[true,false,null,0,-0,10850,-1.5e-3,1E+2,18446744073709551616]",
    "{\"name\":\"hello-world\"}",
    " \t\r\n{\"a\" : [1, [2, {}], []] , \"b\":{\"\":\"\"}} \n",
    R"("\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00 plain")",
    "[\"ä€😀\",\"\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF\"]",
    "[1.7976931348623157e307,2.2250738585072014e-308,1e-400,123456789012345678901234567890.5]",
};

/// What the other parser says. It takes a NUL for the end, and skips a byte order mark; check_json() refuses both.
bool is_json(std::string const& text) {
  return nlohmann::json::accept(text) && text.find('\0') == std::string::npos && !text.starts_with("\xEF\xBB\xBF");
}

TEST(is_certainly_json, is_certain_of_whatever_people_send) {
  for (auto const& text : samples) EXPECT_TRUE(is_certainly_json(text)) << text;
  std::string large = "[";
  for (int i = 0; i < 50'000; ++i) large += "{\"number\":" + std::to_string(i * 1.25) + "},";
  EXPECT_TRUE(is_certainly_json(large + "0]"));
}

// Two parsers are two opinions. What the quick one takes, nobody else looks at: it must take nothing more.
TEST(is_certainly_json, takes_nothing_that_the_other_parser_refuses) {
  constexpr auto nasty =
      "{}[]\",:\\/ \t\n\r\0utbfnrlaeE+-.0123456789dD8\x01\x1F\x7F\x80\xBF\xC0\xC2\xE0\xED\xEF\xBB\xF0\xF4\xFF"sv;
  std::mt19937 random(20'261'126);
  int taken = 0, refused = 0;
  for (int round = 0; round < 200'000; ++round) {
    auto const text = damaged(samples[random() % samples.size()], random, nasty, samples);
    if (is_certainly_json(text)) {
      ++taken;
      ASSERT_TRUE(is_json(text)) << text;
    } else {
      ++refused;
    }
  }
  EXPECT_GT(taken, 10'000) << "most damage should do harm, and much of it none";
  EXPECT_GT(refused, 10'000);
}

// A string with an escape goes through a buffer of 4 KiB; what is cut at its end must be seen whole.
TEST(is_certainly_json, sees_strings_whole_that_are_longer_than_the_parsers_buffer) {
  constexpr auto nasty = "\"\\\x80\xE2\xC2\xED\xF0u0dD"sv;
  std::mt19937 random(2);
  int taken = 0;
  for (int round = 0; round < 5'000; ++round) {
    std::string const front = "\"\\n" + std::string(4060 + random() % 40, 'a');
    auto tail = "ä€😀ä€😀\\ud83d\\ude00\\u20ac ä€😀\""s;
    if (round % 2 != 0) tail[random() % tail.size()] = nasty[random() % nasty.size()];
    if (!is_certainly_json(front + tail)) continue;
    ++taken;
    ASSERT_TRUE(is_json(front + tail)) << tail;
  }
  EXPECT_GE(taken, 2'500);
}

TEST(is_certainly_json, leaves_numbers_at_the_edge_of_a_double_to_the_other_parser) {
  std::mt19937 random(1);
  for (int round = 0; round < 100'000; ++round) {
    std::string text = round % 2 != 0 ? "-" : "";
    text += static_cast<char>('1' + random() % 9);
    for (auto digits = random() % 25; digits != 0; --digits) text += static_cast<char>('0' + random() % 10);
    text += '.' + std::to_string(random()) + 'e' + std::to_string(280 + random() % 35);
    if (is_certainly_json(text)) {
      ASSERT_TRUE(is_json(text)) << text;
    }
  }
  for (auto const* text : {"1.7976931348623159e308", "1e309", "1e999", "1e99999999999999999999", "-1e309"})
    EXPECT_FALSE(is_certainly_json(text)) << text;
}

}  // namespace
}  // namespace holdfast::protocol
