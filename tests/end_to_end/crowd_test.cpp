// Many clients at once.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "tests/support/process_memory.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/support/stopwatch.hpp"

namespace holdfast::tests {
namespace {

constexpr int crowd_size = 1000;

struct crowd : ::testing::Test {
  crowd() {
    // Both ends of each connection are in this process.
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    client.emplace(server.port());
    client->ask(request("PUT", "/v1/kv/a", "0"));
  }

  /// `crowd_size` clients that wait for the lock, which `holder` holds.
  std::vector<raw_client> wait_behind(raw_client& holder) {
    server.ask_for_lock(holder, request("GET", "/v1/kv/a?hold=60s"));
    std::vector<raw_client> waiters;
    for (int i = 0; i < crowd_size; ++i)
      waiters.emplace_back(server.port())
          .send(request("GET", "/livez") + request("PUT", "/v1/kv/a", std::to_string(i)));
    for (auto& waiter : waiters) waiter.receive();
    server.settle();
    return waiters;
  }

  running_server server;
  std::optional<raw_client> client;
};

TEST_F(crowd, the_one_that_stays_is_answered_right_after_the_hold) {
  std::int64_t resident = 0, least_growth = 0;
  for (int round = 0; round < 4; ++round) {
    raw_client holder(server.port());
    auto waiters = wait_behind(holder);
    for (int i = 0; i < crowd_size - 1; ++i) i % 2 == 0 ? waiters[i].close() : waiters[i].reset();
    server.settle();
    stopwatch const watch;
    holder.close();
    auto& last = waiters.back();
    EXPECT_EQ(last.receive().status, 204);
    EXPECT_LT(watch.elapsed_ms(), 1000);
    // None of the clients that left has changed anything.
    EXPECT_EQ(last.ask(request("GET", "/v1/kv/a")).body, std::to_string(crowd_size - 1));
    client->ask(request("PUT", "/v1/kv/a", "0"));

    waiters.clear();
    server.settle();
    // What a thousand clients leave, they leave in each round; the allocator alone takes a little more in one.
    auto const growth = resident_bytes() - std::exchange(resident, resident_bytes());
    if (round > 0) least_growth = round == 1 ? growth : std::min(least_growth, growth);
  }
  if (!sanitized) {
    EXPECT_LT(least_growth, crowd_size * 256);
  }
}

TEST_F(crowd, probes_are_quick_while_a_thousand_wait) {
  raw_client holder(server.port());
  auto const waiters = wait_behind(holder);
  stopwatch const watch;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(client->ask(request("GET", "/livez")).status, 200);
  EXPECT_LT(watch.elapsed_ms(), 5000);
}

TEST_F(crowd, a_thousand_waiters_are_all_served) {
  raw_client holder(server.port());
  auto waiters = wait_behind(holder);
  holder.close();
  for (auto& waiter : waiters) EXPECT_EQ(waiter.receive().status, 204);
}

TEST_F(crowd, a_thousand_waiters_are_sent_away_by_a_drain) {
  raw_client holder(server.port());
  auto waiters = wait_behind(holder);
  server.stop();
  for (auto& waiter : waiters) EXPECT_EQ(waiter.receive().code(), "draining");
  waiters.clear();
  holder.close();
  EXPECT_TRUE(server.ends_within(std::chrono::seconds(20)));
}

}  // namespace
}  // namespace holdfast::tests
