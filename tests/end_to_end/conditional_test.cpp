// ETag and If-None-Match of reads, revisions, and the one precondition that is not evaluated.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"

namespace holdfast::tests {
namespace {

struct conditional : ::testing::Test {
  conditional() { tag = client.ask(request("PUT", "/v1/kv/a", "1")).field("etag"); }

  raw_reply get_if_none_match(std::string const& list, std::string const& method = "GET") {
    return client.ask(request(method, "/v1/kv/a", {}, "If-None-Match: " + list + "\r\n"));
  }

  running_server server;
  raw_client client{server.port()};
  std::string tag;
};

/// The revision in a tag of the form "<start>-<revision>", and its start.
std::pair<std::string, unsigned long> taken_apart(std::string const& tag) {
  static std::regex const form("\"([0-9A-Za-z]+)-([0-9]+)\"");
  std::smatch parts;
  if (!std::regex_match(tag, parts, form)) throw std::runtime_error("not a tag: " + tag);
  return {parts[1], std::stoul(parts[2])};
}

TEST_F(conditional, a_tag_that_still_fits_is_answered_304_without_a_body) {
  for (auto const& list : {tag, "W/" + tag, "\"x\", " + tag, "\"x\",W/\"y\"  ,  W/" + tag + " , \"z\"", ",, " + tag,
                           std::string("*"), "\"with, comma\", " + tag}) {
    auto const got = get_if_none_match(list);
    EXPECT_EQ(got.status, 304) << list;
    EXPECT_EQ(got.field("etag"), tag) << list;
    EXPECT_EQ(got.body, "");
    EXPECT_TRUE(got.has("server-timing")) << list;
  }
}

TEST_F(conditional, tags_in_several_fields_are_one_list) {
  auto const got = client.ask(request("GET", "/v1/kv/a", {}, "If-None-Match: \"x\"\r\nIf-None-Match: " + tag + "\r\n"));
  EXPECT_EQ(got.status, 304);
}

TEST_F(conditional, a_tag_that_does_not_fit_is_answered_with_the_value) {
  auto const bare = tag.substr(1, tag.size() - 2);
  for (auto const& list : {std::string("\"x\""), bare, "\"" + bare + "0\"", "w/" + tag, std::string("\"*\""),
                           "\"x" + tag, std::string()}) {
    auto const got = get_if_none_match(list);
    EXPECT_EQ(got.status, 200) << list;
    EXPECT_EQ(got.body, "1") << list;
  }
}

TEST_F(conditional, head_is_conditional_too) {
  EXPECT_EQ(get_if_none_match(tag, "HEAD").status, 304);
  EXPECT_EQ(get_if_none_match("\"x\"", "HEAD").status, 200);
}

TEST_F(conditional, an_absent_key_is_404_whatever_the_condition) {
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/nobody", {}, "If-None-Match: *\r\n")).status, 404);
}

TEST_F(conditional, an_old_tag_fits_no_longer_after_a_change) {
  client.ask(request("PUT", "/v1/kv/a", "1"));
  EXPECT_EQ(get_if_none_match(tag).status, 200);
  client.ask(request("DELETE", "/v1/kv/a"));
  client.ask(request("PUT", "/v1/kv/a", "1"));
  EXPECT_EQ(get_if_none_match(tag).status, 200);
}

TEST_F(conditional, every_change_of_the_database_raises_the_revision_by_one) {
  auto const [start, first] = taken_apart(tag);
  EXPECT_EQ(taken_apart(client.ask(request("PUT", "/v1/kv/b", "1")).field("etag")), (std::pair{start, first + 1}));
  client.ask(request("DELETE", "/v1/kv/b"));
  EXPECT_EQ(client.ask(request("DELETE", "/v1/kv/b")).status, 404);  // changes nothing
  EXPECT_EQ(client.ask(request("PUT", "/v1/kv/b", "oops")).status, 400);
  EXPECT_EQ(taken_apart(client.ask(request("PUT", "/v1/kv/b", "1")).field("etag")), (std::pair{start, first + 3}));
  // A key remembers its own last change.
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).field("etag"), tag);
}

TEST_F(conditional, another_life_of_the_server_gives_other_tags) {
  running_server another;
  EXPECT_NE(raw_client(another.port()).ask(request("PUT", "/v1/kv/a", "1")).field("etag"), tag);
}

TEST_F(conditional, a_write_with_a_precondition_that_is_not_evaluated_is_refused_and_never_done) {
  for (std::string const field : {"If-Unmodified-Since: Sat, 29 Oct 1994 19:43:31 GMT", "If-Unmodified-Since: x",
                                  "If-Match: *\r\nIf-Unmodified-Since: Sat, 29 Oct 1994 19:43:31 GMT"}) {
    auto const put = raw_client(server.port()).ask(request("PUT", "/v1/kv/a", "2", field + "\r\n"));
    EXPECT_EQ(put.status, 501) << field;
    auto const del = client.ask(request("DELETE", "/v1/kv/a", {}, field + "\r\n"));
    EXPECT_EQ(del.status, 501) << field;
    EXPECT_THAT(del.detail(), ::testing::HasSubstr("If-Match")) << field;
  }
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).body, "1");
}

}  // namespace
}  // namespace holdfast::tests
