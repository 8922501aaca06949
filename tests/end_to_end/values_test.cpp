// GET, HEAD, PUT and DELETE of values: statuses, bodies and fields.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"

namespace holdfast::tests {
namespace {

using ::testing::HasSubstr;

struct values : ::testing::Test {
  running_server server;
  raw_client client{server.port()};
};

TEST_F(values, a_value_comes_back_byte_for_byte_as_it_was_put) {
  for (std::string const text :
       {" { \"a\" : [1,  2] }\n", "\"\\u00e9 \xC3\xA9 \\/\"", "1.50E+2", "\t-0\r\n", "{\"a\":1,\"a\":2}", "null",
        "123456789012345678901234567890", "0.1000000000000000055511151231257827"}) {
    client.ask(request("PUT", "/v1/kv/text", text));
    auto const got = client.ask(request("GET", "/v1/kv/text"));
    EXPECT_EQ(got.status, 200);
    EXPECT_EQ(got.body, text);
    EXPECT_EQ(got.field("content-type"), "application/json");
  }
}

// The first GET is parsed, the second recognized by its fields; one that arrives in pieces is awaited by a coroutine.
// The size of a value decides whether it is copied, shared, or sent from its own memory.
TEST_F(values, a_value_is_the_same_however_the_server_comes_by_it) {
  auto const head_of = [](raw_reply const& reply) {
    std::map<std::string, std::string> head;
    for (auto const* name : {"content-type", "content-length", "etag", "x-content-type-options"})
      head[name] = reply.field(name);
    for (auto const* name : {"date", "server-timing", "holdfast-request-id"}) EXPECT_TRUE(reply.has(name)) << name;
    return head;
  };
  for (std::size_t const size : {3U, 255U, 256U, 257U, 512U, 513U, 16'384U, 16'385U, 100'000U}) {
    auto const text = '"' + std::string(size - 2, 'v') + '"';
    client.ask(request("PUT", "/v1/kv/sized", text));
    auto const get = request("GET", "/v1/kv/sized");
    auto const first = client.ask(get);
    EXPECT_EQ(first.status, 200);
    EXPECT_TRUE(first.body == text) << size;
    for (int i = 0; i < 3; ++i) {
      if (i == 2) {
        client.send(get.substr(0, 9));
        server.settle();
      }
      auto const again = client.ask(i == 2 ? get.substr(9) : get);
      EXPECT_EQ(again.status, 200);
      EXPECT_TRUE(again.body == text) << size;
      EXPECT_EQ(head_of(again), head_of(first)) << size;
    }
  }
}

TEST_F(values, a_new_key_is_answered_201_with_its_path_and_its_tag) {
  auto const put = client.ask(request("PUT", "/v1/kv/greeting", "\"hello\""));
  EXPECT_EQ(put.status, 201);
  EXPECT_EQ(put.field("location"), "/v1/kv/greeting");
  EXPECT_EQ(put.body, "");
  EXPECT_EQ(put.field("etag"), client.ask(request("GET", "/v1/kv/greeting")).field("etag"));
}

TEST_F(values, a_replaced_value_is_answered_204_with_a_new_tag_and_no_location) {
  auto const first = client.ask(request("PUT", "/v1/kv/greeting", "1"));
  auto const second = client.ask(request("PUT", "/v1/kv/greeting", "2"));
  EXPECT_EQ(second.status, 204);
  EXPECT_FALSE(second.has("location"));
  EXPECT_NE(second.field("etag"), "");
  EXPECT_NE(second.field("etag"), first.field("etag"));
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/greeting")).body, "2");
}

TEST_F(values, an_absent_key_is_answered_404_that_says_how_to_store_it) {
  auto const got = client.ask(request("GET", "/v1/kv/nobody"));
  EXPECT_EQ(got.status, 404);
  EXPECT_EQ(got.code(), "key_not_found");
  EXPECT_THAT(got.detail(), HasSubstr("nobody"));
  EXPECT_THAT(got.detail(), HasSubstr("PUT"));
  EXPECT_FALSE(got.has("etag"));
}

TEST_F(values, head_answers_as_get_does_without_the_body) {
  client.ask(request("PUT", "/v1/kv/greeting", "\"hello\""));
  auto const got = client.ask(request("GET", "/v1/kv/greeting"));
  auto const head = client.ask(request("HEAD", "/v1/kv/greeting"));
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.field("content-length"), "7");
  EXPECT_EQ(head.field("content-type"), got.field("content-type"));
  EXPECT_EQ(head.field("etag"), got.field("etag"));
  EXPECT_TRUE(head.has("server-timing"));
  // A body here would corrupt the next answer.
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/greeting")).body, "\"hello\"");
}

TEST_F(values, head_of_an_absent_key_is_404_without_a_body) {
  auto const head = client.ask(request("HEAD", "/v1/kv/nobody"));
  EXPECT_EQ(head.status, 404);
  EXPECT_EQ(head.field("content-type"), "application/problem+json");
  EXPECT_EQ(head.field("content-length"), client.ask(request("GET", "/v1/kv/nobody")).field("content-length"));
}

TEST_F(values, a_deleted_value_is_gone) {
  client.ask(request("PUT", "/v1/kv/greeting", "1"));
  auto const del = client.ask(request("DELETE", "/v1/kv/greeting"));
  EXPECT_EQ(del.status, 204);
  EXPECT_EQ(del.body, "");
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/greeting")).status, 404);
  auto const again = client.ask(request("DELETE", "/v1/kv/greeting"));
  EXPECT_EQ(again.status, 404);
  EXPECT_EQ(again.code(), "key_not_found");
  EXPECT_EQ(client.ask(request("PUT", "/v1/kv/greeting", "1")).status, 201);
}

TEST_F(values, the_body_is_read_as_json_whatever_its_type_says) {
  for (std::string const type :
       {"application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8", "image/png", "nonsense"})
    EXPECT_LT(client.ask(request("PUT", "/v1/kv/typed", "{\"a\":1}", "Content-Type: " + type + "\r\n")).status, 300)
        << type;
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/typed")).field("content-type"), "application/json");
}

TEST_F(values, what_is_not_json_is_refused_with_the_place_and_changes_nothing) {
  client.ask(request("PUT", "/v1/kv/kept", "1"));
  std::vector<std::string> const texts{
      "hello",  "{\"a\":1,}", "[1 2]",          "'a'",      "NaN", "01",  "\"\x01\"",   "{\"a\":}",
      "\"open", "1 2",        "\xEF\xBB\xBF 1", "\"\xFF\"", "[",   "nul", "// note\n1", std::string("1\0oops", 6)};
  for (auto const& text : texts) {
    auto const put = client.ask(request("PUT", "/v1/kv/kept", text));
    EXPECT_EQ(put.status, 400) << text;
    EXPECT_EQ(put.code(), "invalid_json") << text;
    EXPECT_THAT(put.detail(), ::testing::AnyOf(HasSubstr("line"), HasSubstr("byte"), HasSubstr("column"))) << text;
  }
  auto const kept = client.ask(request("GET", "/v1/kv/kept"));
  EXPECT_EQ(kept.body, "1");
}

// Each is JSON by RFC 8259, as JSON.stringify() and Python write it, and was refused as "not valid JSON".
TEST_F(values, any_json_text_comes_back_byte_for_byte) {
  std::vector<std::string> const texts{"1e400", std::string(617, '9'), R"("\ud83d")", R"({"\ude00":[-1E999,1.0,1E2]})"};
  for (auto const& text : texts) {
    EXPECT_LT(client.ask(request("PUT", "/v1/kv/any", text)).status, 300) << text;
    EXPECT_EQ(client.ask(request("GET", "/v1/kv/any")).body, text);
  }
}

TEST_F(values, the_detail_says_where_the_json_broke) {
  auto const put = client.ask(request("PUT", "/v1/kv/kept", "{\n  \"a\": 1,\n  \"b\": oops\n}"));
  EXPECT_THAT(put.detail(), HasSubstr("line 3"));
}

TEST_F(values, an_empty_body_is_refused_and_the_connection_goes_on) {
  auto const without = client.ask(request("PUT", "/v1/kv/kept"));
  EXPECT_EQ(without.status, 400);
  EXPECT_EQ(without.code(), "invalid_json");
  EXPECT_EQ(client.ask(request("PUT", "/v1/kv/kept", {}, "Content-Length: 0\r\n")).code(), "invalid_json");
  EXPECT_EQ(client.ask(request("PUT", "/v1/kv/kept", "  \n ")).code(), "invalid_json");
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/kept")).status, 404);
}

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

TEST_F(values, json_is_nested_512_deep_and_no_deeper) {
  EXPECT_EQ(client.ask(request("PUT", "/v1/kv/deep", nested(512))).status, 201);
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/deep")).body, nested(512));
  auto const deeper = client.ask(request("PUT", "/v1/kv/deep", nested(513)));
  EXPECT_EQ(deeper.status, 400);
  EXPECT_EQ(deeper.code(), "invalid_json");
  EXPECT_THAT(deeper.detail(), HasSubstr("512"));
  // Half a megabyte of brackets must not exhaust the stack.
  EXPECT_EQ(client.ask(request("PUT", "/v1/kv/deep", nested(250'000))).code(), "invalid_json");
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/deep")).body, nested(512));
}

TEST_F(values, the_answer_to_nesting_too_deep_says_where) {
  auto const deeper = client.ask(request("PUT", "/v1/kv/deep", "{\"[[\\\"[\": [[]],\n\"a\": " + nested(512) + "}"));
  EXPECT_EQ(deeper.code(), "invalid_json");
  EXPECT_THAT(deeper.detail(), HasSubstr("line 2, column 517"));
}

TEST_F(values, a_read_or_a_delete_with_a_body_is_refused_and_changes_nothing) {
  client.ask(request("PUT", "/v1/kv/kept", "1"));
  for (std::string const method : {"GET", "DELETE"}) {
    auto const refused = raw_client(server.port()).ask(request(method, "/v1/kv/kept", "{}"));
    EXPECT_EQ(refused.status, 400) << method;
  }
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/kept")).body, "1");
}

TEST_F(values, a_put_that_is_more_or_other_than_the_value_is_refused) {
  EXPECT_EQ(raw_client(server.port()).ask(request("PUT", "/v1/kv/a", "1", "Content-Encoding: gzip\r\n")).status, 415);
  EXPECT_EQ(raw_client(server.port()).ask(request("PUT", "/v1/kv/a", "1", "Content-Range: bytes 0-0/9\r\n")).status,
            400);
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).status, 404);
}

TEST_F(values, several_clients_see_one_database) {
  client.ask(request("PUT", "/v1/kv/shared", "\"seen\""));
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(raw_client(server.port()).ask(request("GET", "/v1/kv/shared")).body, "\"seen\"");
}

}  // namespace
}  // namespace holdfast::tests
