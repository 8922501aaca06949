// Several keys at once: lists, deletion by prefix, transactions, and their names in lock events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"

namespace holdfast::tests {
namespace {

using namespace std::string_literals;
using nlohmann::json;
using ::testing::HasSubstr;

struct many_keys : ::testing::Test {
  void put(std::string const& key, std::string const& value = "1") {
    ASSERT_EQ(client.ask(request("PUT", "/v1/kv/" + key, value)).status / 100, 2) << key;
  }
  raw_reply list(std::string const& query = {}) { return client.ask(request("GET", "/v1/kv?" + query)); }
  /// Keys, then groups in brackets.
  static std::string keys_of(json const& page) {
    std::string text;
    for (auto const& one : page["entries"]) text += one["key"].get<std::string>() + ' ';
    if (page.contains("groups"))
      for (auto const& one : page["groups"]) text += '[' + one.get<std::string>() + "] ";
    return text;
  }
  std::string keys(std::string const& query = {}) { return keys_of(json::parse(list(query).body)); }
  raw_reply txn(std::string const& body) { return client.ask(request("POST", "/v1/txn", body)); }
  std::uint64_t revision() { return json::parse(list("limit=1").body)["revision"]; }

  struct refusal {
    std::string request;
    int status;
    std::string code;
    std::string told = {};  ///< in the detail
  };
  /// Each is refused with a reason, and has changed nothing.
  void expect_refused(std::vector<refusal> const& all) {
    auto const before = revision();
    auto const content = keys("limit=1000");
    for (auto const& one : all) {
      raw_client another(server.port());
      auto const reply = another.ask(one.request);
      auto const shown = one.request.substr(0, 300) + '\n' + reply.body;
      EXPECT_EQ(reply.status, one.status) << shown;
      EXPECT_EQ(reply.code(), one.code) << shown;
      EXPECT_THAT(reply.detail(), HasSubstr(one.told)) << shown;
    }
    EXPECT_EQ(revision(), before);
    EXPECT_EQ(keys("limit=1000"), content);
  }

  running_server server;
  raw_client client{server.port()};
};

// --- lists ---------------------------------------------------------------------------------------------------------

TEST_F(many_keys, a_list_tells_keys_with_revisions_sizes_times_to_live_and_values_where_they_are_wanted) {
  put("b", "[1, 2]");
  put("a?ttl=30s", "1");
  put("c");
  client.ask(request("DELETE", "/v1/kv/c"));
  auto const reply = list();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.field("content-type"), "application/json");
  EXPECT_EQ(reply.field("holdfast-revision"), "4");
  auto const page = json::parse(reply.body);
  EXPECT_EQ(page["revision"], 4);
  ASSERT_EQ(page["entries"].size(), 2U);
  EXPECT_EQ(page["entries"][0]["key"], "a");
  EXPECT_LE(page["entries"][0]["ttl"].get<double>(), 30);
  EXPECT_EQ(page["entries"][1], (json{{"key", "b"}, {"revision", 1}, {"bytes", 6}}));
  EXPECT_FALSE(page.contains("next"));
  EXPECT_FALSE(page.contains("groups"));
  EXPECT_FALSE(reply.has("link"));
  EXPECT_THAT(list("values=true").body, HasSubstr("\"value\":[1, 2]")) << "byte for byte";
}

// The list has no key with a time to live: that time is written with as many digits as it needs, so two lists of such a
// key may differ in length. Continuous integration met it: 29.99 is shorter than 29.987.
TEST_F(many_keys, head_of_a_list_tells_the_length_that_get_sends) {
  put("b", "[1, 2]");
  put("c");
  auto const head = client.ask(request("HEAD", "/v1/kv"));
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.field("content-length"), list().field("content-length"));
}

