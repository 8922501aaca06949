#include "protocol/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/protocol/code_of.hpp"

namespace holdfast::protocol {
namespace {

using namespace std::literals;
using testing::HasSubstr;

std::string nested(std::size_t depth, std::string_view open, std::string_view close) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += open;
  text += "1";
  for (std::size_t i = 0; i < depth; ++i) text += close;
  return text;
}

TEST(check_json, takes_any_value_with_white_space_around_it) {
  for (auto const* text :
       {"null", "true", "false", "0", "-0", "10850", "-1.5e-3", "1E+2", "\"\"", "\"hello\"", "[]", "{}",
        "[1, [2], {\"a\": null}]", " \t\r\n1 \t\r\n", R"("\"\\\/\b\f\n\r\té😀")", "\"ä😀\"", "{\"a\":1,\"a\":2}"})
    EXPECT_TRUE(check_json(text)) << text << ": " << detail_of(check_json(text));
}

TEST(check_json, refuses_what_is_not_json) {
  for (auto const* text :
       {"hello",     "'a'",         "{a:1}",   "[1,]",     "{\"a\":1,}", "01",     "+1",      ".5",         "1.",
        "1e",        "-",           "0x1",     "NaN",      "Infinity",   "True",   "nul",     "\"a",        "[",
        "]",         "{",           "{\"a\"}", "{\"a\":}", "{1:2}",      "[1 2]",  "// c\n1", "/* c */1",   "\"\\x\"",
        "\"\\u12\"", "\"\\u12G4\"", "\"\\",    "\"a\nb\"", "\"a\tb\"",   "\"\x7F", ",",       "\xC2\xA0 1", "\x0B 1"}) {
    EXPECT_EQ(code_of(check_json(text)), "invalid_json") << text;
    EXPECT_FALSE(detail_of(check_json(text)).empty()) << text;
  }
}

TEST(check_json, says_where_it_broke) {
  EXPECT_THAT(detail_of(check_json("{\n  \"a\": hello\n}")), HasSubstr("line 2, column 8"));
  EXPECT_THAT(detail_of(check_json("[1, 2")), HasSubstr("line 1, column 6"));
  EXPECT_THAT(detail_of(check_json("\n\n1e")), HasSubstr("line 3, column 3"));
  EXPECT_THAT(detail_of(check_json("[\n1,\0]"sv)), HasSubstr("line 2, column 3"));
}

TEST(check_json, says_what_is_wrong_and_what_stands_there) {
  std::pair<std::string_view, std::string_view> const cases[] = {
      {"{\n  \"ä\": hello\n}", "line 2, column 8: a value is expected, not hello; a string stands in double quotes"},
      {"tru", "line 1, column 1: a value is expected, not tru; a string stands in double quotes"},
      {"'a'", "line 1, column 1: a value is expected, not 'a'; a string stands in double quotes"},
      {"[1,]", "line 1, column 4: a value is expected, not ]"},
      {"[1 2]", "line 1, column 4: a comma or ] is expected after the element, not 2"},
      {"{\"a\":1 \"b\":2}", "line 1, column 8: a comma or } is expected after the member, not \"b\""},
      {"{\"a\" 1}", "line 1, column 6: a colon is expected after the member's name, not 1"},
      {"{a:1}", "line 1, column 2: a member's name in double quotes or } is expected, not a"},
      {"{\"a\":1,}", "line 1, column 8: a member's name in double quotes is expected after the comma, not }"},
      {"{} x", "line 1, column 4: the value is complete, and more follows: x"},
      {"\"a\tb\"", "line 1, column 3: a control character in a string has to be escaped as \\u0009"},
      {R"("a\xb")", R"(line 1, column 3: there is no such escape; a backslash in a string is written as \\: \xb")"},
      {R"("\u12x4")", R"(line 1, column 2: \u has to be followed by four hexadecimal digits: \u12x4")"},
      {"\"a\xFF\"", "line 1, column 3: the text is not UTF-8: byte 0xFF"},
      {"-x", "line 1, column 2: a digit of the number is expected, not x"},
      {"[01]", "line 1, column 3: a number must not start with a zero and more digits: 1"},
      {"[1, 2", "the text ends at line 1, column 6, where a comma or ] is expected after the element"},
      {"\"abc", "the text ends at line 1, column 5, where the quote that ends the string is expected"},
      {"\x7F", "line 1, column 1: a value is expected, not byte 0x7F"},
  };
  for (auto const& [text, detail] : cases) EXPECT_EQ(detail_of(check_json(text)), detail) << text;
}

TEST(check_json, does_not_send_a_long_body_back_in_its_detail) {
  EXPECT_LT(detail_of(check_json("\"" + std::string(1'000'000, 'a'))).size(), 400U);
  EXPECT_LT(detail_of(check_json(std::string(1'000'000, '1') + "x")).size(), 400U);
  EXPECT_LT(detail_of(check_json(std::string(1'000'000, 'x'))).size(), 400U);
}

