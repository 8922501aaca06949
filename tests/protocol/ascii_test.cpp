#include "protocol/ascii.hpp"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::protocol {
namespace {

template <class Predicate>
std::string all_that(Predicate predicate) {
  std::string found;
  for (unsigned byte = 0; byte < 256; ++byte)
    if (predicate(static_cast<char>(byte))) found += static_cast<char>(byte);
  return found;
}

TEST(ascii, token_characters_are_those_of_rfc_9110) {
  EXPECT_EQ(all_that(is_token_character),
            "!#$%&'*+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~");
}

TEST(ascii, a_line_takes_tabs_visible_characters_and_bytes_above_ascii) {
  auto const found = all_that(is_line_character);
  EXPECT_EQ(found.size(), 1 + (0x7F - 0x20) + 128U);
  EXPECT_EQ(found.find_first_of(std::string("\0\n\r\x0B\x1F\x7F", 6)), std::string::npos);
  EXPECT_NE(found.find('\t'), std::string::npos);
}

TEST(ascii, hexadecimal_digits_have_values_in_both_cases) {
  EXPECT_EQ(all_that([](char c) { return hex_value(c) >= 0; }), "0123456789ABCDEFabcdef");
  EXPECT_EQ(hex_value('0'), 0);
  EXPECT_EQ(hex_value('9'), 9);
  EXPECT_EQ(hex_value('a'), 10);
  EXPECT_EQ(hex_value('F'), 15);
}

TEST(ascii, case_is_ignored_for_letters_only) {
  EXPECT_TRUE(equals_ignoring_case("Keep-Alive", "kEEP-aLIVE"));
  EXPECT_FALSE(equals_ignoring_case("[", "{"));
  EXPECT_FALSE(equals_ignoring_case("@", "`"));
  EXPECT_FALSE(equals_ignoring_case("close", "clos"));
  EXPECT_FALSE(equals_ignoring_case("clos", "close"));
  EXPECT_TRUE(equals_ignoring_case("", ""));
}

}  // namespace
}  // namespace holdfast::protocol
