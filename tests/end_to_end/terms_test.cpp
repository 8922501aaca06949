// ?hold and ?lock-timeout: effects, defaults and refusals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/stopwatch.hpp"

namespace holdfast::tests {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

struct terms : ::testing::Test {
  void start(server::settings const& settings = running_server::test_settings()) {
    server.emplace(settings);
    client.emplace(server->port());
  }

  std::optional<running_server> server;
  std::optional<raw_client> client;
};

/// `request` is answered after `hold_ms`, reports this, and kept the lock meanwhile.
void expect_hold(running_server const& server, std::string const& bytes, int status, double hold_ms) {
  raw_client holder(server.port());
  stopwatch const watch;
  server.ask_for_lock(holder, bytes);
  EXPECT_TRUE(server.is_lock_taken()) << bytes;
  auto const reply = holder.receive(bytes.starts_with("HEAD"));
  EXPECT_GE(watch.elapsed_ms(), hold_ms);
  EXPECT_EQ(reply.status, status) << bytes;
  EXPECT_GE(reply.hold_ms(), hold_ms) << bytes;
  EXPECT_LT(reply.hold_ms(), hold_ms + 1000) << bytes;
  EXPECT_FALSE(server.is_lock_taken()) << bytes;
}

TEST_F(terms, a_read_holds_as_long_as_it_asks_for) {
  start();
  client->ask(request("PUT", "/v1/kv/a", "1"));
  expect_hold(*server, request("GET", "/v1/kv/a?hold=300ms"), 200, 300);
  expect_hold(*server, request("HEAD", "/v1/kv/a?hold=0.3s"), 200, 300);
}

TEST_F(terms, a_404_holds_too) {
  start();
  expect_hold(*server, request("GET", "/v1/kv/nobody?hold=300ms"), 404, 300);
  expect_hold(*server, request("DELETE", "/v1/kv/nobody?hold=300ms"), 404, 300);
}

TEST_F(terms, a_304_holds_too) {
  start();
  auto const tag = client->ask(request("PUT", "/v1/kv/a", "1")).field("etag");
  expect_hold(*server, request("GET", "/v1/kv/a?hold=300ms", {}, "If-None-Match: " + tag + "\r\n"), 304, 300);
}

TEST_F(terms, writes_hold_too) {
  start();
  expect_hold(*server, request("PUT", "/v1/kv/a?hold=300ms", "1"), 201, 300);
  expect_hold(*server, request("DELETE", "/v1/kv/a?hold=300ms"), 204, 300);
}

TEST_F(terms, every_unit_of_a_duration_is_understood) {
  start();
  for (std::string const hold : {"0", "0s", "0h", "0.0", "250us", "1ms", "0.001s", "1.5ms", "0.00002m", "0.0000003h"})
    EXPECT_EQ(client->ask(request("GET", "/v1/kv/a?hold=" + hold)).status, 404) << hold;
  EXPECT_EQ(client->ask(request("GET", "/v1/kv/a?lock-timeout=2m&hold=1ms")).status, 404);
  EXPECT_EQ(client->ask(request("GET", "/v1/kv/a?lock-timeout=1h")).status, 404);
}

TEST_F(terms, a_number_without_a_unit_is_refused_with_advice_to_add_one) {
  start();
  for (std::string const name : {"hold", "lock-timeout"}) {
    auto const reply = client->ask(request("GET", "/v1/kv/a?" + name + "=10"));
    EXPECT_EQ(reply.status, 400);
    EXPECT_EQ(reply.code(), "invalid_parameter");
    EXPECT_THAT(reply.detail(), HasSubstr("unit"));
    EXPECT_THAT(reply.detail(), HasSubstr(name));
  }
}

TEST_F(terms, what_is_no_duration_is_refused_with_an_example) {
  start();
  for (std::string const text : {"", "s", "1 s", "-1s", "+1s", "1S", "1sec", "1e3ms", "1s2ms", ".5s", "1.s", "0x1s",
                                 "1,5s", "%201s", "inf", "99999999999999999999h", "1d"}) {
    auto const path = "/v1/kv/a?hold=" + (text == "1 s" ? "1%20s" : text);
    auto const reply = client->ask(request("GET", path));
    EXPECT_EQ(reply.status, 400) << text;
    EXPECT_EQ(reply.code(), "invalid_parameter") << text;
    EXPECT_THAT(reply.detail(), HasSubstr("hold")) << text;
  }
  EXPECT_THAT(client->ask(request("GET", "/v1/kv/a?hold=soon")).detail(), HasSubstr("350ms"));
}

TEST_F(terms, a_hold_up_to_the_most_is_kept_and_a_longer_one_refused) {
  auto settings = running_server::test_settings();
  settings.routes.hold_max = 200ms;
  start(settings);
  EXPECT_EQ(client->ask(request("GET", "/v1/kv/a?hold=200ms")).status, 404);
  for (std::string const method : {"GET", "HEAD", "DELETE"}) {
    raw_client another(server->port());
    auto const reply = another.ask(request(method, "/v1/kv/a?hold=201ms"));
    EXPECT_EQ(reply.status, 400) << method;
  }
  auto const put = client->ask(request("PUT", "/v1/kv/a?hold=200.001ms", "1"));
  EXPECT_EQ(put.status, 400);
  EXPECT_THAT(put.detail(), HasSubstr("200ms"));
  EXPECT_EQ(raw_client(server->port()).ask(request("GET", "/v1/kv/a")).status, 404);
}

TEST_F(terms, by_default_a_minute_is_the_longest_hold) {
  start();
  auto const reply = client->ask(request("GET", "/v1/kv/a?hold=60001ms"));
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.detail(), HasSubstr("1m"));
}

