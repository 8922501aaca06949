// Writes of one key besides storing and deleting: times to live, counters, patches, representations, repeated requests,
// and reads that wait for a change.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/stopwatch.hpp"

namespace holdfast::tests {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;

struct writes : ::testing::Test {
  raw_reply put(std::string const& key, std::string const& value, std::string const& more = {}) {
    return client.ask(request("PUT", "/v1/kv/" + key, value, more));
  }
  raw_reply get(std::string const& key) { return client.ask(request("GET", "/v1/kv/" + key)); }
  raw_reply post(std::string const& key_and_query) { return client.ask(request("POST", "/v1/kv/" + key_and_query)); }
  std::uint64_t revision() { return json::parse(client.ask(request("GET", "/v1/kv?limit=1")).body)["revision"]; }

  /// Reads until a key is gone; its time to live is short.
  void await_expiry(std::string const& key) {
    stopwatch const watch;
    while (get(key).status != 404)
      if (watch.elapsed_ms() > 20'000) throw std::runtime_error("a key does not expire");
  }

  struct refusal {
    std::string request;
    int status;
    std::string code;
  };
  /// Each is refused, and has changed nothing.
  void expect_refused(std::vector<refusal> const& all) {
    auto const before = revision();
    for (auto const& one : all) {
      raw_client another(server.port());
      auto const reply = another.ask(one.request);
      EXPECT_EQ(reply.status, one.status) << one.request << reply.body;
      EXPECT_EQ(reply.code(), one.code) << one.request << reply.body;
    }
    EXPECT_EQ(revision(), before);
  }

  running_server server;
  raw_client client{server.port()};
};

// --- times to live -------------------------------------------------------------------------------------------------

TEST_F(writes, a_time_to_live_is_set_kept_and_cleared) {
  auto const stored = put("a?ttl=30s", "1");
  EXPECT_EQ(stored.status, 201);
  EXPECT_EQ(stored.field("holdfast-ttl"), "30");
  auto const left = std::stod(get("a").field("holdfast-ttl"));
  EXPECT_GT(left, 0);
  EXPECT_LE(left, 30);
  auto const kept = put("a?ttl=keep", "2");
  EXPECT_EQ(kept.status, 204);
  EXPECT_LE(std::stod(kept.field("holdfast-ttl")), 30);
  EXPECT_FALSE(put("a", "3").has("holdfast-ttl")) << "none clears it";
  EXPECT_FALSE(get("a").has("holdfast-ttl"));
  EXPECT_EQ(put("a?ttl=1d", "4").field("holdfast-ttl"), "86400");
  auto const head = client.ask(request("HEAD", "/v1/kv/a"));
  EXPECT_TRUE(head.has("holdfast-ttl"));
  EXPECT_TRUE(
      client.ask(request("GET", "/v1/kv/a", {}, "If-None-Match: " + head.field("etag") + "\r\n")).has("holdfast-ttl"))
      << "a 304 says it too";
}

TEST_F(writes, a_key_is_gone_when_its_time_is_up) {
  put("a?ttl=20ms", "1");
  put("stays?ttl=1h", "1");
  await_expiry("a");
  EXPECT_EQ(revision(), 3U) << "it is a change like any";
  EXPECT_EQ(put("a?ttl=20ms", "1").status, 201);
  EXPECT_EQ(get("stays").status, 200);
}

TEST_F(writes, a_touch_changes_when_a_key_expires_and_nothing_that_readers_of_data_see) {
  auto const tag = put("a", "1").field("etag");
  auto const touched = post("a?ttl=30s");
  EXPECT_EQ(touched.status, 204);
  EXPECT_EQ(touched.field("holdfast-ttl"), "30");
  EXPECT_EQ(touched.field("etag"), tag);
  EXPECT_EQ(get("a").field("etag"), tag);
  EXPECT_EQ(revision(), 1U);
  EXPECT_EQ(post("a?ttl=none").status, 204);
  EXPECT_FALSE(get("a").has("holdfast-ttl"));
  EXPECT_EQ(post("none?ttl=30s").status, 404);
  post("a?ttl=20ms");
  await_expiry("a");
}

TEST_F(writes, a_bad_time_to_live_is_refused) {
  std::vector<refusal> all;
  for (std::string const ttl : {"0", "0s", "-1s", "30", "36526d", "1y", "", "x"}) {
    all.push_back({request("PUT", "/v1/kv/a?ttl=" + ttl, "1"), 400, "invalid_parameter"});
    all.push_back({request("POST", "/v1/kv/a?ttl=" + ttl), 400, "invalid_parameter"});
    all.push_back({request("POST", "/v1/kv/a?increment=1&ttl=" + ttl), 400, "invalid_parameter"});
  }
  all.push_back({request("POST", "/v1/kv/a?ttl=keep"), 400, "invalid_parameter"});
  all.push_back({request("POST", "/v1/kv/a?increment=1&ttl=keep"), 400, "invalid_parameter"});
  all.push_back({request("DELETE", "/v1/kv/a?ttl=1s"), 400, "invalid_parameter"});
  all.push_back({request("GET", "/v1/kv/a?ttl=1s"), 400, "invalid_parameter"});
  all.push_back({request("POST", "/v1/kv/a?ttl=1s", "1"), 400, "unexpected_body"});
  expect_refused(all);
}

// The requests wait for the lock when the key expires, ahead of the sweeper: the first owner must already find the key
// gone.
TEST_F(writes, no_answer_shows_an_expired_key) {
  std::vector<std::string> const asked{
      request("GET", "/v1/kv/e/0"),
      request("HEAD", "/v1/kv/e/1"),
      request("GET", "/v1/kv?prefix=e/&values=true"),
      request("POST", "/v1/txn",
              R"({"checks":[{"key":"e/2","exists":false}],"operations":[{"get":"e/3"},{"list":"e/"}]})"),
      request("PUT", "/v1/kv/e/4", "1", "If-Match: *\r\n"),
      request("PUT", "/v1/kv/e/5", "1", "If-None-Match: *\r\n"),
      request("DELETE", "/v1/kv/e/6"),
      request("POST", "/v1/kv/e/7?ttl=1h"),
      request("POST", "/v1/kv/e/8?increment=1"),
      request("PATCH", "/v1/kv/e/9", "1", "Content-Type: application/merge-patch+json\r\n"),
      request("DELETE", "/v1/kv?prefix=e/9"),
  };
  stopwatch const watch;
  raw_client holder(server.port());
  for (int i = 0; i < 10; ++i) put("e/" + std::to_string(i) + "?ttl=400ms", "1");
  server.ask_for_lock(holder, request("GET", "/v1/kv/e/0?hold=600ms"));
  std::vector<raw_client> clients;
  for (auto const& one : asked) server.ask_for_lock(clients.emplace_back(server.port()), one);
  if (watch.elapsed_ms() > 350) GTEST_SKIP() << "the machine is too busy to ask before the keys expire";
  std::vector<raw_reply> got;
  for (std::size_t i = 0; i < asked.size(); ++i) got.push_back(clients[i].receive(asked[i].starts_with("HEAD")));
  EXPECT_EQ(got[0].status, 404);
  EXPECT_EQ(got[1].status, 404);
  EXPECT_EQ(json::parse(got[2].body)["entries"], json::array()) << got[2].body;
  ASSERT_EQ(got[3].status, 200) << got[3].body;
  EXPECT_EQ(json::parse(got[3].body)["results"][0]["missing"], true);
  EXPECT_EQ(json::parse(got[3].body)["results"][1]["entries"], json::array());
  EXPECT_EQ(got[4].status, 412);
  EXPECT_FALSE(got[4].has("etag"));
  EXPECT_EQ(got[5].status, 201);
  EXPECT_EQ(got[6].status, 404);
  EXPECT_EQ(got[7].status, 404);
  EXPECT_EQ(got[8].body, "1");
  EXPECT_EQ(got[8].status, 201);
  EXPECT_EQ(got[9].status, 404);
  EXPECT_EQ(json::parse(got[10].body)["deleted"], 0);
}

// --- counters ------------------------------------------------------------------------------------------------------

TEST_F(writes, an_increment_answers_the_new_number) {
  auto const created = post("n?increment=5");
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(created.body, "5");
  EXPECT_EQ(created.field("location"), "/v1/kv/n");
  EXPECT_TRUE(created.has("etag"));
  EXPECT_EQ(created.field("holdfast-revision"), "1");
  auto const next = post("n?increment=-7");
  EXPECT_EQ(next.status, 200);
  EXPECT_EQ(next.body, "-2");
  EXPECT_EQ(next.field("content-type"), "application/json");
  EXPECT_EQ(post("m?increment=1&initial=100").body, "101");
}

TEST_F(writes, an_increment_out_of_range_or_of_something_else_is_409_and_changes_nothing) {
  put("s", "\"1\"");
  put("big", "9007199254740991");
  put("n", "3");
  expect_refused({
      {request("POST", "/v1/kv/s?increment=1"), 409, "not_an_integer"},
      {request("POST", "/v1/kv/big?increment=1"), 409, "out_of_range"},
      {request("POST", "/v1/kv/n?increment=1&max=3"), 409, "out_of_range"},
      {request("POST", "/v1/kv/n?increment=-1&min=3"), 409, "out_of_range"},
      {request("POST", "/v1/kv/new?increment=1&initial=5&max=5"), 409, "out_of_range"},
      {request("POST", "/v1/kv/n?increment=x"), 400, "invalid_parameter"},
      {request("POST", "/v1/kv/n?increment=1.5"), 400, "invalid_parameter"},
      {request("POST", "/v1/kv/n?increment=9007199254740992"), 400, "invalid_parameter"},
      {request("POST", "/v1/kv/n?increment=1&initial=x"), 400, "invalid_parameter"},
      {request("POST", "/v1/kv/n?increment=1&min=5&max=4"), 400, "invalid_parameter"},
      {request("POST", "/v1/kv/n?increment=1&increment=1"), 400, "invalid_parameter"},
      {request("POST", "/v1/kv/n?min=1"), 400, "invalid_parameter"},
      {request("POST", "/v1/kv/n?ttl=1h&max=1"), 400, "invalid_parameter"},
      {request("POST", "/v1/kv/n"), 400, "invalid_parameter"},
      {request("POST", "/v1/kv/n?increment=1", "1"), 400, "unexpected_body"},
  });
  EXPECT_EQ(get("n").body, "3");
  EXPECT_EQ(get("new").status, 404);
}

TEST_F(writes, a_rate_limiter_takes_one_request) {
  auto const first = post("calls?increment=1&max=2&ttl=1h");
  EXPECT_EQ(first.field("holdfast-ttl"), "3600");
  auto const second = post("calls?increment=1&max=2&ttl=2h");
  EXPECT_LE(std::stod(second.field("holdfast-ttl")), 3600) << "it counts only when the key is created";
  EXPECT_EQ(post("calls?increment=1&max=2&ttl=1h").status, 409);
}

TEST_F(writes, increments_of_many_threads_are_all_counted) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      raw_client one(server.port());
      for (int j = 0; j < 250; ++j) one.ask(request("POST", "/v1/kv/n?increment=1"));
    });
  for (auto& one : threads) one.join();
  EXPECT_EQ(get("n").body, "1000");
}

