#include "server/access/token_file.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;

std::string const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";  // FIPS 180-2, B.1

std::string entry(std::string const& more) {
  return "[[token]]\nname = \"web\"\nsha256 = \"" + abc + "\"\n" + more;
}

std::string refusal_of(std::string const& text) {
  auto const read = read_tokens(text);
  if (read) {
    ADD_FAILURE() << "was accepted: " << text;
    return {};
  }
  return read.error().detail;
}

TEST(token_file, names_who_may_do_what_until_when) {
  auto const read = read_tokens(entry("expires = 2027-01-01T01:00:00+01:00\nscopes = [\"read:users/\", \"admin\"]\n"));
  ASSERT_TRUE(read) << read.error().detail;
  ASSERT_EQ(read->size(), 1U);
  auto const& one = read->front();
  EXPECT_EQ(one.name, "web");
  EXPECT_EQ(one.secret, digest_of("abc"));
  EXPECT_EQ(to_text(*one.expires), "2027-01-01T00:00:00Z");
  EXPECT_TRUE(one.allows(scope::read, "users/zoe"));
  EXPECT_TRUE(one.allows(scope::read, "users/"));
  EXPECT_FALSE(one.allows(scope::read, "users"));
  EXPECT_FALSE(one.allows(scope::read, "orders/1"));
  EXPECT_FALSE(one.allows(scope::write, "users/zoe"));
  EXPECT_TRUE(one.allows(scope::admin, ""));
}

TEST(token_file, an_error_names_its_line_and_what_would_be_right) {
  EXPECT_EQ(refusal_of(entry("scopes = [\"read\"]\n")).substr(0, 31), "line 4: 'read' is no scope; wri");
  EXPECT_NE(refusal_of(entry("scopes = [\"reed:\"]\n")).find("read:PREFIX"), std::string::npos);
  EXPECT_EQ(refusal_of(entry("\nscope = [\"read:\"]\n")).substr(0, 6), "line 5");
  EXPECT_NE(refusal_of(entry("scopes = []\n")).find("line 4"), std::string::npos);
  EXPECT_NE(refusal_of(entry("")).find("no scopes"), std::string::npos);
  EXPECT_NE(refusal_of("[[token]]\nname = \"web\"\nsha256 = \"12\"\nscopes = [\"admin\"]\n").find("line 3: sha256"),
            std::string::npos);
  EXPECT_NE(refusal_of(entry("expires = \"2027\"\nscopes = [\"admin\"]\n")).find("line 4: expires"), std::string::npos);
  EXPECT_NE(refusal_of(entry("expires = 2027-01-01T00:00:00\nscopes = [\"admin\"]\n")).find("offset"),
            std::string::npos);
  EXPECT_NE(refusal_of("[token]\nname = \"web\"\n").find("[[token]]"), std::string::npos);
  EXPECT_NE(refusal_of("name web\n").find("line 1"), std::string::npos);
  EXPECT_NE(refusal_of("").find("token new"), std::string::npos);
}

TEST(token_file, each_name_and_each_secret_stands_for_one_token) {
  auto const admin = std::string("scopes = [\"admin\"]\n");
  EXPECT_NE(refusal_of(entry(admin) + entry(admin)).find("name \"web\""), std::string::npos);
  EXPECT_NE(refusal_of(entry(admin) + "[[token]]\nname = \"b\"\nsha256 = \"" + abc + "\"\n" + admin).find("secret of"),
            std::string::npos);
  EXPECT_EQ(refusal_of(entry(admin) + entry(admin)).find(abc), std::string::npos);
}

TEST(token_file, reads_what_token_new_prints) {
  token made{.name = "ci.deploy",
             .secret = digest_of("x"),
             .expires = parse_instant("2030-06-01T12:30:15Z"),
             .permissions = {{scope::read, "a\"b\\\n/"}, {scope::lock, ""}, {scope::admin, ""}}};
  auto const read = read_tokens(to_toml(made));
  ASSERT_TRUE(read) << read.error().detail << '\n' << to_toml(made);
  auto const& one = read->front();
  EXPECT_EQ(one.name, made.name);
  EXPECT_EQ(one.secret, made.secret);
  EXPECT_EQ(one.expires, made.expires);
  ASSERT_EQ(one.permissions.size(), 3U);
  EXPECT_EQ(one.permissions[0].prefix, made.permissions[0].prefix);
}

// They ended the text of the entry, so that "token new" called its own entry wrong. Found by fuzzing.
TEST(token_file, a_prefix_may_have_three_apostrophes_and_any_control_character) {
  token made{.name = "it's", .secret = digest_of("x"), .expires = {}, .permissions = {}};
  std::string controls = "\x7F";
  for (auto c = '\0'; c < ' '; ++c) controls += c;
  for (std::string const& prefix :
       {std::string("\n'''a'''"), std::string("\"\"\"\n"), controls, std::string("\\u00e9\u00e9")})
    made.permissions.push_back({scope::read, prefix});
  auto const read = read_tokens(to_toml(made));
  ASSERT_TRUE(read) << read.error().detail << '\n' << to_toml(made);
  EXPECT_EQ(read->front().name, made.name);
  ASSERT_EQ(read->front().permissions.size(), made.permissions.size());
  for (std::size_t i = 0; i < made.permissions.size(); ++i)
    EXPECT_EQ(read->front().permissions[i].prefix, made.permissions[i].prefix);
}

// Instants that do not fit the clock overflowed: a token without end had expired, and one of 1500 was valid until 2084.
TEST(token_file, an_instant_beyond_the_clock_is_its_end) {
  EXPECT_GT(*parse_instant("9999-12-31T23:59:59Z"), *parse_instant("2261-12-31T00:00:00Z"));
  EXPECT_LT(*parse_instant("1500-01-01T00:00:00Z"), *parse_instant("1700-01-01T00:00:00Z"));
  EXPECT_LT(*parse_instant("0001-01-01T00:00:00+14:00"), *parse_instant("1700-01-01T00:00:00Z"));
}

// The library fails an assertion at it, or in a release build assumes that it can't occur. Found by fuzzing.
TEST(token_file, refuses_a_section_without_a_name) {
  EXPECT_TRUE(refusal_of("[+[token]]\n").starts_with("line 1: "));
}

TEST(token_file, an_instant_is_nothing_else) {
  EXPECT_FALSE(parse_instant("720h"));
  EXPECT_FALSE(parse_instant("2030-06-01T12:30:15"));
  EXPECT_FALSE(parse_instant("2030-06-01T12:30:15Z\nb = 1"));
}

TEST(secret, has_256_bits_and_no_two_are_alike) {
  auto const one = make_secret(), other = make_secret();
  EXPECT_EQ(one.size(), 3U + 43U);
  EXPECT_TRUE(one.starts_with("hf_"));
  EXPECT_NE(one, other);
  EXPECT_TRUE(
      std::all_of(one.begin(), one.end(), [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; }));
}

TEST(token_set, knows_a_token_by_its_secret_alone) {
  token_set const set({{.name = "a", .secret = digest_of("one"), .expires = {}, .permissions = {}},
                       {.name = "b", .secret = digest_of("two"), .expires = {}, .permissions = {}}});
  EXPECT_EQ(set.find("two")->name, "b");
  EXPECT_EQ(set.find("three"), nullptr);
  EXPECT_EQ(set.find(to_hexadecimal(digest_of("two"))), nullptr);
}

}  // namespace
}  // namespace holdfast::server