TEST_F(terms, the_default_hold_is_every_reads_and_no_writes) {
  auto settings = running_server::test_settings();
  settings.routes.read_hold = 200ms;
  start(settings);
  EXPECT_GE(client->ask(request("GET", "/v1/kv/a")).hold_ms(), 200);
  EXPECT_GE(client->ask(request("HEAD", "/v1/kv/a")).hold_ms(), 200);
  EXPECT_GE(client->ask(request("GET", "/v1/kv/a?lock-timeout=1s")).hold_ms(), 200);
  EXPECT_LT(client->ask(request("PUT", "/v1/kv/a", "1")).hold_ms(), 200);
  EXPECT_LT(client->ask(request("DELETE", "/v1/kv/a")).hold_ms(), 200);
}

TEST_F(terms, a_request_overrides_the_default_hold) {
  auto settings = running_server::test_settings();
  settings.routes.read_hold = 10s;
  start(settings);
  EXPECT_LT(client->ask(request("GET", "/v1/kv/a?hold=0")).hold_ms(), 10'000);
  auto const reply = client->ask(request("GET", "/v1/kv/a?hold=100ms"));
  EXPECT_GE(reply.hold_ms(), 100);
  EXPECT_LT(reply.hold_ms(), 10'000);
}

struct lock_timeout : terms {
  /// Starts the server, stores "a" and takes the lock for longer than any test lasts.
  void start_held(server::settings const& settings = running_server::test_settings()) {
    start(settings);
    client->ask(request("PUT", "/v1/kv/a?lock-timeout=1s", "1"));
    holder.emplace(server->port());
    server->ask_for_lock(*holder, request("GET", "/v1/kv/a?hold=60s"));
  }

  std::optional<raw_client> holder;
};

TEST_F(lock_timeout, gives_up_in_time_with_503_and_changes_nothing) {
  start_held();
  for (auto const& bytes :
       {request("GET", "/v1/kv/a?lock-timeout=100ms"), request("HEAD", "/v1/kv/a?lock-timeout=100ms"),
        request("PUT", "/v1/kv/a?lock-timeout=100ms", "2"), request("PUT", "/v1/kv/a?lock-timeout=100ms&hold=1s", "2"),
        request("DELETE", "/v1/kv/a?lock-timeout=100ms")}) {
    auto const reply = client->ask(bytes);
    EXPECT_EQ(reply.status, 503);
    EXPECT_TRUE(reply.has("retry-after"));
    EXPECT_GE(reply.wait_ms(), 100);
    EXPECT_EQ(reply.hold_ms(), 0);
    EXPECT_EQ(reply.code(), bytes.starts_with("HEAD") ? "" : "lock_timeout");
  }
  holder->close();
  EXPECT_EQ(client->ask(request("GET", "/v1/kv/a")).body, "1");
}

TEST_F(lock_timeout, zero_means_try_once) {
  start_held();
  stopwatch const watch;
  auto const reply = client->ask(request("PUT", "/v1/kv/a?lock-timeout=0", "2"));
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.code(), "lock_timeout");
  EXPECT_LT(watch.elapsed_ms(), 10'000);
  holder->close();
  EXPECT_EQ(client->ask(request("GET", "/v1/kv/a?lock-timeout=10s")).body, "1");
  EXPECT_EQ(client->ask(request("PUT", "/v1/kv/a?lock-timeout=0", "2")).status, 204);
}

TEST_F(lock_timeout, the_detail_says_what_to_do) {
  start_held();
  EXPECT_THAT(client->ask(request("GET", "/v1/kv/a?lock-timeout=1ms")).detail(), HasSubstr("etry"));
  EXPECT_THAT(client->ask(request("GET", "/v1/kv/a?lock-timeout=0")).detail(), HasSubstr("lock-timeout"));
}

TEST_F(lock_timeout, the_default_goes_for_every_request_that_names_none) {
  auto settings = running_server::test_settings();
  settings.routes.lock_timeout = 100ms;
  start_held(settings);
  EXPECT_EQ(client->ask(request("GET", "/v1/kv/a")).code(), "lock_timeout");
  EXPECT_EQ(client->ask(request("PUT", "/v1/kv/a?hold=1ms", "2")).code(), "lock_timeout");
  EXPECT_EQ(client->ask(request("DELETE", "/v1/kv/a")).code(), "lock_timeout");
}

TEST_F(lock_timeout, a_request_overrides_the_default) {
  auto settings = running_server::test_settings();
  settings.routes.lock_timeout = 0ms;
  start_held(settings);
  server->ask_for_lock(*client, request("GET", "/v1/kv/a?lock-timeout=30s"));
  EXPECT_TRUE(client->stays_silent(100ms));
  holder->close();
  EXPECT_EQ(client->receive().status, 200);
}

TEST_F(lock_timeout, without_one_a_request_waits_as_long_as_it_takes) {
  start();
  raw_client one(server->port());
  server->ask_for_lock(one, request("GET", "/v1/kv/a?hold=700ms"));
  auto const reply = client->ask(request("GET", "/v1/kv/a"));
  EXPECT_EQ(reply.status, 404);
  EXPECT_GT(reply.wait_ms(), 0);
}

TEST_F(lock_timeout, who_gave_up_is_no_longer_in_the_queue) {
  start_held();
  EXPECT_EQ(client->ask(request("PUT", "/v1/kv/a?lock-timeout=50ms&hold=60s", "2")).status, 503);
  holder->close();
  EXPECT_EQ(raw_client(server->port()).ask(request("GET", "/v1/kv/a?lock-timeout=20s")).status, 200);
}

TEST_F(terms, an_unknown_parameter_is_refused_and_the_known_ones_are_named) {
  start();
  for (std::string const query : {"timeout=1s", "Hold=1s", "lock_timeout=1s", "hold=1ms&x", "=1s", "x=%41"}) {
    auto const reply = client->ask(request("GET", "/v1/kv/a?" + query));
    EXPECT_EQ(reply.status, 400) << query;
    EXPECT_EQ(reply.code(), "invalid_parameter") << query;
    EXPECT_THAT(reply.detail(), HasSubstr("hold")) << query;
    EXPECT_THAT(reply.detail(), HasSubstr("lock-timeout")) << query;
  }
  auto const put = client->ask(request("PUT", "/v1/kv/a?expires=1s", "1"));
  EXPECT_EQ(put.status, 400);
  EXPECT_THAT(put.detail(), HasSubstr("ttl"));
  EXPECT_EQ(raw_client(server->port()).ask(request("GET", "/v1/kv/a")).status, 404);
}

TEST_F(terms, a_parameter_given_twice_is_refused) {
  start();
  for (std::string const query :
       {"hold=1ms&hold=1ms", "lock-timeout=1s&hold=1ms&lock-timeout=1s", "hold=0&h%6Fld=1ms"}) {
    auto const reply = client->ask(request("GET", "/v1/kv/a?" + query));
    EXPECT_EQ(reply.status, 400) << query;
    EXPECT_EQ(reply.code(), "invalid_parameter") << query;
  }
}

TEST_F(terms, a_broken_encoding_in_the_query_is_refused) {
  start();
  EXPECT_EQ(client->ask(request("GET", "/v1/kv/a?hold=%4")).code(), "invalid_parameter");
  EXPECT_EQ(client->ask(request("GET", "/v1/kv/a?ho%zzld=1s")).code(), "invalid_parameter");
}

TEST_F(terms, parameters_are_percent_decoded) {
  start();
  EXPECT_GE(client->ask(request("GET", "/v1/kv/a?%68old=%31%30ms")).hold_ms(), 10);
}

TEST_F(terms, an_empty_query_is_none) {
  start();
  EXPECT_EQ(client->ask(request("PUT", "/v1/kv/a?", "1")).field("location"), "/v1/kv/a");
}

}  // namespace
}  // namespace holdfast::tests