TEST(check_json, an_empty_body_is_told_what_to_send) {
  EXPECT_EQ(code_of(check_json("")), "invalid_json");
  EXPECT_THAT(detail_of(check_json("")), HasSubstr("\"hello\""));
  EXPECT_EQ(code_of(check_json("  \n")), "invalid_json");
}

TEST(check_json, refuses_a_second_value_and_other_trailing_bytes) {
  for (auto const* text : {"1 2", "{}{}", "nullnull", "true,", "[]]", "\"a\"b", "1\x01", "1\xEF\xBB\xBF"})
    EXPECT_EQ(code_of(check_json(text)), "invalid_json") << text;
}

// The library takes a NUL for the end of its input: `1\0anything` once passed, and the rest was stored with it.
TEST(check_json, a_nul_does_not_hide_what_stands_behind_it) {
  for (auto const text : {"1\0"sv, "1\0garbage"sv, "\0"sv, "\0 1"sv, "[1,\0 2]"sv, "\"a\0b\""sv, "{}\0{}"sv, " \0"sv}) {
    EXPECT_EQ(code_of(check_json(text)), "invalid_json");
    EXPECT_THAT(detail_of(check_json(text)), HasSubstr("NUL"));
  }
  EXPECT_TRUE(check_json("\"\\u0000\""));
}

TEST(check_json, refuses_a_byte_order_mark) {
  EXPECT_EQ(code_of(check_json("\xEF\xBB\xBF{}")), "invalid_json");
  EXPECT_THAT(detail_of(check_json("\xEF\xBB\xBF{}")), HasSubstr("byte order mark"));
  EXPECT_FALSE(check_json("\xEF\xBB"));
  EXPECT_FALSE(check_json("\xFF\xFE{\0}\0"sv));
}

TEST(check_json, refuses_strings_that_are_not_utf8) {
  for (auto const* text : {"\"\xFF\"", "\"\x80\"", "\"\xC0\x80\"", "\"\xC3\"", "\"\xED\xA0\x80\"", "\"\xE0\x80\x80\"",
                           "\"\xF4\x90\x80\x80\"", "{\"\xFF\":1}"})
    EXPECT_EQ(code_of(check_json(text)), "invalid_json");
}

TEST(check_json, takes_512_levels_and_not_513) {
  EXPECT_TRUE(check_json(nested(512, "[", "]")));
  EXPECT_TRUE(check_json(nested(512, "{\"a\":", "}")));
  EXPECT_EQ(code_of(check_json(nested(513, "[", "]"))), "invalid_json");
  EXPECT_EQ(code_of(check_json(nested(513, "{\"a\":", "}"))), "invalid_json");
}

TEST(check_json, of_a_text_with_values_takes_the_levels_around_them) {
  EXPECT_TRUE(check_json("{\"results\":[" + nested(512, "[", "]") + "]}", json_depth_with_values_max));
  EXPECT_TRUE(check_json(nested(520, "[", "]"), json_depth_with_values_max));
  EXPECT_FALSE(check_json(nested(521, "[", "]"), json_depth_with_values_max));
  EXPECT_FALSE(check_json(nested(2, "[", "]"), 1));
}

TEST(check_json, says_where_the_nesting_is_too_deep) {
  EXPECT_THAT(detail_of(check_json(nested(513, "[", "]"))), HasSubstr("deeper than 512 levels at line 1, column 513"));
  EXPECT_THAT(detail_of(check_json("[\"]\\\"[\",\n" + nested(512, "[", "]") + "]")), HasSubstr("line 2, column 512"));
}

TEST(check_json, counts_levels_that_are_open_not_brackets) {
  std::string text = "[";
  for (int i = 0; i < 2000; ++i) text += "[[]],";
  EXPECT_TRUE(check_json(text + "1]"));
}

TEST(check_json, survives_a_megabyte_of_brackets) {
  EXPECT_EQ(code_of(check_json(std::string(1'000'000, '['))), "invalid_json");
}

// RFC 8259 limits neither the digits of a number nor its exponent; some used to be refused as "not valid JSON".
TEST(check_json, takes_every_number_of_the_grammar) {
  for (auto const* text :
       {"1.7976931348623157e308", "1e-999", "18446744073709551616", "-123456789012345678901234567890", "1e400", "1e999",
        "-1e999", "[1e309]", "0E+00", "1e99999999999999999999"})
    EXPECT_TRUE(check_json(text)) << text;
  EXPECT_TRUE(check_json(std::string(617, '9')));
  EXPECT_TRUE(check_json(std::string(1'000'000, '9')));
  EXPECT_TRUE(check_json("0." + std::string(10'000, '1')));
}

// JavaScript's JSON.stringify() writes such texts; they used to be refused.
TEST(check_json, takes_escapes_of_half_a_surrogate_pair) {
  for (auto const* text : {R"("\ud83d")", R"("\ude00\ud83d")", R"({"\uDBFF":"\uDC00x"})", R"("\ud83d\u0041")"})
    EXPECT_TRUE(check_json(text)) << text;
}

}  // namespace
}  // namespace holdfast::protocol