// --- patches -------------------------------------------------------------------------------------------------------

std::string const merge_patch = "Content-Type: application/merge-patch+json\r\n";
std::string const json_patch = "Content-Type: application/json-patch+json\r\n";

TEST_F(writes, a_patch_changes_what_it_names_and_nothing_else) {
  put("a", R"({"z": 1.0, "big": 12345678901234567890, "e":1E2, "b":{"c":[1,2]}})");
  auto const merged = client.ask(request("PATCH", "/v1/kv/a", R"({"b":{"d":true},"e":null})", merge_patch));
  EXPECT_EQ(merged.status, 204);
  EXPECT_EQ(merged.field("holdfast-revision"), "2");
  auto const text = get("a").body;
  EXPECT_EQ(json::parse(text)["b"], (json{{"c", {1, 2}}, {"d", true}}));
  EXPECT_THAT(text, HasSubstr("1.0"));
  EXPECT_THAT(text, HasSubstr("12345678901234567890"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("1E2")));
  auto const patched = client.ask(request(
      "PATCH", "/v1/kv/a", R"([{"op":"test","path":"/b/d","value":true},{"op":"add","path":"/b/c/-","value":3}])",
      json_patch + "Prefer: return=representation\r\n"));
  EXPECT_EQ(patched.status, 200);
  EXPECT_EQ(json::parse(patched.body)["b"]["c"], (json{1, 2, 3}));
  EXPECT_EQ(patched.field("preference-applied"), "return=representation");
  EXPECT_EQ(get("a").body, patched.body);
}