TEST_F(many_keys, a_list_is_cut_by_prefix_after_until_reverse_and_limit) {
  for (auto const* key : {"a", "u/1", "u/2", "u/3", "v"}) put(key);
  EXPECT_EQ(keys("prefix=u/"), "u/1 u/2 u/3 ");
  EXPECT_EQ(keys("prefix=u%2F&after=u/1"), "u/2 u/3 ");
  EXPECT_EQ(keys("prefix=u/&until=u/3"), "u/1 u/2 ");
  EXPECT_EQ(keys("reverse=true&limit=2"), "v u/3 ");
  EXPECT_EQ(keys("prefix=u/&reverse=true&after=u/3"), "u/2 u/1 ");
  EXPECT_EQ(keys("prefix=none"), "");
  EXPECT_EQ(keys("delimiter=/"), "a v [u/] ");
}

// The cursor is a key and never expires: pages show changes made between them.
TEST_F(many_keys, pages_are_followed_by_link_or_by_next) {
  std::set<std::string> expected;
  for (int i = 0; i < 25; ++i) {
    auto const key = "k%20%26%2B/" + std::to_string(10 + i);
    put(key);
    expected.insert("k &+/" + std::to_string(10 + i));
  }
  put("z");
  std::set<std::string> by_link, by_next;
  std::string path = "/v1/kv?prefix=k%20&limit=10&values=true";
  for (int pages = 0; !path.empty(); ++pages) {
    ASSERT_LT(pages, 4);
    auto const reply = client.ask(request("GET", path));
    auto const page = json::parse(reply.body);
    for (auto const& one : page["entries"]) by_link.insert(one["key"].get<std::string>());
    auto const link = reply.field("link");
    path = link.empty() ? "" : link.substr(1, link.find('>') - 1);
    EXPECT_TRUE(link.empty() || link.ends_with("; rel=\"next\"")) << link;
    client.ask(request("DELETE", "/v1/kv/z"));
  }
  EXPECT_EQ(by_link, expected);
  std::string after;
  for (auto more = true; more;) {
    auto const page = json::parse(list("prefix=k&limit=10" + after).body);
    for (auto const& one : page["entries"]) by_next.insert(one["key"].get<std::string>());
    more = page.contains("next");
    if (more) after = "&after=k%20%26%2B" + page["next"].get<std::string>().substr(4);
  }
  EXPECT_EQ(by_next, expected);
}

