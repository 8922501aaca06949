// One client must not delay others, timers or the end of the server.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/stopwatch.hpp"
#include "tests/support/streaming_client.hpp"

namespace holdfast::tests {
namespace {

using namespace std::chrono_literals;

/// A request that one client repeats without pause.
struct stream {
  char const* name;
  std::string request;
};

void PrintTo(stream const& one, std::ostream* out) {
  *out << one.name;
}

/// Numbers near the limit of a double require the thorough check of JSON.
std::string slow_json() {
  std::string text = "[";
  for (int i = 0; i < 10'000; ++i) text += "1e308,";
  return text += "1]";
}

stream const streams[] = {
    {"get", request("GET", "/v1/kv/a")},
    {"absent", request("GET", "/v1/kv/none")},
    {"put_in_chunks", "PUT /v1/kv/b HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n"},
    {"brief_holds", request("GET", "/v1/kv/a?hold=1us")},
    {"json_that_is_slow_to_check", request("PUT", "/v1/kv/b", slow_json())},
};

/// One thread, so that others need the thread that the stream occupies.
struct fairness : ::testing::TestWithParam<stream> {
  fairness() {
    settings.threads = 1;
    settings.drain_timeout = 500ms;
  }

  void start() {
    server.emplace(settings);
    raw_client(server->port()).ask(request("PUT", "/v1/kv/a", "\"some value\""));
  }

  /// Much more than a fair server needs on a busy machine, and much less than the stream's lifetime.
  static constexpr double soon_ms = 1000;

  server::settings settings = running_server::test_settings();
  std::optional<running_server> server;
};

TEST_P(fairness, other_clients_are_answered) {
  start();
  raw_client kept(server->port());
  EXPECT_EQ(kept.ask(request("GET", "/livez")).status, 200);
  streaming_client const stream(server->port(), GetParam().request);
  double slowest_kept_ms = 0, slowest_new_ms = 0;
  // Within half of the stream's lifetime: with a sanitizer on a busy machine, a turn of the loop takes a tenth of a
  // second.
  stopwatch const total;
  for (int i = 0; i < 20 && total.elapsed_ms() < 3000 && slowest_kept_ms < soon_ms && slowest_new_ms < soon_ms; ++i) {
    stopwatch const kept_watch;
    EXPECT_EQ(kept.ask(request("GET", "/v1/kv/a")).status, 200);
    slowest_kept_ms = std::max(slowest_kept_ms, kept_watch.elapsed_ms());
    stopwatch const new_watch;
    EXPECT_EQ(raw_client(server->port()).ask(request("GET", "/livez")).status, 200);
    slowest_new_ms = std::max(slowest_new_ms, new_watch.elapsed_ms());
  }
  EXPECT_LT(slowest_kept_ms, soon_ms);
  EXPECT_LT(slowest_new_ms, soon_ms);
  EXPECT_TRUE(stream.is_streaming()) << "the stream itself was served all the while";
}

TEST_P(fairness, holds_and_deadlines_end_in_time) {
  settings.sessions.idle_timeout = 1s;
  start();
  raw_client holder(server->port());
  streaming_client const stream(server->port(), GetParam().request);
  stopwatch const hold_watch;
  EXPECT_EQ(holder.ask(request("GET", "/v1/kv/a?hold=50ms")).status, 200);
  EXPECT_LT(hold_watch.elapsed_ms(), 50 + soon_ms);
  stopwatch const idle_watch;
  EXPECT_TRUE(holder.is_closed_by_peer());
  EXPECT_LT(idle_watch.elapsed_ms(), 1000 + soon_ms);
}

TEST_P(fairness, the_server_stops) {
  start();
  streaming_client const stream(server->port(), GetParam().request);
  server->stop();
  EXPECT_TRUE(server->ends_within(3s));
}

INSTANTIATE_TEST_SUITE_P(beside, fairness, ::testing::ValuesIn(streams),
                         [](auto const& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace holdfast::tests
