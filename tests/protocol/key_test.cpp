#include "protocol/key.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/protocol/code_of.hpp"

namespace holdfast::protocol {
namespace {

using namespace std::literals;
using testing::HasSubstr;

std::string key_of(std::string_view path) {
  auto const key = key_from_path(path);
  EXPECT_TRUE(key) << path << ": " << detail_of(key);
  return key ? *key : "";
}

TEST(key_from_path, takes_the_rest_of_the_path_with_its_slashes) {
  EXPECT_EQ(key_of("my-key"), "my-key");
  EXPECT_EQ(key_of("a/b/c"), "a/b/c");
  EXPECT_EQ(key_of("/"), "/");
  EXPECT_EQ(key_of("a//b/"), "a//b/");
  EXPECT_EQ(key_of("..."), "...");
  EXPECT_EQ(key_of("a/../b"), "a/../b");
}

// No client can name them: curl, fetch and browsers take them for steps in the path, also percent-encoded.
TEST(key_from_path, refuses_the_two_keys_that_have_no_url) {
  for (auto const* path : {".", "..", "%2E", "%2e%2E", ".%2E"}) {
    EXPECT_EQ(code_of(key_from_path(path)), "invalid_key") << path;
    if (std::string_view(path).find('%') != std::string_view::npos) continue;
    EXPECT_EQ(code_of(key_from_path(path, true)), "invalid_key") << path;
  }
  EXPECT_THAT(detail_of(key_from_path("..")), HasSubstr("add a letter"));
}

TEST(key_from_path, decodes_percent_so_that_an_encoded_slash_is_a_slash) {
  EXPECT_EQ(key_of("a%2Fb"), "a/b");
  EXPECT_EQ(key_of("100%25"), "100%");
  EXPECT_EQ(key_of("a%20b"), "a b");
  EXPECT_EQ(key_of("a+b"), "a+b");
  EXPECT_EQ(key_of("%C3%A4%F0%9F%98%80"), "ä😀");
}

TEST(key_from_path, refuses_a_broken_encoding_and_says_how_to_write_a_percent_sign) {
  for (auto const* path : {"100%", "%", "a%4", "%zz"}) {
    EXPECT_EQ(code_of(key_from_path(path)), "invalid_key") << path;
    EXPECT_THAT(detail_of(key_from_path(path)), HasSubstr("%25")) << path;
  }
}

TEST(key_from_path, an_empty_key_is_told_where_to_put_its_name) {
  EXPECT_EQ(code_of(key_from_path("")), "invalid_key");
  EXPECT_THAT(detail_of(key_from_path("")), HasSubstr("/v1/kv/"));
}

TEST(key_from_path, judges_the_decoded_bytes) {
  EXPECT_FALSE(key_from_path("%00"));
  EXPECT_FALSE(key_from_path("a%0Ab"));
  EXPECT_FALSE(key_from_path("%FF"));
  EXPECT_EQ(key_of(std::string(1024 * 3, '%')
                       .replace(0, 3 * 1024,
                                [] {
                                  std::string text;
                                  for (int i = 0; i < 1024; ++i) text += "%61";
                                  return text;
                                }())),
            std::string(1024, 'a'));
}

TEST(check_key, takes_1_to_1024_bytes) {
  EXPECT_TRUE(check_key("k"));
  EXPECT_TRUE(check_key(std::string(1024, 'k')));
  EXPECT_FALSE(check_key(""));
  auto const too_long = check_key(std::string(1025, 'k'));
  EXPECT_EQ(code_of(too_long), "invalid_key");
  EXPECT_THAT(detail_of(too_long), HasSubstr("1025"));
  EXPECT_THAT(detail_of(too_long), HasSubstr("1024"));
}

TEST(check_key, counts_bytes_not_characters) {
  std::string key;
  for (int i = 0; i < 512; ++i) key += "ä";
  EXPECT_TRUE(check_key(key));
  EXPECT_FALSE(check_key(key + "a"));
}

TEST(check_key, takes_the_first_and_last_character_of_each_length_of_utf8) {
  for (auto const key : {"\x20"sv, "\x7E"sv, "\xC2\xA0"sv, "\xDF\xBF"sv, "\xE0\xA0\x80"sv, "\xED\x9F\xBF"sv,
                         "\xEE\x80\x80"sv, "\xEF\xBF\xBF"sv, "\xF0\x90\x80\x80"sv, "\xF4\x8F\xBF\xBF"sv})
    EXPECT_TRUE(check_key(key)) << testing::PrintToString(key);
}

TEST(check_key, refuses_what_is_not_utf8) {
  for (auto const key : {"\x80"sv,
                         "\xBF"sv,
                         "a\xC3"sv,
                         "\xC3\x28"sv,  // lone, cut, not continued
                         "\xC0\x80"sv,
                         "\xC0\xAF"sv,
                         "\xC1\xBF"sv,  // overlong in two bytes
                         "\xE0\x80\x80"sv,
                         "\xE0\x9F\xBF"sv,
                         "\xF0\x80\x80\x80"sv,
                         "\xF0\x8F\xBF\xBF"sv,  // and in more
                         "\xED\xA0\x80"sv,
                         "\xED\xBF\xBF"sv,
                         "\xED\xA0\xBD\xED\xB8\x80"sv,  // surrogates
                         "\xF4\x90\x80\x80"sv,
                         "\xF5\x80\x80\x80"sv,
                         "\xFE"sv,
                         "\xFF"sv,  // beyond U+10FFFF
                         "\xE2\x82"sv,
                         "\xF0\x9F\x98"sv,
                         "\xE2\x28\xA1"sv,
                         "\xF0\x9F\x28\x80"sv,
                         "\xF0\x9F\x98\x28"sv}) {
    EXPECT_EQ(code_of(check_key(key)), "invalid_key") << testing::PrintToString(key);
    EXPECT_THAT(detail_of(check_key(key)), HasSubstr("UTF-8")) << testing::PrintToString(key);
  }
}

TEST(check_key, says_at_which_byte_it_broke) {
  EXPECT_THAT(detail_of(check_key("ab\xFF")), HasSubstr("byte 2"));
  EXPECT_THAT(detail_of(check_key("ä\n")), HasSubstr("byte 2"));
}

TEST(check_key, refuses_control_characters) {
  for (int byte = 0; byte < 0x20; ++byte) EXPECT_FALSE(check_key(std::string{'a', static_cast<char>(byte)})) << byte;
  EXPECT_FALSE(check_key("a\x7F"));
}

TEST(check_key, refuses_the_control_characters_that_utf8_writes_in_two_bytes) {
  for (int byte = 0x80; byte < 0xA0; ++byte)
    EXPECT_THAT(detail_of(check_key(std::string{'\xC2', static_cast<char>(byte)})), HasSubstr("control")) << byte;
}

TEST(path_of_key, is_read_back_as_the_same_key) {
  for (auto const key : {"my-key"sv, "a/b"sv, "100%"sv, "a b?c#d"sv, "ä😀"sv, "/"sv, "a+b"sv}) {
    auto const path = path_of_key(key);
    ASSERT_TRUE(path.starts_with(kv_path));
    EXPECT_EQ(key_of(path.substr(kv_path.size())), key);
  }
  EXPECT_EQ(path_of_key("a b/ä"), "/v1/kv/a%20b/%C3%A4");
}

}  // namespace
}  // namespace holdfast::protocol
