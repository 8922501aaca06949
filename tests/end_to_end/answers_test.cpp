// Properties of all answers. raw_client::receive() checks every answer of every test with broken_promise(); here are
// the answers of each kind in one place, and properties that only some of them have.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <set>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/stopwatch.hpp"

namespace holdfast::tests {
namespace {

struct answers : ::testing::Test {
  running_server server;
  raw_client client{server.port()};
};

TEST_F(answers, every_answer_to_an_operation_tells_how_long_it_waited_and_held) {
  EXPECT_GE(client.ask(request("PUT", "/v1/kv/a", "1")).hold_ms(), 0);  // 201
  EXPECT_GE(client.ask(request("PUT", "/v1/kv/a", "1")).wait_ms(), 0);  // 204
  auto const got = client.ask(request("GET", "/v1/kv/a"));              // 200
  EXPECT_GE(got.hold_ms(), 0);
  EXPECT_GE(client.ask(request("HEAD", "/v1/kv/a")).hold_ms(), 0);
  EXPECT_GE(client.ask(request("GET", "/v1/kv/a", {}, "If-None-Match: *\r\n")).hold_ms(), 0);  // 304
  EXPECT_GE(client.ask(request("GET", "/v1/kv/nobody")).hold_ms(), 0);                         // 404
  EXPECT_GE(client.ask(request("DELETE", "/v1/kv/a")).hold_ms(), 0);
  EXPECT_GE(client.ask(request("DELETE", "/v1/kv/a")).hold_ms(), 0);
  raw_client holder(server.port());
  server.ask_for_lock(holder, request("GET", "/v1/kv/a?hold=60s"));
  EXPECT_GE(client.ask(request("GET", "/v1/kv/a?lock-timeout=10ms")).wait_ms(), 10);  // 503
  EXPECT_GE(client.ask(request("GET", "/v1/kv/a?lock-timeout=0")).wait_ms(), 0);
}

TEST_F(answers, what_needs_no_lock_tells_no_timing) {
  EXPECT_FALSE(client.ask(request("GET", "/livez")).has("server-timing"));
  EXPECT_FALSE(client.ask(request("OPTIONS", "/v1/kv/a")).has("server-timing"));
}

TEST_F(answers, the_time_waited_and_held_is_told_in_milliseconds) {
  raw_client holder(server.port());
  stopwatch const watch;
  server.ask_for_lock(holder, request("GET", "/v1/kv/a?hold=400ms"));
  auto const held_since_ms = watch.elapsed_ms();
  server.ask_for_lock(client, request("GET", "/v1/kv/a?hold=200ms"));
  auto const waited_since_ms = watch.elapsed_ms();
  auto const waited = client.receive();
  auto const total_ms = watch.elapsed_ms();
  auto const held = holder.receive();
  EXPECT_LT(held.wait_ms(), held_since_ms);
  EXPECT_GE(held.hold_ms(), 400);
  EXPECT_GE(waited.hold_ms(), 200);
  EXPECT_GE(waited.wait_ms() + waited_since_ms, 400);
  EXPECT_LE(waited.wait_ms() + waited.hold_ms(), total_ms);
}

TEST_F(answers, date_is_now) {
  auto const before = std::time(nullptr);
  auto const date = client.ask(request("GET", "/livez")).field("date");
  auto const after = std::time(nullptr);
  std::tm told{};
  ASSERT_NE(::strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &told), nullptr) << date;
  auto const at = ::timegm(&told);
  EXPECT_GE(at, before - 1);
  EXPECT_LE(at, after + 1);
}

TEST_F(answers, each_kind_of_problem_has_a_type_of_its_own_and_a_stable_title) {
  std::map<std::string, std::pair<std::string, std::string>> seen;  // by code: type and title
  std::set<std::string> types;
  for (auto const& bytes :
       {request("GET", "/v1/kv/nobody"), request("GET", "/v1/kv/another"), request("GET", "/nothing"),
        request("GET", "/v1/kv/a?x=1"), request("GET", "/v1/kv/a?hold=1"), request("BREW", "/"),
        request("POST", "/v1/kv/a"), request("GET", "/v1/kv/%FF"), request("PUT", "/v1/kv/a", "oops"),
        request("GET", "/v1/kv/a?hold=2h"), std::string("GET / HTTP/3.0\r\n\r\n")}) {
    auto const told = raw_client(server.port()).ask(bytes).as_problem();
    ASSERT_TRUE(told) << bytes;
    auto const [place, is_new] = seen.emplace(told->code, std::pair{told->type, told->title});
    EXPECT_EQ(place->second, (std::pair{told->type, told->title})) << told->code;
    EXPECT_EQ(types.insert(told->type).second, is_new) << told->type;
  }
  EXPECT_GE(seen.size(), 8U);
}

TEST_F(answers, a_problem_is_valid_json_whatever_the_request_says) {
  for (std::string const target : {"/v1/kv/%22quoted%22", "/v1/kv/back%5Cslash", "/v1/kv/a?%22=1",
                                   "/v1/kv/a?hold=%22%FF%00", "/v1/kv/a?%0A%1B=1", "/v1/kv/\xC3\xA9?hold=\xFF"})
    EXPECT_TRUE(client.ask(request("GET", target)).as_problem()) << target;
  EXPECT_TRUE(client.ask(request("PUT", "/v1/kv/a", "\"\xFF\xFE\"")).as_problem());
}

TEST_F(answers, nothing_a_client_sends_gets_into_a_field) {
  auto const put = client.ask(request("PUT", "/v1/kv/a%22%20b%3Cscript%3E", "1"));
  EXPECT_EQ(put.status, 201);
  EXPECT_EQ(put.field("location"), "/v1/kv/a%22%20b%3Cscript%3E");
}

}  // namespace
}  // namespace holdfast::tests