TEST_F(many_keys, a_page_with_values_ends_at_a_mebibyte) {
  for (int i = 0; i < 6; ++i) put(std::to_string(i), '"' + std::string(300'000, 'x') + '"');
  auto const page = json::parse(list("values=true").body);
  EXPECT_EQ(page["entries"].size(), 4U);
  EXPECT_EQ(page["next"], "3");
  EXPECT_EQ(keys(), "0 1 2 3 4 5 ");
}

TEST_F(many_keys, a_bad_list_is_refused) {
  put("a");
  expect_refused({
      {request("GET", "/v1/kv?limit=0"), 400, "invalid_parameter", "1000"},
      {request("GET", "/v1/kv?limit=1001"), 400, "invalid_parameter", "1000"},
      {request("GET", "/v1/kv?limit=x"), 400, "invalid_parameter", "limit"},
      {request("GET", "/v1/kv?prefix=u/&after=v/1"), 400, "invalid_parameter", "after"},
      {request("GET", "/v1/kv?delimiter="), 400, "invalid_parameter", "delimiter"},
      {request("GET", "/v1/kv?reverse=maybe"), 400, "invalid_parameter", "reverse"},
      {request("GET", "/v1/kv?start=a"), 400, "invalid_parameter", "prefix"},
      {request("GET", "/v1/kv?limit=1&limit=2"), 400, "invalid_parameter", "twice"},
      {request("GET", "/v1/kv?prefix=%zz"), 400, "invalid_parameter"},
      {request("GET", "/v1/kv", "1"), 400, "unexpected_body"},
      {request("GET", "/v1/kv", {}, "If-Match: *\r\n"), 501, "precondition_not_supported"},
      {request("POST", "/v1/kv", "1"), 405, "method_not_allowed", "PUT"},
  });
}

TEST_F(many_keys, a_list_waits_for_the_lock_and_holds_it_like_any_read) {
  raw_client holder(server.port()), waiter(server.port());
  server.ask_for_lock(holder, request("GET", "/v1/kv?hold=60s"));
  EXPECT_EQ(client.ask(request("GET", "/v1/kv?lock-timeout=0")).status, 503);
  server.ask_for_lock(waiter, request("PUT", "/v1/kv/a", "1"));
  holder.close();
  EXPECT_EQ(waiter.receive().status, 201);
}

// --- deletion by prefix --------------------------------------------------------------------------------------------

TEST_F(many_keys, a_prefix_is_deleted_in_portions) {
  for (auto const* key : {"a", "t/1", "t/2", "t/3", "u"}) put(key);
  auto const first = json::parse(client.ask(request("DELETE", "/v1/kv?prefix=t/&limit=2")).body);
  EXPECT_EQ(first, (json{{"deleted", 2}, {"revision", 7}, {"next", "t/2"}}));
  auto const reply = client.ask(request("DELETE", "/v1/kv?prefix=t/"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.field("holdfast-revision"), "8");
  EXPECT_EQ(json::parse(reply.body), (json{{"deleted", 1}, {"revision", 8}}));
  EXPECT_EQ(keys(), "a u ");
  EXPECT_EQ(json::parse(client.ask(request("DELETE", "/v1/kv?prefix=t/")).body)["deleted"], 0);
  EXPECT_EQ(json::parse(client.ask(request("DELETE", "/v1/kv?all=true")).body)["deleted"], 2);
  EXPECT_EQ(keys(), "");
}

TEST_F(many_keys, everything_is_deleted_only_by_who_says_so) {
  put("a");
  expect_refused({
      {request("DELETE", "/v1/kv"), 400, "invalid_parameter", "all=true"},
      {request("DELETE", "/v1/kv?prefix="), 400, "invalid_parameter", "all=true"},
      {request("DELETE", "/v1/kv?all=false"), 400, "invalid_parameter", "all=true"},
      {request("DELETE", "/v1/kv?prefix=a&limit=0"), 400, "invalid_parameter", "limit"},
      {request("DELETE", "/v1/kv?prefix=a&after=a"), 400, "invalid_parameter", "after"},
      {request("DELETE", "/v1/kv?prefix=a", "1"), 400, "unexpected_body"},
      {request("DELETE", "/v1/kv?prefix=a", {}, "If-Match: *\r\n"), 501, "precondition_not_supported"},
  });
}

// --- transactions --------------------------------------------------------------------------------------------------

TEST_F(many_keys, a_transaction_does_all_of_it_at_once_and_later_operations_see_earlier_ones) {
  put("a", R"({"b":1})");
  put("n", "1");
  put("c");
  auto const reply = txn(R"({"operations":[
      {"get":"a"},{"get":"none"},{"put":"b","value":[1, 2],"ttl":"30s"},{"get":"b"},{"delete":"c"},{"delete":"c"},
      {"increment":"n","by":5},{"increment":"m"},{"patch":"a","merge":{"c":2}},
      {"patch":"a","json":[{"op":"remove","path":"/b"}]},{"get":"a"},{"touch":"a","ttl":"1h"},
      {"list":"","limit":2},{"list":"","values":false,"reverse":true,"limit":1}]})");
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.field("holdfast-revision"), "9");
  auto const done = json::parse(reply.body);
  EXPECT_EQ(done["revision"], 9);
  auto const& results = done["results"];
  ASSERT_EQ(results.size(), 14U);
  EXPECT_EQ(results[0], (json{{"key", "a"}, {"revision", 1}, {"value", {{"b", 1}}}}));
  EXPECT_EQ(results[1]["missing"], true);
  EXPECT_EQ(results[2]["revision"], 4);
  EXPECT_EQ(results[2]["created"], true);
  EXPECT_EQ(results[2]["ttl"], 30);
  EXPECT_EQ(results[3]["value"], (json{1, 2}));
  EXPECT_THAT(reply.body, HasSubstr("[1, 2]")) << "byte for byte";
  EXPECT_EQ(results[4]["deleted"], true);
  EXPECT_EQ(results[4]["revision"], 5);
  EXPECT_EQ(results[5]["deleted"], false);
  EXPECT_EQ(results[6]["value"], 6);
  EXPECT_EQ(results[7]["value"], 1);
  EXPECT_EQ(results[10]["value"], (json{{"c", 2}}));
  EXPECT_EQ(results[10]["revision"], 9);
  EXPECT_EQ(results[11]["ttl"], 3600);
  EXPECT_EQ(results[12]["entries"].size(), 2U);
  EXPECT_EQ(results[12]["next"], "b");
  EXPECT_EQ(results[13]["entries"][0]["key"], "n");
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).body, R"({"c":2})");
}

