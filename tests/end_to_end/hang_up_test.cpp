// Clients that close one or both directions: what is still answered, which waits and holds end.
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/stopwatch.hpp"

namespace holdfast::tests {
namespace {

using namespace std::chrono_literals;

struct hang_up : ::testing::Test {
  hang_up() { client.ask(request("PUT", "/v1/kv/a", "1")); }

  /// A lock that is not released would show as a test that takes a minute.
  static constexpr double soon_ms = 20'000;

  running_server server;
  raw_client client{server.port()};
};

// --- neither waiting nor holding: answered even after FIN ---------------------------------------------------------

TEST_F(hang_up, a_whole_request_is_answered_after_fin) {
  for (auto const& [bytes, status] : {std::pair{request("GET", "/v1/kv/a"), 200},
                                      {request("HEAD", "/v1/kv/a"), 200},
                                      {request("GET", "/v1/kv/x"), 404},
                                      {request("PUT", "/v1/kv/b", "1"), 201},
                                      {request("DELETE", "/v1/kv/b"), 204},
                                      {request("GET", "/livez"), 200},
                                      {request("PUT", "/v1/kv/b", "oops"), 400},
                                      {std::string("oops\r\n\r\n"), 400}}) {
    raw_client one(server.port());
    one.send(bytes);
    one.half_close();
    EXPECT_EQ(one.receive(bytes.starts_with("HEAD")).status, status) << bytes;
    EXPECT_TRUE(one.is_closed_by_peer()) << bytes;
  }
}

TEST_F(hang_up, a_large_value_is_sent_whole_after_fin) {
  auto const large = '"' + std::string(1'000'000, 'x') + '"';
  client.send(request("PUT", "/v1/kv/large", large) + request("GET", "/v1/kv/large"));
  client.half_close();
  EXPECT_EQ(client.receive().status, 201);
  EXPECT_EQ(client.receive().body, large);
  EXPECT_TRUE(client.is_closed_by_peer());
}

TEST_F(hang_up, a_pipeline_is_answered_to_its_last_after_fin) {
  std::string all;
  for (int i = 0; i < 100; ++i) all += request("PUT", "/v1/kv/a", std::to_string(i)) + request("GET", "/v1/kv/a");
  client.send(all);
  client.half_close();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(client.receive().status, 204);
    EXPECT_EQ(client.receive().body, std::to_string(i));
  }
  EXPECT_TRUE(client.is_closed_by_peer());
}

TEST_F(hang_up, a_request_that_is_not_whole_is_dropped_and_changes_nothing) {
  auto const put = request("PUT", "/v1/kv/a", "22");
  for (auto const bytes : {put.size() - 1, put.size() - 2, put.size() - 4, std::size_t(5)}) {
    raw_client one(server.port());
    one.send(put.substr(0, bytes));
    one.half_close();
    (void)one.receive_rest();
    EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).body, "1") << bytes;
  }
}

TEST_F(hang_up, a_client_that_leaves_at_once_costs_nothing) {
  for (int i = 0; i < 100; ++i) {
    raw_client(server.port()).close();
    raw_client(server.port()).reset();
    raw_client one(server.port());
    one.send(request("GET", "/v1/kv/a"));
    one.reset();
  }
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).body, "1");
}

// --- while waiting ------------------------------------------------------------------------------------------------

struct hang_up_while_waiting : hang_up {
  hang_up_while_waiting() { server.ask_for_lock(holder, request("GET", "/v1/kv/a?hold=60s")); }

  raw_client holder{server.port()};
};

TEST_F(hang_up_while_waiting, fin_leaves_the_queue_and_changes_nothing) {
  raw_client waiter(server.port());
  server.ask_for_lock(waiter, request("PUT", "/v1/kv/a?hold=60s", "2"));
  server.ask_for_lock(client, request("GET", "/v1/kv/a"));
  waiter.half_close();
  EXPECT_TRUE(waiter.is_closed_by_peer());  // without an answer
  EXPECT_TRUE(client.stays_silent(50ms));
  stopwatch const watch;
  holder.close();
  EXPECT_EQ(client.receive().body, "1");
  EXPECT_LT(watch.elapsed_ms(), soon_ms);
}

TEST_F(hang_up_while_waiting, a_reset_leaves_the_queue_and_changes_nothing) {
  raw_client waiter(server.port());
  server.ask_for_lock(waiter, request("PUT", "/v1/kv/a?hold=60s", "2"));
  server.ask_for_lock(client, request("GET", "/v1/kv/a"));
  waiter.reset();
  server.settle();
  stopwatch const watch;
  holder.close();
  EXPECT_EQ(client.receive().body, "1");
  EXPECT_LT(watch.elapsed_ms(), soon_ms);
}

TEST_F(hang_up_while_waiting, fin_in_the_same_write_as_the_request_counts_too) {
  raw_client waiter(server.port());
  waiter.send(request("DELETE", "/v1/kv/a"));
  waiter.half_close();
  EXPECT_TRUE(waiter.is_closed_by_peer());
  holder.close();
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).body, "1");
}

TEST_F(hang_up_while_waiting, fin_behind_pipelined_requests_counts_too) {
  raw_client waiter(server.port());
  waiter.send(request("PUT", "/v1/kv/a", "2") + request("PUT", "/v1/kv/a", "3"));
  waiter.half_close();
  EXPECT_TRUE(waiter.is_closed_by_peer());
  holder.close();
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).body, "1");
}