TEST_F(writes, a_patch_keeps_the_time_to_live) {
  put("a?ttl=1h", "{}");
  EXPECT_TRUE(client.ask(request("PATCH", "/v1/kv/a", R"({"b":1})", merge_patch)).has("holdfast-ttl"));
}

TEST_F(writes, a_patch_that_does_not_fit_changes_nothing) {
  put("a", R"({"b":1})");
  std::string many = "[";
  for (int i = 0; i < 1001; ++i) many += R"({"op":"test","path":"/b","value":1},)";
  many.back() = ']';
  // Each step copies the array into itself.
  std::string bomb = R"([{"op":"add","path":"/x","value":[")" + std::string(1000, 'x') + "\"]}";
  for (int i = 0; i < 40; ++i) bomb += R"(,{"op":"copy","from":"/x","path":"/x/-"})";  // which doubles it
  bomb += ']';
  expect_refused({
      {request("PATCH", "/v1/kv/none", "{}", merge_patch), 404, "key_not_found"},
      {request("PATCH", "/v1/kv/a", "{", merge_patch), 400, "invalid_json"},
      {request("PATCH", "/v1/kv/a", "{}", json_patch), 400, "invalid_patch"},
      {request("PATCH", "/v1/kv/a", R"([{"op":"jump","path":""}])", json_patch), 400, "invalid_patch"},
      {request("PATCH", "/v1/kv/a", many, json_patch), 400, "invalid_patch"},
      {request("PATCH", "/v1/kv/a", R"([{"op":"remove","path":"/none"}])", json_patch), 409, "patch_conflict"},
      {request("PATCH", "/v1/kv/a", R"([{"op":"test","path":"/b","value":2}])", json_patch), 409, "patch_conflict"},
      {request("PATCH", "/v1/kv/a", bomb, json_patch), 409, "patch_conflict"},
      {request("PATCH", "/v1/kv/a", "{}", "Content-Type: application/json\r\n"), 415, "unsupported_media_type"},
      {request("PATCH", "/v1/kv/a", "{}"), 415, "unsupported_media_type"},
      {request("PATCH", "/v1/kv/a?ttl=1s", "{}", merge_patch), 400, "invalid_parameter"},
  });
  EXPECT_EQ(get("a").body, R"({"b":1})");
  auto const index = client.ask(request(
      "PATCH", "/v1/kv/a", R"([{"op":"test","path":"/b","value":1},{"op":"remove","path":"/none"}])", json_patch));
  EXPECT_THAT(index.detail(), HasSubstr("1")) << "the operation's index";
  raw_client other(server.port());
  EXPECT_THAT(other.ask(request("PATCH", "/v1/kv/a", "{}")).field("accept-patch"),
              HasSubstr("application/json-patch+json"));
}