TEST_F(many_keys, checks_are_of_tags_existence_and_values) {
  put("a");
  put("c", R"({"x":[1,true],"y":"\u00e4"})");
  auto const tag = client.ask(request("GET", "/v1/kv/a")).field("etag");
  auto const bare = tag.substr(1, tag.size() - 2);
  for (auto const& checks : {R"({"key":"a","etag":"\")" + bare + R"(\""})", R"({"key":"a","etag":")" + bare + R"("})",
                             R"({"key":"a","etag":"x, )" + bare + R"("})", R"({"key":"a","etag":"*"})"s,
                             R"({"key":"a","exists":true},{"key":"b","exists":false})"s,
                             R"({"key":"c","value":{ "y":"ä", "x":[1,true] }})"s})
    EXPECT_EQ(txn(R"({"checks":[)" + checks + R"(],"operations":[{"get":"a"}]})").status, 200) << checks;
  EXPECT_EQ(txn(R"({"checks":[{"key":"a","exists":true}]})").status, 200) << "checks alone";
  for (auto const& checks :
       {R"({"key":"a","etag":"W/\")" + bare + R"(\""})", R"({"key":"a","etag":"x"})"s, R"({"key":"b","etag":"*"})"s,
        R"({"key":"a","exists":false})"s, R"({"key":"c","value":{"x":[true,1]}})"s, R"({"key":"b","value":null})"s,
        R"({"key":"a","etag":")" + bare + R"(","exists":false})"}) {
    auto const refused = txn(R"({"checks":[)" + checks + R"(],"operations":[{"put":"new","value":1}]})");
    EXPECT_EQ(refused.status, 412) << checks;
    EXPECT_EQ(refused.code(), "check_failed") << checks;
  }
  auto const weak = txn(R"({"checks":[{"key":"a","etag":"W/\")" + bare + R"(\""}]})");
  EXPECT_THAT(weak.detail(), ::testing::HasSubstr("proxy"));
  EXPECT_EQ(txn(R"({"checks":[{"key":"a","etag":"\"x"}]})").status, 400);
  EXPECT_EQ(keys(), "a c ");
}

TEST_F(many_keys, all_checks_that_failed_are_told_with_the_present_tags) {
  put("a");
  auto const tag = client.ask(request("GET", "/v1/kv/a")).field("etag");
  auto const refused = txn(R"({"checks":[{"key":"a","etag":"x"},{"key":"a","exists":true},{"key":"b","exists":true}],
                               "operations":[{"delete":"a"}]})");
  EXPECT_EQ(refused.status, 412);
  EXPECT_EQ(refused.field("holdfast-revision"), "1");
  auto const failed = json::parse(refused.body)["failed"];
  ASSERT_EQ(failed.size(), 2U);
  EXPECT_EQ(failed[0], (json{{"index", 0}, {"key", "a"}, {"etag", tag}}));
  EXPECT_EQ(failed[1], (json{{"index", 2}, {"key", "b"}, {"exists", false}}));
  EXPECT_EQ(keys(), "a ");
}

