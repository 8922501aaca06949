#include "protocol/utf8.hpp"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::protocol {
namespace {

TEST(utf8, encodes_each_code_point_as_it_decodes_it) {
  for (std::uint32_t code = 0; code < 0x110000; code = code == 0xD7FF ? 0xE000 : code + 1) {
    std::string text;
    append_utf8(text, code);
    ASSERT_EQ(utf8_sequence_length(text), text.size()) << code;
    ASSERT_EQ(utf8_code_point(text), code);
    ASSERT_EQ(utf8_code_point(text + "\xbf"), code) << "what comes behind it does not matter";
  }
}

TEST(utf8, half_a_surrogate_pair_is_none) {
  for (std::uint32_t const code : {0xD800, 0xDFFF}) {
    std::string text;
    append_utf8(text, code);
    EXPECT_EQ(text.size(), 3U);
    EXPECT_FALSE(is_utf8(text));
  }
}

}  // namespace
}  // namespace holdfast::protocol