TEST_F(writes, patches_of_many_threads_are_all_done) {
  put("a", "{}");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      raw_client one(server.port());
      for (int j = 0; j < 50; ++j) {
        auto const name = std::to_string(i) + '-' + std::to_string(j);
        EXPECT_EQ(one.ask(request("PATCH", "/v1/kv/a", "{\"" + name + "\":1}", merge_patch)).status, 204);
      }
    });
  for (auto& one : threads) one.join();
  EXPECT_EQ(json::parse(get("a").body).size(), 200U);
}

// --- representations -----------------------------------------------------------------------------------------------

TEST_F(writes, prefer_return_representation_answers_the_value) {
  std::string const prefer = "Prefer: return=representation\r\n";
  auto const created = put("a", " 1 ", prefer);
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(created.body, " 1 ");
  EXPECT_EQ(created.field("preference-applied"), "return=representation");
  auto const stored = put("a", "2", "Prefer: x, return=representation; y=1\r\n");
  EXPECT_EQ(stored.status, 200);
  EXPECT_EQ(stored.body, "2");
  EXPECT_EQ(put("a", "3", "Prefer: return=minimal\r\n").status, 204);
  auto const touched = client.ask(request("POST", "/v1/kv/a?ttl=1h", {}, prefer));
  EXPECT_EQ(touched.status, 200);
  EXPECT_EQ(touched.body, "3");
  EXPECT_EQ(touched.field("preference-applied"), "return=representation");
  auto const removed = client.ask(request("DELETE", "/v1/kv/a", {}, prefer));
  EXPECT_EQ(removed.status, 200);
  EXPECT_EQ(removed.body, "3") << "what was removed";
  EXPECT_EQ(removed.field("preference-applied"), "return=representation");
  EXPECT_EQ(client.ask(request("DELETE", "/v1/kv/a", {}, prefer)).status, 404);
}

