// Which keys exist, and their spellings in a path.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"

namespace holdfast::tests {
namespace {

struct keys : ::testing::Test {
  raw_reply put(std::string const& path, std::string const& value = "1") {
    return client.ask(request("PUT", "/v1/kv/" + path, value));
  }
  raw_reply get(std::string const& path) { return client.ask(request("GET", "/v1/kv/" + path)); }

  running_server server;
  raw_client client{server.port()};
};

TEST_F(keys, slashes_belong_to_the_key) {
  put("a/b/c", "1");
  put("a/b/c/", "2");
  put("a//b", "3");
  EXPECT_EQ(get("a/b/c").body, "1");
  EXPECT_EQ(get("a/b/c/").body, "2");
  EXPECT_EQ(get("a//b").body, "3");
  EXPECT_EQ(get("a/b").status, 404);
  EXPECT_EQ(get("a%2Fb%2fc").body, "1");
}

TEST_F(keys, a_key_is_the_same_however_it_is_spelled) {
  EXPECT_EQ(put("caf%C3%A9", "1").status, 201);
  EXPECT_EQ(get("caf%c3%a9").body, "1");
  EXPECT_EQ(get("caf\xC3\xA9").body, "1");  // as curl sends it
  EXPECT_EQ(get("%63%61f%C3%A9").body, "1");
  EXPECT_EQ(put("%E2%82%AC%F0%9F%98%80").status, 201);
}

TEST_F(keys, what_a_path_can_not_carry_is_percent_encoded) {
  put("a%3Fb", "1");
  put("a%23b", "2");
  put("a%25b", "3");
  put("a%20b", "4");
  put("a+b", "5");
  EXPECT_EQ(get("a%3fb").body, "1");
  EXPECT_EQ(get("a%23b").body, "2");
  EXPECT_EQ(get("a%25b").body, "3");
  EXPECT_EQ(get("a%20b").body, "4");
  EXPECT_EQ(get("a%2Bb").body, "5");  // a plus is a plus
}

TEST_F(keys, location_spells_the_key_so_that_it_can_be_asked_for) {
  for (std::string const path :
       {"a%3Fb%23c%25d", "caf%C3%A9", "a/b//c", "a%20b%22%3C%3E", "%5B%5D%7B%7D%5C%5E%60%7C"}) {
    auto const location = put(path, "\"" + path + "\"").field("location");
    ASSERT_TRUE(location.starts_with("/v1/kv/")) << location;
    EXPECT_EQ(client.ask(request("GET", location)).body, "\"" + path + "\"");
  }
}

TEST_F(keys, a_key_has_1_to_1024_bytes) {
  std::string const longest(1024, 'k');
  EXPECT_EQ(put(longest).status, 201);
  EXPECT_EQ(get(longest).status, 200);
  auto const longer = put(longest + "k");
  EXPECT_EQ(longer.status, 400);
  EXPECT_EQ(longer.code(), "invalid_key");
  EXPECT_THAT(longer.detail(), ::testing::HasSubstr("1024"));
  raw_client another(server.port());
  EXPECT_EQ(another.ask(request("GET", "/v1/kv/")).code(), "invalid_key");
}

TEST_F(keys, the_limit_counts_decoded_bytes) {
  std::string encoded;
  for (int i = 0; i < 1024; ++i) encoded += "%6b";
  EXPECT_EQ(put(encoded).status, 201);
  EXPECT_EQ(get(std::string(1024, 'k')).status, 200);
  EXPECT_EQ(raw_client(server.port()).ask(request("GET", "/v1/kv/" + encoded + "k")).code(), "invalid_key");
}

TEST_F(keys, what_is_not_utf8_or_has_control_characters_is_refused) {
  for (std::string const path :
       {"%FF", "%C3", "%C0%80", "%ED%A0%80", "%F4%90%80%80", "a%80", "%00", "%1F", "%0A", "%7F", "%C2%85", "\xFF"}) {
    auto const got = get(path);
    EXPECT_EQ(got.status, 400) << path;
    EXPECT_EQ(got.code(), "invalid_key") << path;
  }
}

TEST_F(keys, a_percent_sign_without_two_digits_is_refused_with_advice) {
  for (std::string const path : {"%", "a%2", "%zz", "100%", "%4g"}) {
    auto const got = get(path);
    EXPECT_EQ(got.status, 400) << path;
    EXPECT_EQ(got.code(), "invalid_key") << path;
    EXPECT_THAT(got.detail(), ::testing::HasSubstr("%25")) << path;
  }
}

TEST_F(keys, dots_are_no_directories) {
  put("a/../b", "1");
  put("b", "2");
  EXPECT_EQ(get("a/../b").body, "1");
  EXPECT_EQ(get("b").body, "2");
  for (std::string const path : {".", "..", "%2E%2e"}) {
    EXPECT_EQ(get(path).status, 400) << path;
    EXPECT_EQ(get(path).code(), "invalid_key") << path;
  }
}

}  // namespace
}  // namespace holdfast::tests
