#include "server/api/settings.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace holdfast::server {
namespace {

using namespace std::literals;
using nlohmann::json;

struct settings_test : testing::Test {
  explicit settings_test(bool is_live = true) : live(is_live, 10ms, 350ms) {
    routes.hold_max = 5s;
    live.on_change([this] { ++changes; });
  }

  reply change(std::string_view body) { return change_settings(body, context); }

  /// The change is refused, and nothing has changed.
  void expect_refused(std::string_view body, unsigned status, std::string_view code, std::string_view detail = {}) {
    auto const answer = change(body);
    EXPECT_EQ(answer.status, status) << body;
    auto const problem = json::parse(answer.content());
    EXPECT_EQ(problem["code"], code) << body;
    EXPECT_NE(problem["detail"].get<std::string>().find(detail), std::string::npos) << problem["detail"];
    EXPECT_EQ(live.read_hold(), 10ms) << body;
    EXPECT_EQ(live.writer_period(), 350ms) << body;
    EXPECT_EQ(changes, 0) << body;
  }

  route_settings routes;
  fixed_settings fixed{
      .writer_key = "its-key", .threads = 3, .waiters_max = 4, .connections_max = 5, .memory_bytes_max = 6};
  store data{16, 1'000'000, 0x3f};
  server::insight insight{1, 42};
  live_settings live;
  byte_budget under_way{100'000};
  std::atomic<std::size_t> connections{0};
  std::atomic<bool> draining{false};
  api_context context{routes, fixed, data, insight, live, under_way, connections, draining, 1'000'000, 42};
  int changes = 0;
};

TEST_F(settings_test, tells_what_they_are) {
  auto const answer = settings_reply(context);
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(json::parse(answer.content()), json::parse(R"({"read_hold": "10ms", "writer_period": "350ms", "live": true,
      "max_hold": "5s", "writer_key": "its-key", "threads": 3, "max_waiters": 4, "max_connections": 5,
      "max_memory": 6})"));
}

TEST_F(settings_test, changes_what_is_named_and_nothing_else) {
  EXPECT_EQ(change(R"({"read_hold":"1s"})").status, 200U);
  EXPECT_EQ(live.read_hold(), 1s);
  EXPECT_EQ(live.writer_period(), 350ms);
  EXPECT_EQ(change(R"({"writer_period":"2s"})").status, 200U);
  EXPECT_EQ(live.read_hold(), 1s);
  EXPECT_EQ(live.writer_period(), 2s);
  EXPECT_EQ(change("{}").status, 200U);
  EXPECT_EQ(live.read_hold(), 1s);
  EXPECT_EQ(changes, 3);
}

TEST_F(settings_test, answers_with_what_they_are_now) {
  auto const answer = change(R"({"read_hold":"1s","writer_period":"2s"})");
  auto const now = json::parse(answer.content());
  EXPECT_EQ(now["read_hold"], "1s");
  EXPECT_EQ(now["writer_period"], "2s");
  EXPECT_EQ(changes, 1) << "both at once";
}

TEST_F(settings_test, a_writer_period_is_at_least_a_millisecond_or_none) {
  for (auto const* period : {"1ns", "999us", "0.9ms"})
    expect_refused(R"({"writer_period":")"s + period + "\"}", 400, "invalid_parameter", "at least 1ms");
  EXPECT_EQ(change(R"({"writer_period":"1ms"})").status, 200U);
  EXPECT_EQ(live.writer_period(), 1ms);
  EXPECT_EQ(change(R"({"writer_period":"0"})").status, 200U);
  EXPECT_EQ(live.writer_period(), 0ms);
}

TEST_F(settings_test, a_read_hold_may_be_as_long_as_any_hold_and_no_longer) {
  expect_refused(R"({"read_hold":"5.001s"})", 400, "hold_too_long", "at most 5s");
  EXPECT_EQ(change(R"({"read_hold":"5s"})").status, 200U);
  EXPECT_EQ(live.read_hold(), 5s);
  EXPECT_EQ(change(R"({"read_hold":"0"})").status, 200U) << "and as short";
  EXPECT_EQ(live.read_hold(), 0ms);
}

TEST_F(settings_test, one_that_is_wrong_keeps_the_others_as_they_are) {
  expect_refused(R"({"read_hold":"1s","writer_period":"soon"})", 400, "invalid_parameter", "writer_period: ");
  expect_refused(R"({"read_hold":"later","writer_period":"1s"})", 400, "invalid_parameter", "read_hold: ");
  expect_refused(R"({"read_hold":"1s","writer_period":"1us"})", 400, "invalid_parameter");
  expect_refused(R"({"read_hold":"6s","writer_period":"1s"})", 400, "hold_too_long");
  expect_refused(R"({"read_hold":"1s","colour":"red"})", 400, "invalid_parameter");
}

TEST_F(settings_test, a_duration_is_a_text) {
  for (auto const* value : {"1", "0", "null", "[\"1s\"]", "true"}) {
    expect_refused(R"({"read_hold":)"s + value + "}", 400, "invalid_parameter",
                   "read_hold must be a duration in quotes");
    expect_refused(R"({"writer_period":)"s + value + "}", 400, "invalid_parameter",
                   "writer_period must be a duration in quotes");
  }
}

TEST_F(settings_test, an_unknown_name_is_refused_and_named) {
  expect_refused(R"({"max_hold":"1s"})", 400, "invalid_parameter", "'max_hold'");
  expect_refused(R"({"":"1s"})", 400, "invalid_parameter", "''");
  expect_refused(R"({"Read_Hold":"1s"})", 400, "invalid_parameter", "'Read_Hold'");
  expect_refused(R"({"read_hold\u0000":"1s"})", 400, "invalid_parameter", "read_hold");
}

TEST_F(settings_test, a_name_that_is_there_twice_is_refused_and_not_one_of_both_chosen) {
  expect_refused(R"({"read_hold":"1s","read_hold":"2s"})", 400, "invalid_parameter", "read_hold is there twice");
  expect_refused(R"({"read_hold":"1s","read\u005fhold":"1s"})", 400, "invalid_parameter", "read_hold is there twice");
}

// Valid JSON that the former JSON library for settings refused.
TEST_F(settings_test, any_json_text_gets_an_answer_that_fits) {
  expect_refused(R"({"read_hold":1e999})", 400, "invalid_parameter", "read_hold must be a duration in quotes");
  expect_refused(R"({"read_hold":"\ud83d"})", 400, "invalid_parameter", "/read_hold");
  expect_refused(R"({"\ud83d":"1s"})", 400, "invalid_parameter", "there is no setting");
}

TEST_F(settings_test, a_nul_does_not_end_the_text) {
  expect_refused("{\"read_hold\":\"1s\"}\0"sv, 400, "invalid_json");
  expect_refused("{\"read_hold\":\"1s\"}\0nonsense"sv, 400, "invalid_json");
  expect_refused("{\"read_hold\":\"1s\0\"}"sv, 400, "invalid_json");
  expect_refused(R"({"read_hold":"1s\u0000"})", 400, "invalid_parameter");
}

TEST_F(settings_test, what_is_no_object_is_refused) {
  for (auto const* body : {"", "{", "nonsense"}) expect_refused(body, 400, "invalid_json");
  for (auto const* body : {"[]", "null", "\"read_hold\"", "1"})
    expect_refused(body, 400, "invalid_json", "JSON object");
}

struct settings_that_are_fixed : settings_test {
  settings_that_are_fixed() : settings_test(false) {}
};

TEST_F(settings_that_are_fixed, are_told_and_not_changed) {
  EXPECT_EQ(json::parse(settings_reply(context).content())["live"], false);
  expect_refused(R"({"read_hold":"1s"})", 403, "settings_fixed");
  expect_refused("nonsense", 403, "settings_fixed");
}

// --- who may change them -------------------------------------------------------------------------------------------

request_head from(std::string_view host, std::string_view origin = {},
                  std::string_view content_type = "application/json") {
  request_head head;
  head.host = host;
  head.origin = origin;
  head.content_type = content_type;
  return head;
}

unsigned status_of(request_head const& head) {
  std::vector<std::string> const host_names{"db.example"};
  auto const refused = refuse_change(head, host_names);
  return refused ? refused->status : 200;
}

TEST(who_may_change_settings, asks_at_an_address_or_at_a_name_of_ours) {
  for (auto const* host : {"127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:8080", "localhost", "LocalHost:8080",
                           "db.example", "DB.example:80"})
    EXPECT_EQ(status_of(from(host)), 200U) << host;
  for (auto const* host :
       {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[evil]", "xdb.example"})
    EXPECT_EQ(status_of(from(host)), 403U) << host;
}

TEST(who_may_change_settings, is_no_page_of_another_site) {
  EXPECT_EQ(status_of(from("localhost:8080", "http://localhost:8080")), 200U);
  EXPECT_EQ(status_of(from("localhost:8080", "https://LOCALHOST:8080")), 200U);
  for (auto const* origin :
       {"http://evil.example", "http://localhost", "http://localhost:80800", "null", "localhost:8080"})
    EXPECT_EQ(status_of(from("localhost:8080", origin)), 403U) << origin;
}

TEST(who_may_change_settings, sends_what_no_form_can_send) {
  EXPECT_EQ(status_of(from("localhost", {}, "Application/JSON; charset=utf-8")), 200U);
  for (auto const* type : {"", "text/plain", "application/jsonp", "application/x-www-form-urlencoded"})
    EXPECT_EQ(status_of(from("localhost", {}, type)), 415U) << type;
}

}  // namespace
}  // namespace holdfast::server
