#include "protocol/target.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/protocol/code_of.hpp"

namespace holdfast::protocol {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

std::pair<std::string_view, std::string_view> parts_of(std::string_view text) {
  auto const parts = parse_target(text);
  EXPECT_TRUE(parts) << text << ": " << detail_of(parts);
  return parts ? std::pair(parts->path, parts->query) : std::pair<std::string_view, std::string_view>();
}

TEST(parse_target, splits_the_origin_form_at_the_first_question_mark) {
  EXPECT_THAT(parts_of("/"), Pair("/", ""));
  EXPECT_THAT(parts_of("/v1/kv/a"), Pair("/v1/kv/a", ""));
  EXPECT_THAT(parts_of("/a?b=c"), Pair("/a", "b=c"));
  EXPECT_THAT(parts_of("/a?b?c"), Pair("/a", "b?c"));
  EXPECT_THAT(parts_of("/a?"), Pair("/a", ""));
  EXPECT_THAT(parts_of("/?a"), Pair("/", "a"));
}

TEST(parse_target, keeps_the_encoding) {
  EXPECT_THAT(parts_of("/a%2Fb%3F?c%26"), Pair("/a%2Fb%3F", "c%26"));
}

TEST(parse_target, two_slashes_at_the_start_are_a_path_and_no_authority) {
  EXPECT_THAT(parts_of("//host/a"), Pair("//host/a", ""));
}

TEST(parse_target, takes_the_path_out_of_the_absolute_form) {
  EXPECT_THAT(parts_of("http://localhost:8080/v1/kv/a?hold=1s"), Pair("/v1/kv/a", "hold=1s"));
  EXPECT_THAT(parts_of("HTTPS://EXAMPLE.org/a"), Pair("/a", ""));
  EXPECT_THAT(parts_of("http://[::1]:8080/a"), Pair("/a", ""));
  EXPECT_THAT(parts_of("http://127.0.0.1/a//b"), Pair("/a//b", ""));
}

TEST(parse_target, an_absolute_form_without_a_path_means_the_root) {
  EXPECT_THAT(parts_of("http://localhost"), Pair("/", ""));
  EXPECT_THAT(parts_of("http://localhost?a=b"), Pair("/", "a=b"));
}

TEST(parse_target, takes_the_asterisk_alone) {
  EXPECT_THAT(parts_of("*"), Pair("*", ""));
  EXPECT_EQ(code_of(parse_target("*?a")), "bad_request");
  EXPECT_EQ(code_of(parse_target("**")), "bad_request");
}

TEST(parse_target, refuses_what_is_no_form_of_a_target) {
  for (auto const* text : {"", "a", "localhost:443", "v1/kv/a", "?a", "ftp://host/a", "http:/a", "http:a",
                           "http//host/a", "://host/a", " /a", "javascript:/a"})
    EXPECT_EQ(code_of(parse_target(text)), "bad_request") << text;
}

TEST(parse_target, refuses_a_fragment_and_says_how_to_write_the_character) {
  for (auto const* text : {"/a#b", "/a?b#c", "http://host/a#b", "/#"}) {
    EXPECT_EQ(code_of(parse_target(text)), "bad_request") << text;
    EXPECT_THAT(detail_of(parse_target(text)), HasSubstr("%23")) << text;
  }
  EXPECT_EQ(code_of(parse_target("http://host#a")), "bad_request");
}

TEST(parse_target, refuses_user_information) {
  for (auto const* text : {"http://user@host/a", "http://user:secret@host/a", "http://@host/a"})
    EXPECT_EQ(code_of(parse_target(text)), "bad_request") << text;
}

// RFC 9110 §4.2.1: an http URI with an empty host is invalid.
TEST(parse_target, refuses_an_absolute_form_without_a_host) {
  for (auto const* text : {"http://", "http:///a", "http://?a", "http://:80/a", "http://:/a"})
    EXPECT_EQ(code_of(parse_target(text)), "bad_request") << text;
}

TEST(parse_target, refuses_a_malformed_host) {
  for (auto const* text : {"http://a_b c/", "http://[::1/a", "http://host:port/a", "http://host%zz/a"})
    EXPECT_EQ(code_of(parse_target(text)), "bad_request") << text;
}

auto parameters_of(std::string_view query) {
  auto const parameters = parse_query(query);
  EXPECT_TRUE(parameters) << query << ": " << detail_of(parameters);
  return parameters ? *parameters : std::vector<std::pair<std::string, std::string>>();
}

TEST(parse_query, gives_parameters_in_order_with_repetitions) {
  EXPECT_THAT(parameters_of("b=2&a=1&b=3"), ElementsAre(Pair("b", "2"), Pair("a", "1"), Pair("b", "3")));
  EXPECT_THAT(parameters_of("hold=1.5s&lock-timeout=0"), ElementsAre(Pair("hold", "1.5s"), Pair("lock-timeout", "0")));
  EXPECT_THAT(parameters_of(""), IsEmpty());
}

TEST(parse_query, a_name_alone_has_an_empty_value) {
  EXPECT_THAT(parameters_of("a&b="), ElementsAre(Pair("a", ""), Pair("b", "")));
  EXPECT_THAT(parameters_of("=a"), ElementsAre(Pair("", "a")));
  EXPECT_THAT(parameters_of("="), ElementsAre(Pair("", "")));
}

TEST(parse_query, splits_before_it_decodes) {
  EXPECT_THAT(parameters_of("a%3Db=c%26d&e=f=g"), ElementsAre(Pair("a=b", "c&d"), Pair("e", "f=g")));
}

// URLSearchParams, and with it our own page, writes a space so. It was taken for a plus sign, and a list of keys with a
// space found nothing.
TEST(parse_query, takes_a_plus_sign_for_a_space) {
  EXPECT_THAT(parameters_of("prefix=my+keys/a%2Bb"), ElementsAre(Pair("prefix", "my keys/a+b")));
  EXPECT_THAT(parameters_of("a+b=c%20d"), ElementsAre(Pair("a b", "c d")));
}

TEST(parse_query, skips_empty_pieces) {
  EXPECT_THAT(parameters_of("&&a=1&&b=2&"), ElementsAre(Pair("a", "1"), Pair("b", "2")));
  EXPECT_THAT(parameters_of("&"), IsEmpty());
}

TEST(parse_query, refuses_a_broken_encoding_in_name_or_value) {
  for (auto const* query : {"%", "a=%", "a=%4", "%zz=1", "a=1&b=%g0"})
    EXPECT_EQ(code_of(parse_query(query)), "invalid_parameter") << query;
}

TEST(is_host, takes_names_and_addresses_with_or_without_a_port) {
  for (auto const* text :
       {"localhost", "localhost:8080", "example.org", "EXAMPLE.org:80", "127.0.0.1", "127.0.0.1:65535", "a_b-c.~d",
        "[::1]", "[::1]:8080", "[::]", "[2001:db8::7]", "[::ffff:127.0.0.1]:1", "x%2Dy", "host:", "1", "a!$&'()*+,;=b"})
    EXPECT_TRUE(is_host(text)) << text;
}

TEST(is_host, takes_an_empty_name) {
  EXPECT_TRUE(is_host(""));
  EXPECT_TRUE(is_host(":80"));
}

TEST(is_host, refuses_what_can_not_stand_in_an_authority) {
  for (auto const* text :
       {"a b",     "a/b",  "a?b",   "a#b",   "user@host", "a@", "a\\b", "a\tb", "<a>", "\"a\"", "a,b c", "höst", "a:b",
        "a:80:90", "a:-1", "a:+80", "a: 80", "a:123456",  "a%", "a%4",  "a%zz", "::1", "a\x01", "a^b",   "{a}",  "a|b"})
    EXPECT_FALSE(is_host(text)) << text;
}

TEST(is_host, takes_the_longest_ipv6_address) {
  EXPECT_TRUE(is_host("[2001:0db8:0000:0000:0000:0000:255.255.255.255]:65535"));
  EXPECT_FALSE(is_host(std::string_view("[::1\0]", 6)));
}

TEST(is_host, refuses_brackets_without_an_ipv6_address_in_them) {
  for (auto const* text : {"[",
                           "[]",
                           "[:]",
                           "[::1",
                           "::1]",
                           "[abc]",
                           "[1.2.3.4]",
                           "[1::2::3]",
                           "[12345::]",
                           "[::1]8080",
                           "[::1]x",
                           "[::g]",
                           "[::1%25eth0]",
                           "[fe80::1%eth0]",
                           "[v1.a]",
                           "[::1]:x",
                           "[[::1]]",
                           "[1:2:3:4:5:6:7:8:9]",
                           "[::256.0.0.1]",
                           "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]"})
    EXPECT_FALSE(is_host(text)) << text;
}

}  // namespace
}  // namespace holdfast::protocol