TEST_F(hang_up_while_waiting, a_waiter_with_a_lock_timeout_may_hang_up_too) {
  raw_client waiter(server.port());
  server.ask_for_lock(waiter, request("PUT", "/v1/kv/a?lock-timeout=60s", "2"));
  waiter.half_close();
  EXPECT_TRUE(waiter.is_closed_by_peer());
  holder.close();
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).body, "1");
}

TEST_F(hang_up_while_waiting, those_that_stay_keep_their_order) {
  constexpr int waiters = 60;
  std::vector<raw_client> all;
  for (int i = 0; i < waiters; ++i) {
    all.emplace_back(server.port());
    server.ask_for_lock(all.back(), request("PUT", "/v1/kv/order", std::to_string(i)));
  }
  raw_client last(server.port());
  server.ask_for_lock(last, request("GET", "/v1/kv/order"));
  for (int i = 0; i < waiters; ++i)
    if (i % 3 == 0) all[i].reset();
  server.settle();
  holder.close();
  EXPECT_EQ(last.receive().body, std::to_string(waiters - 1));
  std::string before;
  for (int i = 0; i < waiters; ++i) {
    if (i % 3 == 0) continue;
    auto const reply = all[i].receive();
    EXPECT_EQ(reply.status, i == 1 ? 201 : 204) << i;
    auto const tag = reply.field("etag");
    EXPECT_TRUE(before.size() < tag.size() || before < tag) << before << " then " << tag;
    before = tag;
  }
}

// --- while holding ------------------------------------------------------------------------------------------------

TEST_F(hang_up, fin_ends_a_hold_and_the_put_stays) {
  raw_client holder(server.port()), waiter(server.port());
  server.ask_for_lock(holder, request("PUT", "/v1/kv/a?hold=60s", "2"));
  server.ask_for_lock(waiter, request("GET", "/v1/kv/a"));
  stopwatch const watch;
  holder.half_close();
  EXPECT_EQ(waiter.receive().body, "2");
  EXPECT_LT(watch.elapsed_ms(), soon_ms);
  EXPECT_TRUE(holder.is_closed_by_peer());  // without an answer
}

TEST_F(hang_up, a_reset_ends_a_hold_and_the_put_stays) {
  raw_client holder(server.port()), waiter(server.port());
  server.ask_for_lock(holder, request("PUT", "/v1/kv/a?hold=60s", "2"));
  server.ask_for_lock(waiter, request("GET", "/v1/kv/a"));
  stopwatch const watch;
  holder.reset();
  EXPECT_EQ(waiter.receive().body, "2");
  EXPECT_LT(watch.elapsed_ms(), soon_ms);
}

TEST_F(hang_up, fin_in_the_same_write_as_the_request_ends_its_hold) {
  stopwatch const watch;
  raw_client holder(server.port());
  holder.send(request("PUT", "/v1/kv/a?hold=60s", "2"));
  holder.half_close();
  EXPECT_TRUE(holder.is_closed_by_peer());
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).body, "2");
  EXPECT_LT(watch.elapsed_ms(), soon_ms);
}

TEST_F(hang_up, fin_behind_pipelined_requests_ends_a_hold) {
  stopwatch const watch;
  raw_client holder(server.port());
  server.ask_for_lock(holder,
                      request("GET", "/v1/kv/a?hold=60s") + request("GET", "/v1/kv/a") + request("GET", "/v1/kv/a"));
  holder.half_close();
  EXPECT_TRUE(holder.is_closed_by_peer());
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).status, 200);
  EXPECT_LT(watch.elapsed_ms(), soon_ms);
}

TEST_F(hang_up, a_reset_behind_more_than_is_read_ahead_ends_a_hold) {
  stopwatch const watch;
  std::string all = request("PUT", "/v1/kv/a?hold=60s", "2");
  for (int i = 0; i < 1000; ++i) all += request("GET", "/v1/kv/a");
  raw_client holder(server.port()), waiter(server.port());
  server.ask_for_lock(holder, all);
  server.ask_for_lock(waiter, request("GET", "/v1/kv/a"));
  holder.reset();
  EXPECT_EQ(waiter.receive().body, "2");
  EXPECT_LT(watch.elapsed_ms(), soon_ms);
}

TEST_F(hang_up, fin_behind_more_than_is_read_ahead_lets_the_hold_end_by_itself) {
  std::string all = request("GET", "/v1/kv/a?hold=300ms");
  for (int i = 0; i < 1000; ++i) all += request("GET", "/v1/kv/a");
  raw_client holder(server.port());
  holder.send(all);
  holder.half_close();
  (void)holder.receive_rest();
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a?lock-timeout=20s")).body, "1");
}

TEST_F(hang_up, a_client_that_only_writes_on_keeps_its_hold) {
  raw_client holder(server.port());
  server.ask_for_lock(holder, request("GET", "/v1/kv/a?hold=300ms"));
  for (int i = 0; i < 20; ++i) holder.send(request("GET", "/v1/kv/a"));
  EXPECT_GE(holder.receive().hold_ms(), 300);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(holder.receive().status, 200);
}

TEST_F(hang_up, holders_that_come_and_go_leave_the_lock_free) {
  for (int i = 0; i < 100; ++i) {
    raw_client holder(server.port()), waiter(server.port());
    holder.send(request("GET", "/v1/kv/a?hold=60s"));
    waiter.send(request("PUT", "/v1/kv/b?hold=60s", "1"));
    if (i % 2 == 0) holder.reset();
    if (i % 3 == 0) waiter.reset();
  }
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a?lock-timeout=20s")).body, "1");
}

}  // namespace
}  // namespace holdfast::tests
