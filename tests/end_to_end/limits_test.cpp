// Limits for what a client sends, for how long it may take, and for the number of clients.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <vector>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/stopwatch.hpp"

namespace holdfast::tests {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kib = 1024;
constexpr std::size_t mib = 1024 * kib;

/// A GET whose header has exactly `bytes`.
std::string padded(std::size_t bytes) {
  auto const bare = request("GET", "/livez", {}, "X: \r\n");
  return request("GET", "/livez", {}, "X: " + std::string(bytes - bare.size(), 'x') + "\r\n");
}

std::string json_of(std::size_t bytes) {
  return '"' + std::string(bytes - 2, 'x') + '"';
}

std::string chunked(std::string_view body, std::size_t chunk_bytes) {
  std::string text = "PUT /v1/kv/a HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";
  while (!body.empty()) {
    auto const chunk = body.substr(0, chunk_bytes);
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", chunk.size());
    ((text += size) += chunk) += "\r\n";
    body.remove_prefix(chunk.size());
  }
  return text += "0\r\n\r\n";
}

/// A server with changed settings, and a client.
struct limits : ::testing::Test {
  void start() {
    server.emplace(settings);
    client.emplace(server->port());
  }

  /// True if a new connection is served within `patience`; not so if the limit of connections is reached.
  bool is_served_in_the_end() const {
    stopwatch const watch;
    while (watch.elapsed_ms() < 20'000) {
      if (raw_client(server->port()).ask(request("GET", "/livez")).status == 200) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }

  server::settings settings = running_server::test_settings();
  std::optional<running_server> server;
  std::optional<raw_client> client;
};

// --- the header ---------------------------------------------------------------------------------------------------

TEST_F(limits, a_header_of_8_kib_is_accepted) {
  start();
  EXPECT_EQ(client->ask(padded(8 * kib)).status, 200);
  client->send(padded(8 * kib) + padded(8 * kib));
  EXPECT_EQ(client->receive().status, 200);
  EXPECT_EQ(client->receive().status, 200);
}

TEST_F(limits, a_header_of_a_byte_more_is_431_and_a_close) {
  start();
  auto const reply = client->ask(padded(8 * kib + 1));
  EXPECT_EQ(reply.status, 431);
  EXPECT_EQ(reply.code(), "header_too_large");
  EXPECT_EQ(reply.field("connection"), "close");
  EXPECT_TRUE(client->is_closed_by_peer());
}

TEST_F(limits, a_header_without_end_is_431_while_the_client_still_writes) {
  start();
  client->send("GET /livez HTTP/1.1\r\nHost: test\r\n");
  for (int i = 0; i < 1000; ++i) client->send("X-" + std::to_string(i) + ": " + std::string(1000, 'x') + "\r\n");
  EXPECT_EQ(client->receive().status, 431);
}

TEST_F(limits, a_request_line_that_fills_the_header_is_414_and_a_close) {
  start();
  auto const reply = client->ask("GET /v1/kv/" + std::string(9 * kib, 'k'));
  EXPECT_EQ(reply.status, 414);
  EXPECT_EQ(reply.code(), "uri_too_long");
  EXPECT_TRUE(client->is_closed_by_peer());
}

TEST_F(limits, the_header_limit_is_a_setting) {
  settings.sessions.header_bytes_max = 512;
  start();
  EXPECT_EQ(client->ask(padded(512)).status, 200);
  EXPECT_EQ(client->ask(padded(513)).status, 431);
}

// --- the body -----------------------------------------------------------------------------------------------------

TEST_F(limits, a_body_of_1_mib_is_accepted) {
  start();
  EXPECT_EQ(client->ask(request("PUT", "/v1/kv/a", json_of(mib))).status, 201);
  EXPECT_EQ(client->ask(request("GET", "/v1/kv/a")).body, json_of(mib));
  EXPECT_EQ(client->ask(chunked(json_of(mib), 10'000)).status, 204);
  EXPECT_EQ(client->ask(chunked(json_of(mib), mib)).status, 204);
}

TEST_F(limits, a_body_of_a_byte_more_is_413_before_it_has_come) {
  start();
  auto const reply = client->ask(request("PUT", "/v1/kv/a", {}, "Content-Length: 1048577\r\n"));
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(reply.code(), "body_too_large");
  EXPECT_THAT(reply.detail(), ::testing::HasSubstr("1048576"));
  EXPECT_EQ(reply.field("connection"), "close");
  EXPECT_TRUE(client->is_closed_by_peer());
}

TEST_F(limits, a_413_arrives_at_a_client_that_still_writes) {
  start();
  client->send(request("PUT", "/v1/kv/a", json_of(8 * mib)));
  EXPECT_EQ(client->receive().status, 413);
}

TEST_F(limits, chunks_that_make_a_byte_more_are_413_and_change_nothing) {
  start();
  for (std::size_t const chunk_bytes : {10'000UL, mib, mib + 1}) {
    raw_client one(server->port());
    one.send(chunked(json_of(mib + 1), chunk_bytes));
    auto const reply = one.receive();
    EXPECT_EQ(reply.status, 413) << chunk_bytes;
    EXPECT_TRUE(one.is_closed_by_peer());
  }
  EXPECT_EQ(client->ask(request("GET", "/v1/kv/a")).status, 404);
}

TEST_F(limits, the_body_limit_is_a_setting) {
  settings.sessions.body_bytes_max = 10;
  start();
  EXPECT_EQ(client->ask(request("PUT", "/v1/kv/a", json_of(10))).status, 201);
  EXPECT_EQ(client->ask(request("PUT", "/v1/kv/a", json_of(11))).status, 413);
}

// --- time ---------------------------------------------------------------------------------------------------------

TEST_F(limits, a_header_that_is_late_is_408_and_a_close) {
  settings.sessions.header_timeout = 300ms;
  start();
  stopwatch const watch;
  auto const reply = client->ask("GET /livez HTTP/1.1\r\nHost: te");
  EXPECT_GE(watch.elapsed_ms(), 300);
  EXPECT_EQ(reply.status, 408);
  EXPECT_EQ(reply.code(), "request_timeout");
  EXPECT_EQ(reply.field("connection"), "close");
  EXPECT_TRUE(client->is_closed_by_peer());
}

// The time limit of the body began with the header's first byte, so a slow header left no time for the body.
TEST_F(limits, a_body_has_its_own_time_behind_a_header_that_took_long) {
  settings.sessions.header_timeout = 10s;
  settings.sessions.transfer_timeout = 1s;
  start();
  auto const whole = request("PUT", "/v1/kv/a", "[1,2]");
  client->send(whole.substr(0, 10));
  EXPECT_TRUE(client->stays_silent(1500ms));
  client->send(whole.substr(10, whole.size() - 13));
  EXPECT_TRUE(client->stays_silent(300ms));
  client->send(whole.substr(whole.size() - 3));
  EXPECT_EQ(client->receive().status, 201);
}

// An exchange serves one client after another: the previous request must not affect the framing of this answer.
TEST_F(limits, a_header_that_is_late_is_told_why_also_after_anothers_head) {
  settings.sessions.header_timeout = 300ms;
  settings.threads = 1;
  start();
  raw_client other(server->port());
  other.send("HEAD /livez HTTP/1.1\r\nHost: test\r\n\r\n");
  EXPECT_FALSE(other.stays_silent(5s));
  EXPECT_EQ(client->ask("GET /livez HTTP/1.1\r\nHost: te").code(), "request_timeout");
}

TEST_F(limits, a_header_that_comes_drop_by_drop_is_late_too) {
  settings.sessions.header_timeout = 300ms;
  start();
  client->send("GET /livez HTTP/1.1\r\n");
  while (client->stays_silent(20ms)) client->send("X: 1\r\n");
  EXPECT_EQ(client->receive().status, 408);
}

TEST_F(limits, a_later_request_on_a_connection_may_be_late_as_little) {
  settings.sessions.header_timeout = 300ms;
  start();
  EXPECT_EQ(client->ask(request("GET", "/livez")).status, 200);
  EXPECT_TRUE(client->stays_silent(600ms));  // between requests, another limit applies
  EXPECT_EQ(client->ask(request("GET", "/livez") + "GET").status, 200);
  EXPECT_EQ(client->receive().status, 408);
}

TEST_F(limits, a_connection_without_a_request_is_closed_silently) {
  settings.sessions.idle_timeout = 500ms;
  stopwatch const watch;
  start();
  EXPECT_TRUE(client->is_closed_by_peer());
  EXPECT_GE(watch.elapsed_ms(), 500);
  raw_client used(server->port());
  EXPECT_EQ(used.ask(request("GET", "/livez")).status, 200);
  EXPECT_TRUE(used.is_closed_by_peer());
}

TEST_F(limits, waiting_and_holding_are_not_idle) {
  settings.sessions.idle_timeout = 400ms;
  settings.sessions.header_timeout = 400ms;
  settings.sessions.transfer_timeout = 400ms;
  start();
  raw_client other(server->port());
  client->send(request("GET", "/v1/kv/a?hold=700ms"));
  other.send(request("GET", "/v1/kv/a?hold=700ms"));
  EXPECT_EQ(client->receive().status, 404);
  EXPECT_EQ(other.receive().status, 404);
}

TEST_F(limits, a_body_that_is_late_is_408_and_changes_nothing) {
  settings.sessions.transfer_timeout = 300ms;
  start();
  auto const put = request("PUT", "/v1/kv/a", "\"late\"");
  stopwatch const watch;
  auto const reply = client->ask(put.substr(0, put.size() - 1));
  EXPECT_GE(watch.elapsed_ms(), 300);
  EXPECT_EQ(reply.status, 408);
  EXPECT_TRUE(client->is_closed_by_peer());
  EXPECT_EQ(raw_client(server->port()).ask(request("GET", "/v1/kv/a")).status, 404);
}

TEST_F(limits, a_body_that_comes_drop_by_drop_is_late_too) {
  settings.sessions.transfer_timeout = 300ms;
  start();
  client->send(request("PUT", "/v1/kv/a", {}, "Content-Length: 100000\r\n"));
  while (client->stays_silent(20ms)) client->send("x");
  EXPECT_EQ(client->receive().status, 408);
}

TEST_F(limits, chunks_that_come_drop_by_drop_are_late_too) {
  settings.sessions.transfer_timeout = 300ms;
  start();
  client->send("PUT /v1/kv/a HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
  while (client->stays_silent(20ms)) client->send("1\r\n1\r\n");
  EXPECT_EQ(client->receive().status, 408);
}

// Each piece of an import had the full time, so that a byte in each of them kept the connection for ever.
TEST_F(limits, an_import_that_comes_drop_by_drop_is_late_too) {
  settings.sessions.transfer_timeout = 300ms;
  start();
  client->send("POST /v1/import HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
  stopwatch const watch;
  while (client->stays_silent(20ms) && watch.elapsed_ms() < 20'000) client->send("1\r\n \r\n");
  EXPECT_EQ(client->receive().status, 408);
  EXPECT_LT(watch.elapsed_ms(), 20'000);
}

TEST_F(limits, a_large_import_gets_the_time_that_it_needs) {
  settings.sessions.transfer_timeout = 300ms;
  start();
  auto const import = request("POST", "/v1/import", R"({"key":"a","value":)" + json_of(128 * kib) + "}");
  client->send(import.substr(0, 100 * kib));
  EXPECT_TRUE(client->stays_silent(800ms));
  EXPECT_EQ(client->ask(import.substr(100 * kib)).status, 200);
}

TEST_F(limits, the_time_of_an_import_does_not_include_its_waits_for_the_lock) {
  settings.sessions.transfer_timeout = 300ms;
  start();
  raw_client holder(server->port());
  server->ask_for_lock(holder, request("GET", "/v1/kv/a?hold=60s"));
  std::string lines;
  for (int i = 0; i < 300; ++i) lines += R"({"key":"k)" + std::to_string(i) + "\",\"value\":1}\n";
  auto const import = request("POST", "/v1/import", lines);
  server->ask_for_lock(*client, std::string_view(import).substr(0, import.size() - 1));  // its first 256 lines
  EXPECT_TRUE(client->stays_silent(600ms));
  holder.reset();
  EXPECT_EQ(client->ask("\n").status, 200);
}

TEST_F(limits, what_is_around_chunks_is_limited_as_a_header_is) {
  start();
  for (auto const& endless : {"1;" + std::string(1000, 'x') + "\r\n1\r\n", std::string(1000, 'x'),
                              "0\r\nX: " + std::string(10'000, 'x'), "X: " + std::string(1000, 'x') + "\r\n"}) {
    raw_client one(server->port());
    one.send("PUT /v1/kv/a HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
    one.send(endless.starts_with('x') ? "1;" : endless.starts_with('X') ? "1\r\n1\r\n0\r\n" : "");
    for (int i = 0; i < 1000; ++i) one.send(endless);
    EXPECT_EQ(one.receive().status, 431) << endless.substr(0, 20);
  }
  EXPECT_EQ(client->ask(request("GET", "/v1/kv/a")).status, 404);
}

TEST_F(limits, chunk_sizes_themselves_are_not_limited) {
  start();
  EXPECT_EQ(client->ask(chunked(json_of(100 * kib), 1)).status, 201);
  EXPECT_EQ(client->ask(request("GET", "/v1/kv/a")).body, json_of(100 * kib));
}

TEST_F(limits, a_large_body_gets_the_time_that_it_needs) {
  settings.sessions.transfer_timeout = 300ms;
  start();
  auto const put = request("PUT", "/v1/kv/a", json_of(128 * kib));
  client->send(put.substr(0, 100 * kib));
  EXPECT_TRUE(client->stays_silent(800ms));
  EXPECT_EQ(client->ask(put.substr(100 * kib)).status, 201);
}

TEST_F(limits, a_reader_that_does_not_read_is_dropped) {
  settings.sessions.transfer_timeout = 300ms;
  settings.connections_max = 1;
  start();
  client->ask(request("PUT", "/v1/kv/a", json_of(mib)));
  client->close();
  raw_client reader(server->port(), 4096);
  while (reader.ask(request("GET", "/livez")).status != 200) reader = raw_client(server->port(), 4096);
  EXPECT_EQ(raw_client(server->port()).receive().status, 503);
  for (int i = 0; i < 64; ++i) reader.send(request("GET", "/v1/kv/a"));
  EXPECT_TRUE(is_served_in_the_end());
  EXPECT_LT(reader.receive_rest().size(), 64 * mib);
}

TEST_F(limits, a_slow_reader_gets_the_whole_value) {
  settings.sessions.transfer_timeout = 1s;
  start();
  client->ask(request("PUT", "/v1/kv/a", json_of(mib)));
  raw_client reader(server->port(), 4096);
  std::string all;
  for (int i = 0; i < 8; ++i) all += request("GET", "/v1/kv/a");
  reader.send(all);
  for (int i = 0; i < 8; ++i) {
    std::this_thread::sleep_for(200ms);
    EXPECT_EQ(reader.receive().body.size(), mib);
  }
}

// --- how many -----------------------------------------------------------------------------------------------------

TEST_F(limits, a_connection_too_many_is_told_so_with_503) {
  settings.connections_max = 2;
  start();
  raw_client second(server->port());
  EXPECT_EQ(client->ask(request("GET", "/livez")).status, 200);
  EXPECT_EQ(second.ask(request("GET", "/livez")).status, 200);
  raw_client third(server->port());
  auto const reply = third.receive();
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.code(), "too_many_connections");
  EXPECT_EQ(reply.field("connection"), "close");
  EXPECT_TRUE(third.is_dropped_by_peer());
  EXPECT_EQ(client->ask(request("GET", "/livez")).status, 200);
  second.close();
  EXPECT_TRUE(is_served_in_the_end());
}

TEST_F(limits, a_connection_too_many_hears_it_even_when_it_has_asked) {
  settings.connections_max = 1;
  start();
  EXPECT_EQ(client->ask(request("GET", "/livez")).status, 200);
  for (int i = 0; i < 50; ++i) {
    raw_client another(server->port());
    another.send(request("PUT", "/v1/kv/a", json_of(mib)));
    EXPECT_EQ(another.receive().status, 503);
  }
}

TEST_F(limits, a_waiter_too_many_is_told_so_with_503) {
  settings.waiters_max = 2;
  start();
  server->ask_for_lock(*client, request("GET", "/v1/kv/a?hold=60s"));
  raw_client first(server->port()), second(server->port()), third(server->port());
  server->ask_for_lock(first, request("PUT", "/v1/kv/a", "1"));
  server->ask_for_lock(second, request("PUT", "/v1/kv/a", "2"));
  auto const reply = third.ask(request("PUT", "/v1/kv/a", "3"));
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.code(), "queue_full");
  EXPECT_EQ(reply.hold_ms(), 0);
  // A client that leaves makes space for another.
  first.half_close();
  EXPECT_TRUE(first.is_closed_by_peer());
  server->ask_for_lock(third, request("GET", "/v1/kv/a"));
  client->close();
  EXPECT_EQ(second.receive().status, 201);
  EXPECT_EQ(third.receive().body, "2");
}

// --- one slow client never delays another -------------------------------------------------------------------------

TEST_F(limits, slow_clients_of_every_kind_delay_nobody) {
  settings.threads = 1;
  start();
  client->ask(request("PUT", "/v1/kv/large", json_of(mib)));
  std::vector<raw_client> slow;
  for (int i = 0; i < 20; ++i) {
    slow.emplace_back(server->port()).send("G");
    slow.emplace_back(server->port()).send("PUT /v1/kv/a HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n1");
    slow.emplace_back(server->port())
        .send("PUT /v1/kv/a HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n1");
    slow.emplace_back(server->port(), 4096).send(request("GET", "/v1/kv/large") + request("GET", "/v1/kv/large"));
    slow.emplace_back(server->port()).send("oops\r\n\r\n");
  }
  stopwatch const watch;
  for (int i = 0; i < 100; ++i) {
    slow[0].send("E");  // a method without end
    EXPECT_EQ(client->ask(request("PUT", "/v1/kv/b", std::to_string(i))).hold_ms() < 1000, true);
    EXPECT_EQ(client->ask(request("GET", "/v1/kv/b")).body, std::to_string(i));
  }
  EXPECT_LT(watch.elapsed_ms(), 5000);
}

}  // namespace
}  // namespace holdfast::tests
