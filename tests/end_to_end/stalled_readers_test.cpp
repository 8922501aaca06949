// Clients that request a large value and do not read it: their cost for the kernel and other clients, and their end.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/process_memory.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/stopwatch.hpp"

namespace holdfast::tests {
namespace {

using namespace std::chrono_literals;

constexpr int count = 200;
constexpr std::int64_t value_bytes = 1'000'000;

struct stalled_readers : ::testing::Test {
  static server::settings impatient() {
    auto settings = running_server::test_settings();
    settings.sessions.transfer_timeout = 1s;
    return settings;
  }

  stalled_readers() {
    client.ask(request("PUT", "/v1/kv/large", '"' + std::string(value_bytes - 2, 'x') + '"'));
    before_bytes = socket_bytes();
    for (int i = 0; i < count; ++i) stalled.emplace_back(server.port(), 2048).send(request("GET", "/v1/kv/large"));
    server.settle();
  }

  running_server server{impatient()};
  raw_client client{server.port()};
  std::int64_t before_bytes = 0;
  std::vector<raw_client> stalled;
};

TEST_F(stalled_readers, cost_the_kernel_far_less_than_what_they_asked_for) {
  EXPECT_LT((socket_bytes() - before_bytes) / count, value_bytes / 6) << "bytes a connection, of both its ends";
}

TEST_F(stalled_readers, keep_nobody_else_waiting) {
  double slowest_ms = 0;
  for (int i = 0; i < 20; ++i) {
    stopwatch const watch;
    EXPECT_EQ(raw_client(server.port()).ask(request("GET", "/livez")).status, 200);
    EXPECT_EQ(client.ask(request("GET", "/v1/kv/large")).body.size(), static_cast<std::size_t>(value_bytes));
    slowest_ms = std::max(slowest_ms, watch.elapsed_ms());
  }
  EXPECT_LT(slowest_ms, 1000);
}

// Not closed in order: the kernel would keep the unsent bytes of each for minutes.
TEST_F(stalled_readers, are_reset_in_time_and_nothing_is_left_of_them) {
  stopwatch const watch;
  for (auto& one : stalled)
    ASSERT_TRUE(
        one.is_reset_within(std::chrono::milliseconds(std::max(0, 10'000 - static_cast<int>(watch.elapsed_ms())))));
  client.close();
  while (connections_in_kernel(server.port()) != 0 && watch.elapsed_ms() < 20'000) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(connections_in_kernel(server.port()), 0U);
  EXPECT_EQ(raw_client(server.port()).ask(request("GET", "/livez")).status, 200);
}

// It reads slowly: the peer acknowledges data, so its time limit is extended.
TEST_F(stalled_readers, are_told_from_slow_ones) {
  raw_client slow(server.port(), 2048);
  slow.send(request("GET", "/v1/kv/large"));
  std::this_thread::sleep_for(500ms);
  EXPECT_EQ(slow.receive().body.size(), static_cast<std::size_t>(value_bytes));
}

}  // namespace
}  // namespace holdfast::tests