TEST_F(writes, every_write_and_refusal_says_the_revision_at_which_it_is_true) {
  EXPECT_EQ(put("a", "1").field("holdfast-revision"), "1");
  EXPECT_EQ(put("b", "1").field("holdfast-revision"), "2");
  EXPECT_EQ(get("none").field("holdfast-revision"), "2");
  EXPECT_EQ(client.ask(request("DELETE", "/v1/kv/none")).field("holdfast-revision"), "2");
  EXPECT_EQ(client.ask(request("DELETE", "/v1/kv/a")).field("holdfast-revision"), "3");
  EXPECT_EQ(put("a", "1", "If-Match: *\r\n").field("holdfast-revision"), "3");
  EXPECT_EQ(post("b?ttl=1h").field("holdfast-revision"), "3");
  EXPECT_FALSE(get("b").has("holdfast-revision")) << "its tag says it";
}

// --- requests that are sent again ----------------------------------------------------------------------------------

TEST_F(writes, a_request_that_is_sent_again_with_its_key_is_done_once) {
  std::string const key = "Idempotency-Key: \"8e03978e\"\r\n";
  auto const first = client.ask(request("POST", "/v1/kv/n?increment=1", {}, key));
  EXPECT_EQ(first.body, "1");
  EXPECT_FALSE(first.has("idempotent-replayed"));
  post("n?increment=5");
  auto const again = raw_client(server.port()).ask(request("POST", "/v1/kv/n?increment=1", {}, key));
  EXPECT_EQ(again.status, first.status);
  EXPECT_EQ(again.body, "1");
  EXPECT_EQ(again.field("etag"), first.field("etag"));
  EXPECT_EQ(again.field("holdfast-revision"), "1");
  EXPECT_EQ(again.field("location"), first.field("location"));
  EXPECT_EQ(again.field("idempotent-replayed"), "true");
  EXPECT_EQ(get("n").body, "6");
}

// An empty condition holds for no ETag, unlike none. The second request was taken for the first one.
TEST_F(writes, a_key_is_for_a_request_with_the_same_conditions) {
  std::string const key = "Idempotency-Key: \"8e03978e\"\r\n";
  EXPECT_EQ(client.ask(request("POST", "/v1/kv/n?increment=1", {}, key)).status, 201);
  for (auto const* const condition : {"If-Match: \r\n", "If-Match: *\r\n", "If-None-Match: *\r\n"})
    EXPECT_EQ(client.ask(request("POST", "/v1/kv/n?increment=1", {}, key + condition)).status, 422) << condition;
}

// Built before any thread starts, as those of raw_reply.cpp are.
std::regex const time_left("\"ttl\":[0-9.]+");

/// What is left of a time to live is less in a repeated answer.
std::string without_times(std::string const& text) {
  return std::regex_replace(text, time_left, "\"ttl\":0");
}