TEST_F(many_keys, an_operation_that_can_not_be_done_undoes_all_and_names_itself) {
  put("a", "[1]");
  put("big", "9007199254740991");
  for (auto const& [operation, reason] :
       {std::pair{R"({"increment":"a"})", "not_an_integer"},
        {R"({"increment":"big"})", "out_of_range"},
        {R"({"increment":"new","max":0})", "out_of_range"},
        {R"({"touch":"none","ttl":"1s"})", "key_not_found"},
        {R"({"patch":"none","merge":{}})", "key_not_found"},
        {R"({"patch":"a","json":[{"op":"remove","path":"/7"}]})", "patch_conflict"}}) {
    auto const refused = txn(std::string(R"({"operations":[{"put":"x","value":1},{"delete":"big"},)") +
                             R"({"put":"big","value":9007199254740991},)" + operation + ",{\"delete\":\"a\"}]}");
    EXPECT_EQ(refused.status, 409) << operation;
    EXPECT_EQ(refused.code(), "operation_failed") << operation;
    auto const told = json::parse(refused.body);
    EXPECT_EQ(told["index"], 3) << operation;
    EXPECT_EQ(told["reason"], reason) << refused.body;
    EXPECT_EQ(refused.field("holdfast-revision"), "2");
  }
  EXPECT_EQ(keys(), "a big ");
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/big")).field("etag").back(), '"');
  EXPECT_EQ(revision(), 2U);
}

// The levels of the body around a value counted as the value's own.
TEST_F(many_keys, a_value_of_512_levels_goes_through_a_transaction) {
  auto const nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  auto const stored = txn(R"({"operations":[{"put":"a","value":)" + nested(512) + "}]}");
  ASSERT_EQ(stored.status, 200) << stored.body;
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).body, nested(512));
  auto const checked = txn(R"({"checks":[{"key":"a","value":)" + nested(512) +
                           R"(}],"operations":[{"patch":"b","merge":1},{"patch":"a","merge":)" + nested(512) + "}]}");
  EXPECT_EQ(checked.code(), "operation_failed") << checked.body << ": there is no b, so the check holds";
  for (auto const depth : {513U, 100'000U}) {
    auto const put = txn(R"({"operations":[{"put":"b","value":[]},{"put":"a","value":)" + nested(depth) + "}]}");
    EXPECT_EQ(put.code(), "invalid_json");
    EXPECT_THAT(put.detail(), ::testing::HasSubstr("at /operations/1/value: nested deeper than 512 levels at line 1"));
    auto const check = txn(R"({"operations":[{"get":"b"}],"checks":[{"key":"a","value":)" + nested(depth) + "}]}");
    EXPECT_EQ(check.code(), "invalid_json");
    EXPECT_THAT(check.detail(), ::testing::HasSubstr("at /checks/0/value: nested deeper than 512 levels"));
  }
  EXPECT_EQ(keys(), "a ");
}

