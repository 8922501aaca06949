// ETag and If-None-Match of reads, revisions, and the one precondition that is not evaluated.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <regex>
#include <thread>
#include <vector>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"

namespace holdfast::tests {
namespace {

using namespace std::literals;

struct conditional : ::testing::Test {
  conditional() { tag = client.ask(request("PUT", "/v1/kv/a", "1")).field("etag"); }

  raw_reply get_if_none_match(std::string const& list, std::string const& method = "GET") {
    return client.ask(request(method, "/v1/kv/a", {}, "If-None-Match: " + list + "\r\n"));
  }

  running_server server;
  raw_client client{server.port()};
  std::string tag;
};

// Built before any thread starts, as those of raw_reply.cpp are.
std::regex const tag_form("\"([0-9A-Za-z]+)-([0-9]+)\"");

/// The revision and the start in a tag of the form "<start>-<revision>".
std::pair<std::string, unsigned long> taken_apart(std::string const& tag) {
  std::smatch parts;
  if (!std::regex_match(tag, parts, tag_form)) throw std::runtime_error("not a tag: " + tag);
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
  // Each key has the revision of its own last change.
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

// --- conditions on writes, evaluated while the lock is held -------------------------------------------------------

struct conditional_write : conditional {
  raw_reply put_if(std::string const& fields, std::string const& key = "a") {
    return client.ask(request("PUT", "/v1/kv/" + key, "2", fields + "\r\n"));
  }
  std::string value(std::string const& key = "a") { return client.ask(request("GET", "/v1/kv/" + key)).body; }
};

TEST_F(conditional_write, if_match_is_done_where_a_tag_is_the_present_one) {
  auto const stored = put_if("If-Match: \"other\", " + tag);
  EXPECT_EQ(stored.status, 204);
  EXPECT_NE(stored.field("etag"), tag);
  EXPECT_EQ(value(), "2");
  EXPECT_EQ(put_if("If-Match: *").status, 204);
  EXPECT_EQ(put_if("If-Match: \"x\"\r\nIf-Match: *").status, 412) << "a list with an asterisk in it is none";
}

TEST_F(conditional_write, who_comes_too_late_is_412_and_told_the_present_tag_so_that_no_get_is_needed) {
  put_if("If-Match: " + tag);
  auto const lost = put_if("If-Match: " + tag);
  EXPECT_EQ(lost.status, 412);
  EXPECT_EQ(lost.code(), "precondition_failed");
  EXPECT_EQ(lost.field("etag"), client.ask(request("GET", "/v1/kv/a")).field("etag"));
  EXPECT_EQ(lost.field("holdfast-revision"), "2");
  EXPECT_EQ(put_if("If-Match: " + lost.field("etag")).status, 204);
}

TEST_F(conditional_write, if_match_without_a_key_is_412_without_a_tag) {
  for (auto const& field : {std::string("If-Match: *"), "If-Match: " + tag}) {
    auto const refused = put_if(field, "none");
    EXPECT_EQ(refused.status, 412) << field;
    EXPECT_FALSE(refused.has("etag")) << field;
  }
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/none")).status, 404);
}

TEST_F(conditional_write, if_none_match_with_an_asterisk_creates_and_nothing_else) {
  EXPECT_EQ(put_if("If-None-Match: *", "new").status, 201);
  auto const refused = put_if("If-None-Match: *", "new");
  EXPECT_EQ(refused.status, 412);
  EXPECT_EQ(refused.code(), "already_exists");
  EXPECT_EQ(refused.field("etag"), client.ask(request("GET", "/v1/kv/new")).field("etag"));
  client.ask(request("DELETE", "/v1/kv/new"));
  EXPECT_EQ(put_if("If-None-Match: *", "new").status, 201);
}

TEST_F(conditional_write, if_none_match_with_a_tag_is_412_where_it_matches) {
  EXPECT_EQ(put_if("If-None-Match: " + tag).status, 412);
  EXPECT_EQ(put_if("If-None-Match: W/" + tag).code(), "precondition_failed");
  EXPECT_EQ(value(), "1");
  EXPECT_EQ(put_if("If-None-Match: \"other\"").status, 204);
}

// It named no tag, so what was to be created only was replaced.
TEST_F(conditional_write, an_if_none_match_that_is_no_list_of_tags_is_refused) {
  for (auto const* const list : {"*, *", "*, \"x\"", "*,", "abc", "\"x", "", ",", " , ,"})
    for (auto const& [method, target, body] : {std::array{"PUT", "/v1/kv/a", "2"},
                                               {"DELETE", "/v1/kv/a", ""},
                                               {"POST", "/v1/kv/a?increment=1", ""},
                                               {"PATCH", "/v1/kv/a", "2"}}) {
      auto const refused =
          raw_client(server.port())
              .ask(request(method, target, body,
                           "Content-Type: application/merge-patch+json\r\nIf-None-Match: "s + list + "\r\n"));
      EXPECT_EQ(refused.status, 400) << method << ' ' << list;
      EXPECT_EQ(refused.code(), "bad_request") << method << ' ' << list;
    }
  EXPECT_EQ(value(), "1");
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a", {}, "If-None-Match: abc\r\n")).status, 200)
      << "a read tells the value";
  for (auto const* const list : {"", ","})
    EXPECT_EQ(put_if("If-Match: "s + list).status, 412) << "it matches nothing, so nothing is replaced";
}

// nginx with gzip makes strong tags weak.
TEST_F(conditional_write, a_weak_tag_never_matches_and_the_refusal_says_that_a_proxy_changed_it) {
  auto const refused = put_if("If-Match: W/" + tag);
  EXPECT_EQ(refused.status, 412);
  EXPECT_THAT(refused.detail(), ::testing::HasSubstr("proxy"));
  EXPECT_EQ(refused.field("etag"), tag);
  EXPECT_EQ(value(), "1");
}

TEST_F(conditional_write, a_tag_of_another_database_never_matches) {
  running_server another;
  raw_client other(another.port());
  auto const foreign = other.ask(request("PUT", "/v1/kv/a", "1")).field("etag");
  EXPECT_EQ(put_if("If-Match: " + foreign).status, 412);
  EXPECT_EQ(put_if("If-None-Match: " + foreign).status, 204);
}

TEST_F(conditional_write, holds_for_every_method_that_writes) {
  put_if("If-Match: *");
  std::string const stale = "If-Match: " + tag + "\r\n";
  for (auto const& bytes :
       {request("DELETE", "/v1/kv/a", {}, stale), request("POST", "/v1/kv/a?increment=1", {}, stale),
        request("POST", "/v1/kv/a?ttl=1h", {}, stale),
        request("PATCH", "/v1/kv/a", "7", stale + "Content-Type: application/merge-patch+json\r\n")}) {
    auto const refused = client.ask(bytes);
    EXPECT_EQ(refused.status, 412) << bytes;
    EXPECT_EQ(refused.field("holdfast-revision"), "2") << bytes;
  }
  EXPECT_EQ(value(), "2");
}

TEST_F(conditional_write, if_match_is_evaluated_before_if_none_match) {
  EXPECT_EQ(put_if("If-None-Match: *\r\nIf-Match: \"x\"").code(), "precondition_failed");
  EXPECT_EQ(put_if("If-None-Match: *\r\nIf-Match: *").code(), "already_exists");
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a", {}, "If-Match: \"x\"\r\nIf-None-Match: " + tag + "\r\n")).status,
            412);
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a", {}, "If-Match: *\r\nIf-None-Match: " + tag + "\r\n")).status, 304);
}

// Two hundred read-modify-writes on each of four connections: none is lost.
TEST_F(conditional_write, of_many_who_compete_one_wins_each_round) {
  constexpr int writers = 4, rounds = 200;
  client.ask(request("PUT", "/v1/kv/count", "0"));
  std::vector<std::thread> threads;
  for (int i = 0; i < writers; ++i) {
    threads.emplace_back([&] {
      raw_client one(server.port());
      auto present = one.ask(request("GET", "/v1/kv/count"));
      for (int done = 0; done < rounds;) {
        auto const next = std::to_string(std::stoi(present.body) + 1);
        auto const reply = one.ask(request("PUT", "/v1/kv/count", next, "If-Match: " + present.field("etag") + "\r\n"));
        done += reply.status == 204 ? 1 : 0;
        present = one.ask(request("GET", "/v1/kv/count"));
      }
    });
  }
  for (auto& one : threads) one.join();
  EXPECT_EQ(value("count"), std::to_string(writers * rounds));
}

}  // namespace
}  // namespace holdfast::tests