TEST_F(writes, a_key_is_kept_for_every_kind_of_write_also_where_it_was_refused) {
  put("a", "{}");
  auto const shown = [](char const* key) {
    return std::string("Prefer: return=representation\r\nIdempotency-Key: ") + key + "\r\n";
  };
  std::vector<std::string> const all{
      request("PUT", "/v1/kv/b", "1", "Idempotency-Key: 1\r\n"),
      request("PATCH", "/v1/kv/a", R"({"x":1})", merge_patch + "Idempotency-Key: 2\r\n"),
      request("DELETE", "/v1/kv/b", {}, "Idempotency-Key: 3\r\n"),
      request("DELETE", "/v1/kv/b", {}, "Idempotency-Key: 4\r\n"),
      request("POST", "/v1/txn", R"({"operations":[{"increment":"n"}]})", "Idempotency-Key: 5\r\n"),
      request("PUT", "/v1/kv/a", "1", "If-None-Match: *\r\nIdempotency-Key: 6\r\n"),
      request("DELETE", "/v1/kv?prefix=n", {}, "Idempotency-Key: 7\r\n"),
      request("PUT", "/v1/kv/c", R"("new")", shown("8")),
      request("PATCH", "/v1/kv/a", R"({"y":2})", merge_patch + shown("9")),
      request("POST", "/v1/kv/c?ttl=1h", {}, shown("10")),
      request("POST", "/v1/kv/a?ttl=none", {}, "Idempotency-Key: 11\r\n"),
      request(
          "POST", "/v1/txn",
          R"({"operations":[{"get":"a"},{"put":"d","value":1},{"patch":"a","merge":{"z":3}},{"touch":"d","ttl":"none"},)"
          R"({"list":"","values":false},{"list":"","delimiter":"/"},{"delete":"d"},{"delete":"none"}]})",
          "Idempotency-Key: 12\r\n"),
      request("POST", "/v1/txn", R"({"operations":[{"get":"a"},{"touch":"none","ttl":"1s"}]})",
              "Idempotency-Key: 13\r\n"),
      request("DELETE", "/v1/kv/c", {}, shown("14")),
      request("DELETE", "/v1/kv/a", {}, "Idempotency-Key: 15\r\n"),
      request("DELETE", "/v1/kv?prefix=none", {}, "Idempotency-Key: 16\r\n"),
  };
  std::vector<raw_reply> first;
  for (auto const& one : all) first.push_back(client.ask(one));
  auto const before = revision();
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto const again = client.ask(all[i]);
    EXPECT_EQ(again.status, first[i].status) << all[i];
    EXPECT_EQ(without_times(again.body), without_times(first[i].body)) << all[i];
    for (auto const* const name : {"holdfast-revision", "etag", "location", "content-type", "preference-applied"}) {
      ASSERT_EQ(again.has(name), first[i].has(name)) << name << " of " << all[i];
      if (!again.has(name)) continue;
      EXPECT_EQ(again.field(name), first[i].field(name)) << name << " of " << all[i];
    }
    EXPECT_EQ(again.has("holdfast-ttl"), first[i].has("holdfast-ttl")) << all[i];
    EXPECT_EQ(again.field("idempotent-replayed"), "true") << all[i];
  }
  EXPECT_EQ(revision(), before);
}

TEST_F(writes, a_key_for_another_request_is_refused) {
  std::string const key = "Idempotency-Key: \"x\"\r\n";
  client.ask(request("PUT", "/v1/kv/a", "1", key));
  expect_refused({
      {request("PUT", "/v1/kv/a", "2", key), 422, "idempotency_key_reused"},
      {request("PUT", "/v1/kv/b", "1", key), 422, "idempotency_key_reused"},
      {request("PUT", "/v1/kv/a?ttl=1h", "1", key), 422, "idempotency_key_reused"},
      {request("PUT", "/v1/kv/a", "1", key + "If-Match: *\r\n"), 422, "idempotency_key_reused"},
      {request("DELETE", "/v1/kv/a", {}, key), 422, "idempotency_key_reused"},
      {request("PUT", "/v1/kv/b", "1", key + "Idempotency-Key: \"y\"\r\n"), 400, "invalid_idempotency_key"},
      {request("PUT", "/v1/kv/b", "1", "Idempotency-Key: \r\n"), 400, "invalid_idempotency_key"},
      {request("PUT", "/v1/kv/b", "1", "Idempotency-Key: \"\"\r\n"), 400, "invalid_idempotency_key"},
      {request("PUT", "/v1/kv/b", "1", "Idempotency-Key: a b\r\n"), 400, "invalid_idempotency_key"},
      {request("PUT", "/v1/kv/b", "1", "Idempotency-Key: " + std::string(256, 'x') + "\r\n"), 400,
       "invalid_idempotency_key"},
  });
  EXPECT_EQ(client.ask(request("PUT", "/v1/kv/c", "1", "Idempotency-Key: " + std::string(255, 'x') + "\r\n")).status,
            201);
}

