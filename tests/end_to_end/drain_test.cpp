// Effects of stop(), which SIGTERM calls, on connected clients.
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <thread>
#include <vector>

#include "server/app/server.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/stopwatch.hpp"

namespace holdfast::tests {
namespace {

using namespace std::chrono_literals;

struct drain : ::testing::Test {
  drain() {
    settings.drain_timeout = 60s;  // so that a test that needs it to pass shows
  }

  void start() {
    server.emplace(settings);
    client.emplace(server->port());
  }

  /// Stops the server, and returns when it drains: then idle connections are closed.
  void begin() {
    raw_client idle(server->port());
    idle.ask(request("GET", "/livez"));
    server->stop();
    if (!idle.is_closed_by_peer()) throw std::runtime_error("an idle connection was not closed");
  }

  static constexpr std::chrono::seconds soon{20};

  server::settings settings = running_server::test_settings();
  std::optional<running_server> server;
  std::optional<raw_client> client;
};

TEST_F(drain, idle_connections_are_closed_at_once_and_the_server_ends) {
  start();
  client->ask(request("GET", "/livez"));
  raw_client silent(server->port());
  server->settle();
  server->stop();
  EXPECT_TRUE(client->is_closed_by_peer());
  EXPECT_TRUE(silent.is_closed_by_peer());
  EXPECT_TRUE(server->ends_within(soon));
}

// Unsent answers refer to connections that a drain ends. The drain must fall into the same turn of the loop as
// requests, so this is repeated.
TEST_F(drain, a_stop_amid_requests_at_rest_leaves_whole_answers_or_none) {
  settings.threads = 1;
  for (int round = 0; round < 10; ++round) {
    start();
    std::vector<raw_client> clients;
    for (int i = 0; i < 60; ++i) clients.emplace_back(server->port()).ask(request("GET", "/livez"));
    {
      std::jthread const stopper([&] { server->stop(); });
      for (auto& each : clients) each.send(request("GET", "/livez"));
    }
    for (auto& each : clients) {
      auto const rest = each.receive_rest();
      EXPECT_TRUE(rest.empty() || rest.ends_with("}\n")) << rest;
    }
    EXPECT_TRUE(server->ends_within(soon));
  }
}

TEST_F(drain, a_server_without_clients_ends_at_once) {
  settings.writer_period = 10ms;
  start();
  client->close();
  server->stop();
  EXPECT_TRUE(server->ends_within(soon));
}

TEST_F(drain, nobody_new_is_let_in) {
  start();
  server->ask_for_lock(*client, request("GET", "/v1/kv/a?hold=1s"));
  begin();
  EXPECT_THROW(raw_client(server->port()).ask(request("GET", "/livez")), std::runtime_error);
  EXPECT_EQ(client->receive().status, 404);
}

TEST_F(drain, a_holder_finishes_and_waiters_are_sent_away_at_once) {
  start();
  raw_client waiter(server->port());
  server->ask_for_lock(*client, request("PUT", "/v1/kv/a?hold=1s", "1"));
  server->ask_for_lock(waiter, request("PUT", "/v1/kv/a", "2"));
  server->stop();
  auto const sent_away = waiter.receive();
  EXPECT_EQ(sent_away.status, 503);
  EXPECT_EQ(sent_away.code(), "draining");
  EXPECT_EQ(sent_away.field("connection"), "close");
  EXPECT_EQ(sent_away.hold_ms(), 0);
  EXPECT_TRUE(waiter.is_closed_by_peer());
  waiter.close();
  auto const finished = client->receive();
  EXPECT_EQ(finished.status, 201);
  EXPECT_GE(finished.hold_ms(), 1000);
  EXPECT_EQ(finished.field("connection"), "close");
  EXPECT_TRUE(client->is_closed_by_peer());
  client->close();
  EXPECT_TRUE(server->ends_within(soon));
}

TEST_F(drain, waiters_do_not_wait_for_the_hold_to_end) {
  start();
  server->ask_for_lock(*client, request("GET", "/v1/kv/a?hold=60s"));
  std::vector<raw_client> waiters;
  for (int i = 0; i < 10; ++i)
    server->ask_for_lock(waiters.emplace_back(server->port()),
                         request("GET", i % 2 == 0 ? "/v1/kv/a" : "/v1/kv/a?lock-timeout=50s&hold=50s"));
  server->stop();
  for (auto& waiter : waiters) EXPECT_EQ(waiter.receive().code(), "draining");
  EXPECT_TRUE(client->stays_silent(50ms));
}

TEST_F(drain, a_hold_longer_than_the_drain_timeout_is_cut_and_answered) {
  settings.drain_timeout = 400ms;
  start();
  server->ask_for_lock(*client, request("PUT", "/v1/kv/a?hold=60s", "1"));
  stopwatch const watch;
  server->stop();
  auto const cut = client->receive();
  EXPECT_GE(watch.elapsed_ms(), 400);
  EXPECT_EQ(cut.status, 201);
  EXPECT_GE(cut.hold_ms(), 400);
  EXPECT_LT(cut.hold_ms(), 60'000);
  EXPECT_EQ(cut.field("connection"), "close");
  EXPECT_TRUE(client->is_closed_by_peer());
  client->close();
  EXPECT_TRUE(server->ends_within(soon));
}

TEST_F(drain, a_second_stop_cuts_at_once) {
  start();
  server->ask_for_lock(*client, request("PUT", "/v1/kv/a?hold=60s", "1"));
  begin();
  EXPECT_TRUE(client->stays_silent(50ms));
  server->stop();
  auto const cut = client->receive();
  EXPECT_EQ(cut.status, 201);
  EXPECT_LT(cut.hold_ms(), 60'000);
  EXPECT_TRUE(server->ends_within(soon));
}

TEST_F(drain, two_stops_in_a_row_cut_at_once) {
  start();
  server->ask_for_lock(*client, request("PUT", "/v1/kv/a?hold=60s", "1"));
  server->stop();
  server->stop();
  EXPECT_EQ(client->receive().status, 201);
  EXPECT_TRUE(server->ends_within(soon));
}

TEST_F(drain, a_request_that_has_begun_to_arrive_is_finished) {
  auto const put = request("PUT", "/v1/kv/a", "\"half\"");
  for (auto const cut : {std::size_t(10), put.size() - 2}) {
    start();
    client->send(put.substr(0, cut));
    server->settle();
    begin();
    client->send(put.substr(cut));
    auto const reply = client->receive();
    EXPECT_EQ(reply.status, 201) << cut;
    EXPECT_EQ(reply.field("connection"), "close") << cut;
    EXPECT_TRUE(client->is_closed_by_peer());
    client->close();
    EXPECT_TRUE(server->ends_within(soon));
  }
}

TEST_F(drain, readyz_turns_503_and_livez_stays_200) {
  for (auto const& [path, status] : {std::pair{"/readyz", 503}, {"/livez", 200}}) {
    start();
    auto const bytes = request("GET", path);
    client->send(bytes.substr(0, 10));
    server->settle();
    begin();
    client->send(bytes.substr(10));
    EXPECT_EQ(client->receive().status, status) << path;
    client->close();
  }
}

TEST_F(drain, a_late_request_does_not_begin_to_wait) {
  start();
  auto const put = request("PUT", "/v1/kv/a", "\"late\"");
  raw_client late(server->port());
  late.send(put.substr(0, put.size() - 2));
  server->ask_for_lock(*client, request("GET", "/v1/kv/a?hold=60s"));
  begin();
  late.send(put.substr(put.size() - 2));
  auto const reply = late.receive();
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.code(), "draining");
  EXPECT_TRUE(client->stays_silent(20ms));  // the hold continues
}

TEST_F(drain, what_is_pipelined_behind_a_hold_is_not_run) {
  start();
  server->ask_for_lock(*client, request("GET", "/v1/kv/a?hold=300ms") + request("PUT", "/v1/kv/a", "1"));
  server->stop();
  auto const reply = client->receive();
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(reply.field("connection"), "close");
  EXPECT_TRUE(client->is_closed_by_peer());
}

TEST_F(drain, a_large_answer_is_sent_whole) {
  start();
  auto const large = '"' + std::string(1'000'000, 'x') + '"';
  client->ask(request("PUT", "/v1/kv/a", large));
  raw_client reader(server->port(), 4096);
  std::string all;
  for (int i = 0; i < 16; ++i) all += request("GET", "/v1/kv/a");
  reader.send(all);
  EXPECT_EQ(reader.receive().body, large);
  server->stop();
  EXPECT_TRUE(client->is_closed_by_peer());
  // The answer being sent is completed; later requests may stay unanswered.
  for (auto reply = reader.receive();; reply = reader.receive()) {
    EXPECT_EQ(reply.body, large);
    if (reply.field("connection") == "close") break;
  }
  EXPECT_TRUE(reader.is_closed_by_peer());
}

TEST_F(drain, silent_and_stuck_clients_keep_no_server_alive) {
  settings.drain_timeout = 300ms;
  start();
  client->ask(request("PUT", "/v1/kv/a", '"' + std::string(1'000'000, 'x') + '"'));
  std::vector<raw_client> stuck;
  for (int i = 0; i < 10; ++i) {
    stuck.emplace_back(server->port());
    stuck.emplace_back(server->port()).send("GET /li");
    stuck.emplace_back(server->port()).send("PUT /v1/kv/b HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n1");
    stuck.emplace_back(server->port()).send("oops\r\n\r\n");
    auto& deaf = stuck.emplace_back(server->port(), 4096);
    for (int k = 0; k < 20; ++k) deaf.send(request("GET", "/v1/kv/a"));
  }
  server->settle();
  server->stop();
  EXPECT_TRUE(server->ends_within(soon));
}

TEST_F(drain, a_writer_in_the_queue_keeps_no_server_alive) {
  settings.writer_period = 1ms;
  settings.drain_timeout = 300ms;
  start();
  server->ask_for_lock(*client, request("GET", "/v1/kv/a?hold=60s"));
  std::this_thread::sleep_for(50ms);
  server->stop();
  EXPECT_EQ(client->receive().status, 404);
  EXPECT_TRUE(server->ends_within(soon));
}

TEST_F(drain, a_full_house_is_emptied_without_a_leak) {
  settings.drain_timeout = 200ms;
  settings.writer_period = 1ms;
  start();
  std::vector<raw_client> house;
  for (int i = 0; i < 50; ++i) {
    house.emplace_back(server->port());
    house.emplace_back(server->port()).send("G");
    house.emplace_back(server->port()).send(request("GET", "/v1/kv/a?hold=1s"));
    house.emplace_back(server->port())
        .send(request("PUT", "/v1/kv/a?hold=1s&lock-timeout=10s", "1") + request("GET", "/"));
  }
  server->settle();
  server->stop();
  EXPECT_TRUE(server->ends_within(soon));
  server.reset();
}

// --- the server as an object --------------------------------------------------------------------------------------

TEST(server_object, that_never_ran_goes_without_a_trace) {
  server::server one(running_server::test_settings());
  EXPECT_NE(one.endpoint().port(), 0);
  raw_client client(one.endpoint().port());  // in the backlog
  client.send(request("GET", "/livez"));
}

TEST(server_object, stopped_before_it_runs_returns_at_once) {
  server::server one(running_server::test_settings());
  one.stop();
  one.run();
}

TEST(server_object, drains_on_sigterm) {
  server::server one(running_server::test_settings());
  one.stop_on_signals();
  std::jthread const thread([&] { one.run(); });
  raw_client client(one.endpoint().port());
  EXPECT_EQ(client.ask(request("GET", "/livez")).status, 200);
  ::kill(::getpid(), SIGTERM);  // to the process; raise() would mean this thread, which blocks it
  EXPECT_TRUE(client.is_closed_by_peer());
}

TEST(server_object, tells_an_address_that_is_taken) {
  auto settings = running_server::test_settings();
  server::server one(settings);
  settings.listen_port = one.endpoint().port();
  EXPECT_THROW(server::server another(settings), std::exception);
}

}  // namespace
}  // namespace holdfast::tests
