// Requests that are sent before earlier ones have been answered.
#include <gtest/gtest.h>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"

namespace holdfast::tests {
namespace {

using namespace std::chrono_literals;

struct pipelining : ::testing::Test {
  running_server server;
  raw_client client{server.port()};
};

TEST_F(pipelining, requests_sent_in_one_write_are_answered_in_order) {
  std::string all;
  for (int i = 0; i < 500; ++i)
    all += request("PUT", "/v1/kv/a", std::to_string(i)) + request("GET", "/v1/kv/a") + request("HEAD", "/v1/kv/a") +
           request("GET", "/v1/kv/nobody");
  client.send(all);
  for (int i = 0; i < 500; ++i) {
    EXPECT_EQ(client.receive().status, i == 0 ? 201 : 204);
    EXPECT_EQ(client.receive().body, std::to_string(i));
    EXPECT_EQ(client.receive(true).field("content-length"), std::to_string(std::to_string(i).size()));
    EXPECT_EQ(client.receive().status, 404);
  }
}

TEST_F(pipelining, requests_behind_a_hold_are_answered_after_it_in_order) {
  client.send(request("PUT", "/v1/kv/a?hold=200ms", "1") + request("PUT", "/v1/kv/a", "2") +
              request("GET", "/v1/kv/a") + request("GET", "/v1/kv/nobody"));
  EXPECT_GE(client.receive().hold_ms(), 200);
  EXPECT_EQ(client.receive().status, 204);
  EXPECT_EQ(client.receive().body, "2");
  EXPECT_EQ(client.receive().status, 404);
}

TEST_F(pipelining, an_answer_is_not_delayed_by_a_later_hold) {
  client.send(request("PUT", "/v1/kv/a", "1") + request("GET", "/v1/kv/a") + request("GET", "/v1/kv/a?hold=60s"));
  EXPECT_EQ(client.receive().status, 201);
  EXPECT_EQ(client.receive().body, "1");
  EXPECT_TRUE(client.stays_silent(50ms));
}

TEST_F(pipelining, an_answer_is_not_delayed_by_a_later_wait) {
  raw_client holder(server.port());
  server.ask_for_lock(holder, request("GET", "/v1/kv/a?hold=60s"));
  client.send(request("GET", "/livez") + request("GET", "/v1/kv/a"));
  EXPECT_EQ(client.receive().status, 200);
  EXPECT_TRUE(client.stays_silent(50ms));
}

TEST_F(pipelining, an_answer_is_not_delayed_by_a_later_request_that_is_not_whole) {
  auto const put = request("PUT", "/v1/kv/a", "\"slow\"");
  client.send(request("GET", "/livez") + put.substr(0, put.size() - 1));
  EXPECT_EQ(client.receive().status, 200);
  client.send(put.substr(put.size() - 1) + request("GET", "/livez").substr(0, 20));
  EXPECT_EQ(client.receive().status, 201);
}

TEST_F(pipelining, more_than_is_read_ahead_behind_a_hold_is_answered_after_it) {
  std::string all = request("GET", "/v1/kv/nobody?hold=200ms");
  auto const filler = "X: " + std::string(500, 'x') + "\r\n";
  for (int i = 0; i < 200; ++i) all += request("PUT", "/v1/kv/a", std::to_string(i), filler);
  client.send(all);
  EXPECT_EQ(client.receive().status, 404);
  for (int i = 0; i < 200; ++i) EXPECT_LT(client.receive().status, 300);
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).body, "199");
}

TEST_F(pipelining, large_and_small_answers_keep_their_order) {
  auto const large = '"' + std::string(300'000, 'x') + '"';
  client.ask(request("PUT", "/v1/kv/large", large));
  client.ask(request("PUT", "/v1/kv/small", "1"));
  std::string all;
  for (int i = 0; i < 20; ++i) all += request("GET", "/v1/kv/large") + request("GET", "/v1/kv/small");
  client.send(all);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(client.receive().body, large);
    EXPECT_EQ(client.receive().body, "1");
  }
}

TEST_F(pipelining, nothing_behind_a_connection_close_is_run) {
  client.send(request("GET", "/livez", {}, "Connection: close\r\n") + request("PUT", "/v1/kv/a", "1"));
  EXPECT_EQ(client.receive().status, 200);
  EXPECT_TRUE(client.is_closed_by_peer());
  EXPECT_EQ(raw_client(server.port()).ask(request("GET", "/v1/kv/a")).status, 404);
}

TEST_F(pipelining, a_body_that_nobody_reads_is_not_taken_for_a_request) {
  client.send(request("POST", "/v1/kv/a", request("PUT", "/v1/kv/a", "1")));
  EXPECT_EQ(client.receive().status, 400);
  EXPECT_TRUE(client.is_closed_by_peer());
  raw_client reader(server.port());
  EXPECT_EQ(reader.ask(request("GET", "/v1/kv/a", request("PUT", "/v1/kv/a", "1"))).status, 400);
  EXPECT_TRUE(reader.is_closed_by_peer());
  EXPECT_EQ(raw_client(server.port()).ask(request("GET", "/v1/kv/a")).status, 404);
}

}  // namespace
}  // namespace holdfast::tests