// The same request on several connections at once, while another client holds the lock: it is executed once.
TEST_F(writes, a_request_joins_itself_while_it_waits) {
  raw_client holder(server.port());
  server.ask_for_lock(holder, request("GET", "/v1/kv/n?hold=60s"));
  std::vector<raw_client> clients;
  for (int i = 0; i < 5; ++i)
    server.ask_for_lock(clients.emplace_back(server.port()),
                        request("POST", "/v1/kv/n?increment=1", {}, "Idempotency-Key: \"x\"\r\n"));
  holder.close();
  int replayed = 0;
  for (auto& one : clients) {
    auto const reply = one.receive();
    EXPECT_EQ(reply.body, "1");
    replayed += reply.has("idempotent-replayed") ? 1 : 0;
  }
  EXPECT_EQ(replayed, 4);
  EXPECT_EQ(get("n").body, "1");
}

// --- reads that wait -----------------------------------------------------------------------------------------------

struct waiting_reads : writes {
  waiting_reads() { tag = put("a", "1").field("etag"); }

  /// Sends a read, and returns when the server waits for a change.
  void ask_to_wait(std::string const& bytes) {
    reader.send(bytes);
    server.settle();
    ASSERT_TRUE(reader.stays_silent(20ms));
  }
  std::string wait_for_another(std::string const& query = "wait=30s") {
    return request("GET", "/v1/kv/a?" + query, {}, "If-None-Match: " + tag + "\r\n");
  }

  std::string tag;
  raw_client reader{server.port()};
};

TEST_F(waiting_reads, are_answered_at_once_where_there_is_news_already) {
  EXPECT_EQ(reader.ask(request("GET", "/v1/kv/a?wait=30s")).body, "1");
  EXPECT_EQ(reader.ask(request("GET", "/v1/kv/a?wait=30s", {}, "If-None-Match: \"x\"\r\n")).body, "1");
  EXPECT_EQ(reader.ask(request("GET", "/v1/kv/none?wait=30s", {}, "If-None-Match: " + tag + "\r\n")).status, 404);
}

TEST_F(waiting_reads, are_answered_as_soon_as_the_key_differs) {
  ask_to_wait(wait_for_another());
  put("b", "1");
  EXPECT_TRUE(reader.stays_silent(20ms)) << "another key is no news";
  put("a", "2");
  EXPECT_EQ(reader.receive().body, "2");
}

TEST_F(waiting_reads, are_answered_as_soon_as_the_key_exists) {
  ask_to_wait(request("GET", "/v1/kv/new?wait=30s"));
  put("new", "7");
  EXPECT_EQ(reader.receive().body, "7");
}

TEST_F(waiting_reads, are_404_as_soon_as_the_key_is_gone) {
  ask_to_wait(wait_for_another());
  client.ask(request("DELETE", "/v1/kv/a"));
  EXPECT_EQ(reader.receive().status, 404);
}

TEST_F(waiting_reads, are_404_as_soon_as_the_key_expires) {
  ask_to_wait(wait_for_another());
  post("a?ttl=30ms");
  EXPECT_EQ(reader.receive().status, 404);
}

