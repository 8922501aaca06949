#include "server/json/number.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/protocol/code_of.hpp"

namespace holdfast::server::json {
namespace {

using protocol::code_of;

TEST(exact_number, is_the_same_for_all_ways_to_write_a_number) {
  for (auto const* text :
       {"1.0", "1e0", "1E+0", "10e-1", "0.1e1", "1.000", "0.00001e5", "100e-00000000000000000000002"})
    EXPECT_EQ(exact_number(text), exact_number("1")) << text;
  for (auto const* text : {"-0", "0.0", "0e999999999999999999999", "-0.00E-5"})
    EXPECT_EQ(exact_number(text), exact_number("0")) << text;
  EXPECT_EQ(exact_number("-12.50"), exact_number("-125e-1"));
}

TEST(exact_number, tells_apart_what_a_double_does_not) {
  EXPECT_NE(exact_number("9007199254740993"), exact_number("9007199254740992"));
  EXPECT_NE(exact_number("0.1"), exact_number("0.1000000000000000055511151231257827"));
  EXPECT_NE(exact_number("1e400"), exact_number("1e401"));
  EXPECT_NE(exact_number("1e-400"), exact_number("0"));
  EXPECT_NE(exact_number("1"), exact_number("-1"));
}

// Exponents of any length: the positions of digits are added to them as decimal text.
TEST(exact_number, adds_places_to_exponents_of_any_length) {
  std::string const nines(30, '9');
  EXPECT_EQ(exact_number("10e" + nines), exact_number("1e1" + std::string(30, '0')));
  EXPECT_EQ(exact_number("0.1e1" + std::string(30, '0')), exact_number("1e" + nines));
  EXPECT_EQ(exact_number("10e-1" + std::string(30, '0')), exact_number("1e-" + nines));
  EXPECT_EQ(exact_number("0.1e-" + nines), exact_number("1e-1" + std::string(30, '0')));
  EXPECT_EQ(exact_number("1e00" + nines), exact_number("1.00e" + nines));
  EXPECT_NE(exact_number("1e" + nines), exact_number("1e-" + nines));
  EXPECT_EQ(exact_number("1e1" + std::string(17, '0')), exact_number("10e" + std::string(17, '9')));
}

TEST(exact_number, is_the_same_when_the_point_moves_and_the_exponent_follows) {
  std::mt19937_64 random(13);
  for (int round = 0; round < 5'000; ++round) {
    auto const digits = std::to_string(1 + random() % 1'000'000'000'000);
    auto const exponent = static_cast<std::int64_t>(random() % 400) - 200;
    auto const shift = 1 + random() % 30;
    auto const plain = digits + "e" + std::to_string(exponent);
    auto const longer = digits + std::string(shift, '0') + "e" + std::to_string(exponent - static_cast<int>(shift));
    auto const smaller = "0." + std::string(shift, '0') + digits + "E" +
                         std::to_string(exponent + static_cast<int>(shift + digits.size()));
    ASSERT_EQ(exact_number(plain), exact_number(longer)) << plain;
    ASSERT_EQ(exact_number(plain), exact_number(smaller)) << plain;
  }
}

TEST(safe_integer_of, takes_any_number_whose_value_is_an_integer_clients_can_read) {
  EXPECT_EQ(*safe_integer_of("5"), 5);
  EXPECT_EQ(*safe_integer_of(" \n-5.0\t"), -5);
  EXPECT_EQ(*safe_integer_of("5e0"), 5);
  EXPECT_EQ(*safe_integer_of("9007199254740991"), safe_integer_max);
  EXPECT_EQ(*safe_integer_of("-9007199254740991"), -safe_integer_max);
  EXPECT_EQ(*safe_integer_of("9.007199254740991e15"), safe_integer_max);
  EXPECT_EQ(*safe_integer_of("-0.0"), 0);
}

TEST(safe_integer_of, refuses_other_numbers_as_out_of_range_and_other_values_as_no_integer) {
  for (auto const* text :
       {"9007199254740992", "-9007199254740992", "1e400", "12345678901234567890", "-1e99999999999999999999", "1E16"})
    EXPECT_EQ(code_of(safe_integer_of(text)), "out_of_range") << text;
  for (auto const* text :
       {"5.5", "1e-1", "1e-99999999999999999999", "\"5\"", "null", "true", "[]", "{}", "0.9999999999999999999999"})
    EXPECT_EQ(code_of(safe_integer_of(text)), "not_an_integer") << text;
}

}  // namespace
}  // namespace holdfast::server::json