TEST_F(many_keys, a_bad_transaction_is_refused_with_the_place_where_it_is_wrong) {
  put("a");
  auto const body = [](std::string const& text, std::string const& more = {}) {
    return request("POST", "/v1/txn", text, more);
  };
  auto const operation = [&](std::string const& text) { return body(R"({"operations":[{"get":"a"},)" + text + "]}"); };
  auto const check = [&](std::string const& text) {
    return body(R"({"checks":[)" + text + R"(],"operations":[{"put":"x","value":1}]})");
  };
  std::string many = R"({"operations":[)";
  for (int i = 0; i < 1001; ++i) many += R"({"put":"x","value":1},)";
  many.back() = ']';
  many += '}';
  expect_refused({
      {body("{"), 400, "invalid_json"},
      {body("[]"), 400, "invalid_transaction"},
      {body("{}"), 400, "invalid_transaction", "empty"},
      {body(R"({"operations":[]})"), 400, "invalid_transaction", "empty"},
      {body(R"({"operations":{}})"), 400, "invalid_transaction", "/operations"},
      {body(R"({"ops":[]})"), 400, "invalid_transaction", "ops"},
      {body(R"({"operations":[{"get":"a"}],"operations":[{"get":"a"}]})"), 400, "invalid_transaction", "twice"},
      {body(many), 400, "invalid_transaction", "1000"},
      {operation("7"), 400, "invalid_transaction", "/operations/1"},
      {operation("{}"), 400, "invalid_transaction", "/operations/1"},
      {operation(R"({"set":"x","value":1})"), 400, "invalid_transaction", "/operations/1"},
      {operation(R"({"put":"x","value":1,"tll":"1s"})"), 400, "invalid_transaction", "tll"},
      {operation(R"({"put":"x"})"), 400, "invalid_transaction", "value"},
      {operation(R"({"put":7,"value":1})"), 400, "invalid_transaction", "/operations/1/put"},
      {operation(R"({"put":"","value":1})"), 400, "invalid_transaction", "/operations/1/put"},
      {operation(R"({"put":"x","value":1,"value":2})"), 400, "invalid_transaction", "twice"},
      {operation(R"({"put":"x","put":"y","value":1})"), 400, "invalid_transaction", "twice"},
      {operation(R"({"put":"x","delete":"x","value":1})"), 400, "invalid_transaction", "both"},
      {operation(R"({"put":"x","value":1,"ttl":30})"), 400, "invalid_transaction", "/operations/1/ttl"},
      {operation(R"({"put":"x","value":1,"ttl":"0s"})"), 400, "invalid_transaction", "/operations/1/ttl"},
      {operation(R"({"put":"x","value":1,"ttl":"36526d"})"), 400, "invalid_transaction", "/operations/1/ttl"},
      {operation(R"({"touch":"a","ttl":"keep"})"), 400, "invalid_transaction", "/operations/1/ttl"},
      {operation(R"({"touch":"a"})"), 400, "invalid_transaction", "ttl"},
      {operation(R"({"increment":"n","by":1.5})"), 400, "invalid_transaction", "/operations/1/by"},
      {operation(R"({"increment":"n","by":9007199254740992})"), 400, "invalid_transaction", "/operations/1/by"},
      {operation(R"({"increment":"n","by":"1"})"), 400, "invalid_transaction", "/operations/1/by"},
      {operation(R"({"increment":"n","min":2,"max":1})"), 400, "invalid_transaction", "/operations/1"},
      {operation(R"({"patch":"a"})"), 400, "invalid_transaction", "/operations/1"},
      {operation(R"({"patch":"a","merge":{},"json":[]})"), 400, "invalid_transaction", "/operations/1"},
      {operation(R"({"patch":"a","json":{}})"), 400, "invalid_transaction", "/operations/1/json"},
      {operation(R"({"patch":"a","json":[{"op":"jump","path":""}]})"), 400, "invalid_transaction",
       "/operations/1/json"},
      {operation(R"({"list":"","limit":0})"), 400, "invalid_transaction", "/operations/1/limit"},
      {operation(R"({"list":"a/","after":"b/1"})"), 400, "invalid_transaction", "/operations/1/after"},
      {operation(R"({"list":"a/","delimiter":""})"), 400, "invalid_transaction", "/operations/1/delimiter"},
      {operation(R"({"list":"","limit":1001})"), 400, "invalid_transaction", "/operations/1/limit"},
      {operation(R"({"list":"","reverse":"yes"})"), 400, "invalid_transaction", "/operations/1/reverse"},
      {operation(R"({"get":"a","if":1})"), 400, "invalid_transaction", "if"},
      {check("{}"), 400, "invalid_transaction", "key"},
      {check(R"({"key":"a"})"), 400, "invalid_transaction", "/checks/0"},
      {check(R"({"key":"a","exists":1})"), 400, "invalid_transaction", "/checks/0/exists"},
      {check(R"({"key":"a","etag":1})"), 400, "invalid_transaction", "/checks/0/etag"},
      {check(R"({"key":"a","exist":true})"), 400, "invalid_transaction", "exist"},
      {body(R"({"operations":[{"put":"x","value":1}]})", "If-Match: *\r\n"), 501, "precondition_not_supported"},
      {request("POST", "/v1/txn?ttl=1s", "{}"), 400, "invalid_parameter", "ttl"},
      {body(R"({"operations":[{"put":"x","value":")" + std::string(1024 * 1024, 'x') + R"("}]})"), 413,
       "body_too_large"},
  });
}

TEST_F(many_keys, a_transaction_takes_a_thousand_parts) {
  std::string many = R"({"operations":[)";
  for (int i = 0; i < 1000; ++i) many += R"({"increment":"n"},)";
  many.back() = ']';
  EXPECT_EQ(txn(many + '}').status, 200);
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/n")).body, "1000");
}