TEST_F(waiting_reads, end_after_their_time_with_304_or_404) {
  stopwatch const watch;
  auto const same = reader.ask(wait_for_another("wait=60ms"));
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.field("etag"), tag);
  EXPECT_EQ(reader.ask(request("GET", "/v1/kv/new?wait=60ms")).status, 404);
  EXPECT_GE(watch.elapsed_ms(), 120);
}

TEST_F(waiting_reads, end_when_the_server_drains) {
  ask_to_wait(wait_for_another());
  server.stop();
  EXPECT_THAT(reader.receive().status, ::testing::AnyOf(304, 503));
  EXPECT_TRUE(server.ends_within(20s));
}

TEST_F(waiting_reads, do_not_keep_the_lock_from_others) {
  ask_to_wait(wait_for_another());
  EXPECT_FALSE(server.is_lock_taken());
  reader.reset();
  EXPECT_EQ(put("a", "2").status, 204);
}

// Many clients wait for the same key on both threads; each is answered.
TEST_F(waiting_reads, of_many_are_all_answered) {
  std::vector<raw_client> readers;
  for (int i = 0; i < 50; ++i) readers.emplace_back(server.port()).send(wait_for_another());
  server.settle();
  put("a", "2");
  for (auto& one : readers) EXPECT_EQ(one.receive().body, "2");
}

// --- where keys lie ------------------------------------------------------------------------------------------------

TEST_F(writes, an_encoded_path_is_the_same_path) {
  EXPECT_EQ(client.ask(request("PUT", "/v1/%6bv/a", "1")).field("location"), "/v1/kv/a");
  EXPECT_EQ(client.ask(request("GET", "/%76%31/kv/%61")).body, "1");
  EXPECT_EQ(client.ask(request("GET", "/v1%2Fkv/a")).status, 404) << "an encoded slash separates nothing";
  EXPECT_EQ(client.ask(request("GET", "/v1/%6bv?limit=1")).status, 200);
  EXPECT_EQ(client.ask(request("GET", "/live%7A")).status, 200);
}

/// Clients normalize paths before they send them (RFC 3986 §5.2.4), also with percent-encoded dots (WHATWG URL).
std::string without_dot_segments(std::string const& path) {
  std::vector<std::string> kept;
  for (std::size_t begin = 1; begin <= path.size();) {
    auto const end = std::min(path.find('/', begin), path.size());
    auto const segment = path.substr(begin, end - begin);
    auto plain = segment;
    for (std::size_t at = 0; (at = plain.find("%2")) != std::string::npos && at + 2 < plain.size();) {
      if (plain[at + 2] != 'E' && plain[at + 2] != 'e') break;
      plain.replace(at, 3, ".");
    }
    auto const is_last = end == path.size();
    if (plain == "..") {
      if (!kept.empty()) kept.pop_back();
      if (is_last) kept.emplace_back();
    } else if (plain == ".") {
      if (is_last) kept.emplace_back();
    } else {
      kept.push_back(segment);
    }
    begin = end + 1;
  }
  std::string text;
  for (auto const& one : kept) text += '/' + one;
  return text;
}

TEST_F(writes, a_location_leads_back_to_its_key_through_clients_that_remove_dot_segments) {
  int value = 0;
  for (std::string const key :
       {"a%2F..%2Fb", "..%2Fa", "a%2F..", ".%2Fa", "a%2F.", "%2F", "%2F%2F", "a%2F%2Fb", "..a", "a%2F...%2Fb",
        "a%252Fb", "%252e%252e", "a?b=c", "%3F%23%25", "%C3%A4%2F..%2F%F0%9F%98%80"}) {
    auto const path = key.find('?') != std::string::npos ? "a%3Fb=c" : key;
    auto const stored = put(path, std::to_string(++value));
    ASSERT_EQ(stored.status, 201) << key;
    auto const location = stored.field("location");
    EXPECT_EQ(client.ask(request("GET", location)).body, std::to_string(value)) << location;
    EXPECT_EQ(client.ask(request("GET", without_dot_segments(location))).body, std::to_string(value)) << location;
  }
  EXPECT_EQ(json::parse(client.ask(request("GET", "/v1/kv")).body)["entries"].size(), static_cast<std::size_t>(value));
}

}  // namespace
}  // namespace holdfast::tests
