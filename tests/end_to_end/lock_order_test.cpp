// Order of arrival as clients see it, and visibility of earlier changes.
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/stopwatch.hpp"

namespace holdfast::tests {
namespace {

using namespace std::chrono_literals;

struct lock_order : ::testing::Test {
  lock_order() {
    raw_client(server.port()).ask(request("PUT", "/v1/kv/a", "0"));
    server.ask_for_lock(holder, request("GET", "/v1/kv/a?hold=60s"));
  }

  raw_client& waiter(std::string const& bytes) {
    server.ask_for_lock(waiters.emplace_back(server.port()), bytes);
    return waiters.back();
  }

  running_server server;
  raw_client holder{server.port()};
  std::vector<raw_client> waiters;
};

unsigned long revision_of(raw_reply const& reply) {
  auto const tag = reply.field("etag");
  return std::stoul(tag.substr(tag.find('-') + 1));
}

TEST_F(lock_order, the_lock_is_granted_in_the_order_of_asking) {
  for (int i = 0; i < 50; ++i) waiter(request("PUT", "/v1/kv/a", std::to_string(i)));
  holder.close();
  auto expected = revision_of(waiters[0].receive());
  for (std::size_t i = 1; i < waiters.size(); ++i) EXPECT_EQ(revision_of(waiters[i].receive()), ++expected) << i;
}

TEST_F(lock_order, waiting_readers_see_the_values_in_between) {
  for (int i = 1; i <= 10; ++i) {
    waiter(request("GET", "/v1/kv/a"));
    waiter(request("PUT", "/v1/kv/a", std::to_string(i)));
  }
  holder.close();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(waiters[2 * i].receive().body, std::to_string(i));
}

TEST_F(lock_order, a_condition_is_looked_at_when_the_lock_is_granted) {
  auto const tag = [&] {
    waiter(request("PUT", "/v1/kv/a", "1"));
    waiter(request("GET", "/v1/kv/a", {}, "If-None-Match: *\r\n"));
    waiter(request("DELETE", "/v1/kv/a"));
    waiter(request("GET", "/v1/kv/a", {}, "If-None-Match: *\r\n"));
    waiter(request("PUT", "/v1/kv/a", "2"));
    holder.close();
    return waiters[0].receive().field("etag");
  }();
  auto const unchanged = waiters[1].receive();
  EXPECT_EQ(unchanged.status, 304);
  EXPECT_EQ(unchanged.field("etag"), tag);
  EXPECT_EQ(waiters[3].receive().status, 404);
  EXPECT_EQ(waiters[4].receive().status, 201);
}

TEST_F(lock_order, who_asks_again_at_once_comes_behind_those_who_wait) {
  // All requests of a client arrive in one write, so no other could be faster.
  std::string greedy;
  for (int i = 0; i < 3; ++i) greedy += request("GET", "/v1/kv/a?hold=50ms");
  waiter(greedy);
  waiter(request("PUT", "/v1/kv/a", "1"));
  holder.close();
  EXPECT_EQ(waiters[0].receive().body, "0");
  EXPECT_EQ(waiters[0].receive().body, "1");
  EXPECT_EQ(waiters[0].receive().body, "1");
}

TEST_F(lock_order, a_pipeline_has_one_place_in_the_queue) {
  waiter(request("PUT", "/v1/kv/a", "1") + request("PUT", "/v1/kv/a", "2") + request("PUT", "/v1/kv/a", "3"));
  waiter(request("GET", "/v1/kv/a?hold=50ms"));
  holder.close();
  EXPECT_EQ(waiters[1].receive().body, "1");
}

TEST_F(lock_order, everybody_waits_for_the_holds_before_theirs) {
  for (int i = 0; i < 4; ++i) waiter(request("GET", "/v1/kv/a?hold=100ms"));
  stopwatch const watch;
  holder.close();
  for (int i = 0; i < 4; ++i) {
    auto const reply = waiters[i].receive();
    EXPECT_GE(watch.elapsed_ms(), 100 * (i + 1)) << i;
    EXPECT_GE(reply.wait_ms(), 100 * i) << i;
    EXPECT_GE(reply.hold_ms(), 100) << i;
  }
}

TEST_F(lock_order, readers_exclude_each_other_too) {
  waiter(request("GET", "/v1/kv/a?hold=60s"));
  waiter(request("GET", "/v1/kv/a"));
  holder.close();
  server.settle();
  EXPECT_TRUE(waiters[1].stays_silent(100ms));
  waiters[0].close();
  EXPECT_EQ(waiters[1].receive().status, 200);
}

TEST_F(lock_order, a_timeout_in_the_middle_of_the_queue_leaves_the_others_in_order) {
  waiter(request("PUT", "/v1/kv/a", "1"));
  waiter(request("PUT", "/v1/kv/a?lock-timeout=100ms", "2"));
  waiter(request("GET", "/v1/kv/a"));
  EXPECT_EQ(waiters[1].receive().code(), "lock_timeout");
  EXPECT_TRUE(waiters[0].stays_silent(20ms));
  holder.close();
  EXPECT_EQ(waiters[0].receive().status, 204);
  EXPECT_EQ(waiters[2].receive().body, "1");
}

TEST_F(lock_order, a_value_is_read_when_the_hold_begins) {
  waiter(request("GET", "/v1/kv/a?hold=300ms"));
  waiter(request("PUT", "/v1/kv/a", "1"));
  holder.close();
  EXPECT_EQ(waiters[0].receive().body, "0");
}

TEST(lock, a_counter_kept_by_many_clients_loses_no_change) {
  // Every change has its own revision, whichever thread and connection it comes from.
  running_server server;
  constexpr int clients = 8, changes = 100;
  std::vector<raw_client> all;
  std::string turns;
  for (int i = 0; i < changes; ++i) turns += request("PUT", "/v1/kv/a", "1");
  for (int i = 0; i < clients; ++i) all.emplace_back(server.port());
  for (auto& one : all) one.send(turns);
  std::vector<bool> seen(clients * changes + 1);
  for (auto& one : all) {
    unsigned long before = 0;
    for (int i = 0; i < changes; ++i) {
      auto const revision = revision_of(one.receive());
      EXPECT_GT(revision, before);
      ASSERT_LT(revision, seen.size());
      EXPECT_FALSE(seen[revision]);
      seen[revision] = true;
      before = revision;
    }
  }
}

}  // namespace
}  // namespace holdfast::tests