TEST_F(many_keys, a_transaction_holds_the_lock_like_any_request) {
  raw_client holder(server.port());
  server.ask_for_lock(holder, request("POST", "/v1/txn?hold=60s", R"({"operations":[{"put":"a","value":1}]})"));
  EXPECT_EQ(client.ask(request("POST", "/v1/txn?lock-timeout=0", R"({"operations":[{"get":"a"}]})")).status, 503);
  holder.close();
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a?lock-timeout=20s")).body, "1");
}

// Four threads move money between accounts while another counts it, with transactions and lists.
TEST_F(many_keys, transactions_and_lists_of_many_threads_never_see_half_of_one) {
  constexpr int accounts = 4, moves = 150;
  for (int i = 0; i < accounts; ++i) put("account/" + std::to_string(i), "100");
  std::vector<std::thread> movers;
  std::atomic<int> moving{4};
  for (int i = 0; i < 4; ++i) {
    movers.emplace_back([&, i] {
      raw_client one(server.port());
      for (int j = 0; j < moves; ++j) {
        auto const from = "account/" + std::to_string((i + j) % accounts),
                   to = "account/" + std::to_string((i + 1) % accounts);
        one.ask(request("POST", "/v1/txn",
                        R"({"operations":[{"increment":")" + from + R"(","by":-7,"min":0},{"increment":")" + to +
                            R"(","by":7}]})"));
      }
      --moving;
    });
  }
  do {
    int sum = 0;
    auto const page = json::parse(list("prefix=account/&values=true").body);
    for (auto const& one : page["entries"]) sum += one["value"].get<int>();
    EXPECT_EQ(sum, 100 * accounts);
    sum = 0;
    auto const counted = json::parse(
        txn(R"({"operations":[{"get":"account/0"},{"get":"account/1"},{"get":"account/2"},{"get":"account/3"}]})")
            .body);
    for (auto const& one : counted["results"]) sum += one["value"].get<int>();
    EXPECT_EQ(sum, 100 * accounts);
  } while (moving > 0);
  for (auto& one : movers) one.join();
}

// --- under their own names -----------------------------------------------------------------------------------------

TEST_F(many_keys, the_locks_events_call_each_operation_by_its_name) {
  raw_client events(server.port());
  server.ask_for_lock(events, "GET /v1/lock/events?format=ndjson HTTP/1.0\r\nHost: test\r\n\r\n");
  events.receive_until("\r\n\r\n");
  put("users/1", "{}");
  put("n");
  for (auto const& one :
       {request("GET", "/v1/kv?prefix=users/"), request("DELETE", "/v1/kv?prefix=tmp/"),
        request("POST", "/v1/txn", R"({"checks":[{"key":"n","exists":true}],"operations":[{"get":"a"},{"get":"b"}]})"),
        request("PATCH", "/v1/kv/n", "2", "Content-Type: application/merge-patch+json\r\n"),
        request("POST", "/v1/kv/n?increment=1"), request("POST", "/v1/kv/n?ttl=1h"),
        request("POST", "/v1/import", "{\"key\":\"n\",\"value\":1}\n")})
    EXPECT_LT(client.ask(one).status, 300) << one;
  raw_client exporter(server.port()), watcher(server.port());
  exporter.send("GET /v1/export?prefix=n HTTP/1.0\r\nHost: test\r\n\r\n");
  exporter.receive_rest();
  watcher.send("GET /v1/watch?prefix=n&initial=true HTTP/1.0\r\nHost: test\r\n\r\n");
  watcher.receive_until("event: live");
  // Last, as another operation would remove what has expired meanwhile.
  put("users/2?ttl=50ms", "{}");
  std::set<std::string> missing{"LIST users/", "DELETE_RANGE tmp/", "TXN 3 keys", "PATCH n", "INCR n",
                                "TOUCH n",     "IMPORT 1 key",      "EXPORT n",   "WATCH n", "EXPIRE 1"};
  while (!missing.empty()) {
    auto const line = events.receive_until("\n");
    auto const event = json::parse(line);
    if (event["type"] == "done")
      missing.erase(event["operation"].get<std::string>() + ' ' + event["key"].get<std::string>());
  }
}

}  // namespace
}  // namespace holdfast::tests
