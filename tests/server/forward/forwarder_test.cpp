// A standby over real sockets. The test is its client, and its leader.
#include "server/forward/forwarder.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/forward/leader_double.hpp"
#include "tests/server/forward/running_standby.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/stopwatch.hpp"
#include "tests/support/tls_files.hpp"

namespace holdfast::tests {
namespace {

using namespace std::literals;

constexpr std::string_view common_fields = "Date: Fri, 27 Nov 2026 08:00:00 GMT\r\nX-Content-Type-Options: nosniff\r\n";

/// An answer as a Holdfast server makes it.
std::string answer(std::string_view status, std::string_view body, std::string_view more = {}) {
  return "HTTP/1.1 " + std::string(status) + "\r\n" + std::string(common_fields) + std::string(more) +
         (body.empty() ? "" : "Content-Type: application/json\r\n") + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

std::string chunk(std::string_view text) {
  std::array<char, 17> size{};
  std::snprintf(size.data(), size.size(), "%zx", text.size());
  return std::string(size.data()) + "\r\n" + std::string(text) + "\r\n";
}

struct forwarder_test : testing::Test {
  forwarder_test() { standby.leaders().set_elsewhere(leader.url()); }

  /// The next request that the leader gets on a connection, up to its empty line.
  static std::string head_at(raw_client& link) { return link.receive_until("\r\n\r\n"); }

  /// Sends a request, whose header arrives at the leader on that connection.
  static void forward(raw_client& from, std::string const& text, raw_client& link) {
    from.send(text);
    head_at(link);
  }
  /// Sends a request, whose header arrives at the leader. @return the new connection on which it arrived.
  [[nodiscard]] raw_client forwarded(raw_client& from, std::string const& text) const {
    from.send(text);
    auto link = leader.accept();
    head_at(link);
    return link;
  }

  leader_double leader;
  running_standby standby;
  raw_client client = standby.connect();
};

TEST_F(forwarder_test, passes_request_and_answer_on) {
  client.send(
      "PUT /v1/kv/a?ttl=1s HTTP/1.1\r\nHost: here:8080\r\nAuthorization: Bearer secret\r\nif-match:  \"x\"\r\n"
      "Connection: keep-alive, x-mine\r\nX-Mine: 1\r\nContent-Length: 3\r\n\r\n123");
  auto link = leader.accept();
  EXPECT_EQ(head_at(link),
            "PUT /v1/kv/a?ttl=1s HTTP/1.1\r\nHost: here:8080\r\nAuthorization: Bearer secret\r\nif-match:  \"x\"\r\n"
            "Content-Length: 3\r\nHoldfast-Forwarded-By: http://standby:1\r\n\r\n");
  EXPECT_EQ(link.receive_until("3"), "123");
  link.send(answer("412 Precondition Failed", "{}", "ETag: \"y\"\r\nServer-Timing: wait;dur=1, hold;dur=2\r\n"));
  EXPECT_EQ(client.receive_until("{}"),
            "HTTP/1.1 412 Precondition Failed\r\n" + std::string(common_fields) +
                "ETag: \"y\"\r\nServer-Timing: wait;dur=1, hold;dur=2\r\nContent-Type: application/json\r\n"
                "Content-Length: 2\r\nHoldfast-Served-By: " +
                leader.url() + "\r\n\r\n{}");
  EXPECT_EQ(standby.figures().forwarded, 1U);
}

TEST_F(forwarder_test, reports_the_clients_address_with_the_secret) {
  server::cluster_secret secret;
  running_standby reporting(1h, nullptr, &secret);
  reporting.leaders().set_elsewhere(leader.url());
  auto reported = reporting.connect();
  auto const forged = "Holdfast-Forwarded-For: secret 10.0.0.1:1\r\n";
  reported.send(request("GET", "/v1/kv/a?hold=1s", {}, forged));
  auto link = leader.accept();
  EXPECT_EQ(head_at(link).find("Forwarded-For"), std::string::npos);
  link.send(answer("200 OK", "1"));
  EXPECT_EQ(reported.receive().body, "1");
  secret.set("secret");
  reported.send(request("GET", "/v1/kv/a?hold=1s", {}, forged));
  auto const head = head_at(link);
  EXPECT_NE(head.find("\r\nHoldfast-Forwarded-For: secret 127.0.0.1:"), std::string::npos) << head;
  EXPECT_EQ(head.find("10.0.0.1"), std::string::npos) << head;
}

TEST_F(forwarder_test, uses_a_connection_again) {
  auto link = forwarded(client, request("GET", "/v1/kv/a"));
  link.send(answer("200 OK", "1"));
  EXPECT_EQ(client.receive().body, "1");
  auto other = standby.connect();
  other.send(request("GET", "/v1/kv/b"));
  EXPECT_TRUE(head_at(link).starts_with("GET /v1/kv/b "));
  link.send(answer("200 OK", "2"));
  EXPECT_EQ(other.receive().body, "2");
  EXPECT_FALSE(leader.has_another());
}

TEST_F(forwarder_test, answers_without_content_end_at_their_header) {
  client.send(request("HEAD", "/v1/kv/a?hold=1s") + request("GET", "/v1/kv/b?wait=1s") + request("DELETE", "/v1/kv/c") +
              request("GET", "/v1/kv/d"));
  auto link = leader.accept();
  for (auto const& [method, text] :
       {std::pair("HEAD", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n"),
        std::pair("GET", "HTTP/1.1 304 Not Modified\r\n"), std::pair("DELETE", "HTTP/1.1 204 No Content\r\n")}) {
    EXPECT_TRUE(head_at(link).starts_with(method));
    link.send(text + std::string(common_fields) + "\r\n");
  }
  head_at(link);
  link.send(answer("200 OK", "4"));
  auto const of_head = client.receive(true);
  EXPECT_EQ(of_head.field("content-length"), "500");
  EXPECT_EQ(client.receive().status, 304);
  EXPECT_EQ(client.receive().status, 204);
  EXPECT_EQ(client.receive().body, "4");
}

TEST_F(forwarder_test, a_pipelined_request_is_sent_after_the_answer_to_the_one_before) {
  auto link = forwarded(client, request("PUT", "/v1/kv/a", "1") + request("GET", "/v1/kv/a"));
  EXPECT_EQ(link.receive_until("1"), "1");
  standby.settle();
  EXPECT_TRUE(link.stays_silent(0ms));
  EXPECT_FALSE(leader.has_another());
  link.send(answer("201 Created", ""));
  EXPECT_TRUE(head_at(link).starts_with("GET "));
  link.send(answer("200 OK", "1"));
  EXPECT_EQ(client.receive().status, 201);
  EXPECT_EQ(client.receive().status, 200);
}

// --- bodies and streams --------------------------------------------------------------------------------------------

TEST_F(forwarder_test, streams_a_body_of_known_length) {
  client.send("POST /v1/import HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\none\n");
  auto link = leader.accept();
  EXPECT_NE(head_at(link).find("Content-Length: 8\r\n"), std::string::npos);
  EXPECT_EQ(link.receive_until("\n"), "one\n");
  client.send("two\n");
  EXPECT_EQ(link.receive_until("\n"), "two\n");
  link.send(answer("200 OK", "{}"));
  EXPECT_EQ(client.receive().status, 200);
}

TEST_F(forwarder_test, streams_a_chunked_body) {
  client.send("POST /v1/import HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("one"));
  auto link = leader.accept();
  EXPECT_NE(head_at(link).find("Transfer-Encoding: chunked\r\n"), std::string::npos);
  EXPECT_EQ(link.receive_until("one\r\n"), chunk("one"));
  client.send(chunk("two") + chunk(""));
  EXPECT_EQ(link.receive_until("0\r\n\r\n"), chunk("two") + chunk(""));
  link.send(answer("200 OK", "{}"));
  EXPECT_EQ(client.receive().status, 200);
}

TEST_F(forwarder_test, a_body_longer_than_the_limit_is_streamed_too) {
  std::string const body(3'000'000, ' ');
  client.send("POST /v1/import HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size() + 1) + "\r\n\r\n");
  std::jthread const sender([&] { client.send(body + "."); });
  auto link = leader.accept();
  head_at(link);
  EXPECT_EQ(link.receive_until(".").size(), body.size() + 1);
  link.send(answer("200 OK", "{}"));
  EXPECT_EQ(client.receive().status, 200);
}

TEST_F(forwarder_test, asks_for_a_body_that_the_client_withholds) {
  client.send("PUT /v1/kv/a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
  EXPECT_EQ(client.receive().status, 100);
  client.send("5");
  auto link = leader.accept();
  EXPECT_EQ(head_at(link).find("Expect"), std::string::npos);
  EXPECT_EQ(link.receive_until("5"), "5");
  link.send(answer("201 Created", ""));
  EXPECT_EQ(client.receive().status, 201);
}

TEST_F(forwarder_test, passes_an_answer_on_that_comes_before_the_body_does) {
  auto link = forwarded(client, "PUT /v1/kv/a HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n1");
  link.send(answer("413 Content Too Large", ""));
  std::string const piece(100'000, '1');
  while (client.send(piece) && client.stays_silent(1ms)) {
  }
  EXPECT_TRUE(client.receive_until("\r\n\r\n").starts_with("HTTP/1.1 413 "));
  client.receive_rest();  // it ends
}

// It was passed on only with the next piece of the body, and lost if none came in time.
TEST_F(forwarder_test, passes_an_answer_on_while_the_client_pauses_in_its_body) {
  auto link =
      forwarded(client, "POST /v1/import HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("bad"));
  link.receive_until("bad\r\n");
  standby.settle();
  link.send(answer("400 Bad Request", "{}"));
  auto const refused = client.receive_until("{}");
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 400 ")) << refused;
  EXPECT_NE(refused.find("Connection: close\r\n"), std::string::npos) << refused;
  EXPECT_TRUE(client.is_closed_by_peer());
}

TEST_F(forwarder_test, an_answer_that_has_arrived_is_not_lost_if_the_body_then_fails) {
  auto link =
      forwarded(client, "POST /v1/import HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("bad"));
  link.receive_until("bad\r\n");
  link.send(answer("400 Bad Request", "{}"));
  client.send("no chunk\r\n");
  auto const refused = client.receive_until("{}");
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 400 ")) << refused;
}

TEST_F(forwarder_test, a_leader_that_ends_while_the_client_pauses_in_its_body_ends_the_request) {
  auto link = forwarded(client, "PUT /v1/kv/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n1");
  link.receive_until("1");
  standby.settle();
  link.close();
  EXPECT_TRUE(client.is_dropped_by_peer());
}

TEST_F(forwarder_test, a_body_that_breaks_off_ends_the_leaders_connection) {
  auto link = forwarded(client, "PUT /v1/kv/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n1");
  EXPECT_EQ(link.receive_until("1"), "1");
  client.close();
  EXPECT_TRUE(link.is_dropped_by_peer());
}

TEST_F(forwarder_test, passes_pieces_of_a_stream_on_as_they_come) {
  auto link = forwarded(client, request("GET", "/v1/watch?prefix=a"));
  link.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
  auto const head = client.receive_until("\r\n\r\n");
  EXPECT_NE(head.find("Transfer-Encoding: chunked\r\n"), std::string::npos);
  link.send(chunk("id: 1\n\n"));
  EXPECT_EQ(client.receive_until("1\n\n\r\n"), chunk("id: 1\n\n"));
  auto const second = chunk("id: 2\n\n");
  link.send(second.substr(0, 5));
  EXPECT_EQ(client.receive_until("id"), chunk("id").substr(0, 5));
  link.send(second.substr(5));
  client.receive_until("2\n\n\r\n");
  link.send(chunk(""));
  EXPECT_EQ(client.receive_until("0\r\n\r\n"), chunk(""));
}

TEST_F(forwarder_test, an_old_client_gets_a_stream_until_the_connection_ends) {
  client.send("GET /v1/export HTTP/1.0\r\n\r\n");
  auto link = leader.accept();
  EXPECT_NE(head_at(link).find("Host: "), std::string::npos);
  link.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("one\n") + chunk("two\n") + chunk(""));
  auto const all = client.receive_rest();
  EXPECT_EQ(all.find("chunked"), std::string::npos);
  EXPECT_TRUE(all.ends_with("\r\n\r\none\ntwo\n")) << all;
}

// Another one was added, and the leader refused two.
TEST_F(forwarder_test, an_empty_host_field_is_passed_on) {
  client.send("GET /v1/kv/a HTTP/1.1\r\nHost:\r\n\r\n");
  auto link = leader.accept();
  EXPECT_EQ(head_at(link), "GET /v1/kv/a HTTP/1.1\r\nHost:\r\nHoldfast-Forwarded-By: http://standby:1\r\n\r\n");
}

TEST_F(forwarder_test, a_client_that_reads_nothing_stops_the_leader) {
  auto slow = standby.connect();
  auto link = forwarded(slow, request("GET", "/v1/kv/large", {}, "Connection: close\r\n"));
  constexpr std::size_t total = 48'000'000;
  std::atomic<std::size_t> sent = 0;
  link.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(total) + "\r\n\r\n");
  std::jthread const sender([&] {
    std::string const piece(48'000, 'v');
    while (sent < total && link.send(piece)) sent += piece.size();
  });
  // Long enough for all of it, if nothing held it up.
  std::this_thread::sleep_for(300ms);
  EXPECT_LT(sent, total / 2);  // what the kernel takes
  slow.receive_until("\r\n\r\n");
  EXPECT_EQ(slow.receive_rest().size(), total);
}

// --- who leaves ----------------------------------------------------------------------------------------------------

TEST_F(forwarder_test, a_client_that_hangs_up_ends_its_request_at_the_leader) {
  auto link = forwarded(client, request("GET", "/v1/kv/a?hold=60s"));
  client.close();
  EXPECT_TRUE(link.is_dropped_by_peer());
}

TEST_F(forwarder_test, a_client_that_hangs_up_in_the_middle_of_a_stream_ends_it_at_the_leader) {
  auto link = forwarded(client, request("GET", "/v1/watch?prefix=a"));
  link.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("1"));
  client.receive_until("1\r\n1\r\n");
  client.close();
  EXPECT_TRUE(link.is_dropped_by_peer());
}

// The leader saw only that the standby took its lines, so a client whose cable was cut kept its lock for minutes.
TEST_F(forwarder_test, a_client_that_takes_nothing_for_a_lease_no_longer_keeps_a_lock) {
  auto const line = chunk(R"({"state":"held","token":1,"lease":"100ms"})" + std::string(1500, ' ') + '\n');
  auto const head = "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"s;
  auto const keep = request("POST", "/v1/locks/a?keep=connection&lease=100ms");
  auto reader = standby.connect(), stalled = standby.connect(2048), watcher = standby.connect(2048);
  auto of_reader = forwarded(reader, keep), of_stalled = forwarded(stalled, keep);
  auto of_watcher = forwarded(watcher, request("GET", "/v1/watch"));
  stopwatch const clock;
  for (auto* const link : {&of_reader, &of_stalled, &of_watcher}) link->send(head);
  do {
    ASSERT_LT(clock.elapsed_ms(), 20'000);
    for (auto* const link : {&of_reader, &of_stalled, &of_watcher}) link->send(line);
    reader.receive_until("\n\r\n");
  } while (of_stalled.stays_silent(20ms));
  EXPECT_GE(clock.elapsed_ms(), 100);
  EXPECT_TRUE(of_stalled.is_dropped_by_peer());
  EXPECT_TRUE(of_reader.stays_silent(0ms));
  EXPECT_TRUE(of_watcher.stays_silent(0ms)) << "a watch may wait for its client";
}

TEST_F(forwarder_test, a_write_whose_outcome_is_unknown_gets_no_answer) {
  auto link = forwarded(client, request("PUT", "/v1/kv/a", "1"));
  link.reset();
  EXPECT_TRUE(client.is_dropped_by_peer());
  EXPECT_FALSE(leader.has_another());
  EXPECT_EQ(standby.figures().unanswered, 1U);
}

TEST_F(forwarder_test, a_read_is_sent_once_more_if_the_leader_ends) {
  auto first = forwarded(client, request("GET", "/v1/kv/a"));
  leader_double next;
  standby.leaders().set_elsewhere(next.url());
  auto second = next.accept();
  EXPECT_TRUE(head_at(second).starts_with("GET /v1/kv/a "));
  EXPECT_TRUE(first.is_dropped_by_peer());
  second.send(answer("200 OK", "1"));
  EXPECT_EQ(client.receive().field("holdfast-served-by"), next.url());
}

TEST_F(forwarder_test, a_read_is_not_sent_a_third_time) {
  client.send(request("GET", "/v1/kv/a"));
  for (auto times = 0; times < 2; ++times) {
    auto link = leader.accept();
    head_at(link);
    link.close();
  }
  EXPECT_EQ(client.receive().code(), "no_leader");
  EXPECT_FALSE(leader.has_another());
}

TEST_F(forwarder_test, a_change_of_the_leader_ends_what_waits_for_the_earlier_one) {
  auto link = forwarded(client, request("PUT", "/v1/kv/a", "1"));
  standby.leaders().set_unknown();
  EXPECT_TRUE(client.is_dropped_by_peer());
  link.receive_until("1");
  EXPECT_TRUE(link.is_dropped_by_peer());
}

// A leader that hands over has answered everything, and then there is another one at once.
TEST_F(forwarder_test, an_answer_that_has_arrived_is_passed_on_when_the_leader_changes) {
  for (auto times = 0; times < 50; ++times) {
    standby.leaders().set_elsewhere(leader.url());
    auto link = forwarded(client, request("PUT", "/v1/kv/a", "1"));
    link.receive_until("1");
    link.send(answer("201 Created", ""));
    standby.leaders().set_unknown();
    ASSERT_EQ(client.receive().status, 201);
  }
}

TEST_F(forwarder_test, an_answer_that_breaks_off_is_no_complete_one) {
  auto link = forwarded(client, request("GET", "/v1/kv/a"));
  link.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
  client.receive_until("12345");
  link.close();
  EXPECT_TRUE(client.is_dropped_by_peer());
}

TEST_F(forwarder_test, a_stream_that_breaks_off_has_no_end) {
  auto link = forwarded(client, request("GET", "/v1/export"));
  link.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("1"));
  client.receive_until("1\r\n1\r\n");
  link.close();
  EXPECT_TRUE(client.is_dropped_by_peer());
}

TEST_F(forwarder_test, an_answer_that_is_none_ends_the_connection) {
  auto link = forwarded(client, request("POST", "/v1/kv/a?increment=1"));
  link.send("220 mail\r\n\r\n");
  EXPECT_TRUE(client.is_dropped_by_peer());
}

TEST_F(forwarder_test, a_kept_connection_that_the_leader_has_closed_is_not_used) {
  client.send(request("GET", "/v1/kv/a"));
  {
    auto link = leader.accept();
    head_at(link);
    link.send(answer("200 OK", "1"));
    client.receive();
  }
  standby.settle();
  auto link = forwarded(client, request("PUT", "/v1/kv/a", "1"));
  link.send("HTTP/1.1 204 No Content\r\n" + std::string(common_fields) + "\r\n");
  EXPECT_EQ(client.receive().status, 204);
}

TEST_F(forwarder_test, a_connection_that_the_leader_ends_is_not_the_clients) {
  for (auto times = 0; times < 2; ++times) {
    client.send(request("GET", "/v1/kv/a"));
    auto link = leader.accept();
    head_at(link);
    link.send(answer("200 OK", "1", "Connection: close\r\n"));
    EXPECT_FALSE(client.receive().has("connection"));
  }
}

TEST_F(forwarder_test, a_client_that_wants_the_end_gets_it) {
  client.send(request("GET", "/v1/kv/a", {}, "Connection: close\r\n"));
  auto link = leader.accept();
  EXPECT_EQ(head_at(link).find("Connection"), std::string::npos);
  link.send(answer("200 OK", "1"));
  EXPECT_EQ(client.receive().field("connection"), "close");
  EXPECT_TRUE(client.is_closed_by_peer());
  auto other = standby.connect();
  other.send(request("GET", "/v1/kv/b"));
  EXPECT_TRUE(head_at(link).starts_with("GET /v1/kv/b "));
}

TEST_F(forwarder_test, an_interim_answer_is_passed_over) {
  auto link = forwarded(client, request("GET", "/v1/kv/a"));
  link.send("HTTP/1.1 102 Processing\r\n\r\n" + answer("200 OK", "1"));
  EXPECT_EQ(client.receive().status, 200);
}

// --- reads that share a connection ---------------------------------------------------------------------------------

struct shared_reads_test : forwarder_test {
  /// Returns a connection that the standby keeps.
  raw_client keep_one(raw_client& first) {
    first.send(request("GET", "/v1/kv/first"));
    auto link = leader.accept();
    head_at(link);
    link.send(answer("200 OK", "0"));
    first.receive();
    return link;
  }

  raw_client other = standby.connect();
};

TEST_F(shared_reads_test, reads_do_not_wait_for_the_answer_to_the_one_before) {
  auto link = keep_one(client);
  client.send(request("GET", "/v1/kv/a"));
  EXPECT_TRUE(head_at(link).starts_with("GET /v1/kv/a "));
  other.send(request("HEAD", "/v1/kv/b"));
  EXPECT_TRUE(head_at(link).starts_with("HEAD /v1/kv/b "));
  link.send(answer("200 OK", "1") + "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n" +
            std::string(common_fields) + "\r\n");
  auto const first = client.receive();
  EXPECT_EQ(first.body, "1");
  EXPECT_EQ(first.field("holdfast-served-by"), leader.url());
  EXPECT_EQ(other.receive(true).field("content-length"), "500");
  EXPECT_FALSE(leader.has_another());
}

TEST_F(shared_reads_test, answers_in_any_pieces_are_the_right_ones) {
  auto link = keep_one(client);
  forward(client, request("GET", "/v1/kv/a"), link);
  forward(other, request("GET", "/v1/kv/b"), link);
  auto const both = answer("200 OK", "\"one\"") + answer("404 Not Found", "");
  for (auto const& one : both) {
    link.send({&one, 1});
    standby.settle();
  }
  EXPECT_EQ(client.receive().body, "\"one\"");
  EXPECT_TRUE(other.receive_until("\r\n\r\n").starts_with("HTTP/1.1 404 Not Found\r\n"));
}

TEST_F(shared_reads_test, the_answer_to_a_client_that_has_left_is_nobody_elses) {
  auto link = keep_one(client);
  forward(client, request("GET", "/v1/kv/a"), link);
  forward(other, request("GET", "/v1/kv/b"), link);
  client.close();
  standby.settle();
  link.send(answer("200 OK", "1") + answer("200 OK", "2"));
  EXPECT_EQ(other.receive().body, "2");
}

TEST_F(shared_reads_test, a_read_does_not_wait_behind_one_that_waits) {
  running_standby impatient{0s};
  impatient.leaders().set_elsewhere(leader.url());
  auto one = impatient.connect(), two = impatient.connect();
  auto link = keep_one(one);
  forward(one, request("GET", "/v1/kv/a"), link);
  two.send(request("GET", "/v1/kv/b"));
  auto another = leader.accept();
  EXPECT_TRUE(head_at(another).starts_with("GET /v1/kv/b "));
  another.send(answer("200 OK", "2"));
  EXPECT_EQ(two.receive().body, "2");
  link.send(answer("200 OK", "1"));
  EXPECT_EQ(one.receive().body, "1");
}

TEST_F(shared_reads_test, what_is_more_than_a_plain_read_has_a_connection_of_its_own) {
  auto link = keep_one(client);
  forward(client, request("GET", "/v1/kv/a"), link);
  other.send(request("GET", "/v1/kv/b?hold=1s"));
  auto another = leader.accept();
  EXPECT_TRUE(head_at(another).starts_with("GET /v1/kv/b?hold=1s "));
}

// Behind a read of a value, which waited for the lock, it waited too.
TEST_F(shared_reads_test, what_is_no_value_has_a_connection_of_its_own) {
  auto link = keep_one(client);
  forward(client, request("GET", "/v1/kv/a"), link);
  for (auto const* const path : {"/v1/lock", "/v1/locks", "/v1/settings", "/v1/kv"}) {
    auto asking = standby.connect();
    auto const own = forwarded(asking, request("GET", path));
  }
}

TEST_F(shared_reads_test, are_sent_once_more_if_the_connection_ends) {
  auto link = keep_one(client);
  forward(client, request("GET", "/v1/kv/a"), link);
  forward(other, request("GET", "/v1/kv/b"), link);
  link.send(answer("200 OK", "1", "Connection: close\r\n"));
  link.close();
  EXPECT_EQ(client.receive().body, "1");
  auto again = leader.accept();
  EXPECT_TRUE(head_at(again).starts_with("GET /v1/kv/b "));
  again.close();
  EXPECT_EQ(other.receive().code(), "no_leader");
}

TEST_F(shared_reads_test, a_long_answer_is_asked_for_once_more_by_itself) {
  auto link = keep_one(client);
  forward(client, request("GET", "/v1/kv/a"), link);
  auto const large = '"' + std::string(100'000, 'v') + '"';
  link.send(answer("200 OK", large));
  auto again = leader.accept();
  EXPECT_TRUE(head_at(again).starts_with("GET /v1/kv/a "));
  again.send(answer("200 OK", large));
  EXPECT_EQ(client.receive().body, large);
}

TEST_F(shared_reads_test, go_to_the_new_leader_if_there_is_one) {
  auto link = keep_one(client);
  forward(client, request("GET", "/v1/kv/a"), link);
  leader_double next;
  standby.leaders().set_elsewhere(next.url());
  auto again = next.accept();
  head_at(again);
  again.send(answer("200 OK", "1"));
  EXPECT_EQ(client.receive().body, "1");
}

TEST_F(shared_reads_test, end_with_the_server) {
  auto link = keep_one(client);
  forward(client, request("GET", "/v1/kv/a"), link);
  forward(other, request("GET", "/v1/kv/b"), link);
}

// --- no leader -----------------------------------------------------------------------------------------------------

TEST_F(forwarder_test, without_a_leader_it_says_so_and_goes_on) {
  standby.leaders().set_unknown();
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).code(), "no_leader");
  EXPECT_EQ(client.ask(request("PUT", "/v1/kv/a", "1")).code(), "no_leader");
  EXPECT_EQ(client.ask(request("GET", "/livez")).status, 200);
  EXPECT_EQ(standby.figures().no_leader, 2U);
}

TEST_F(forwarder_test, without_etcd_it_names_that_and_not_a_missing_leader) {
  standby.leaders().set_unknown();
  standby.leaders().set_cut_off(true);
  for (auto const* const method : {"GET", "PUT"}) {
    auto const refused = client.ask(request(method, "/v1/kv/a", method == "PUT"s ? "1" : ""));
    EXPECT_EQ(refused.code(), "no_leader");
    EXPECT_NE(refused.body.find("etcd does not answer this server"), std::string::npos) << refused.body;
  }
  standby.leaders().set_cut_off(false);
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).body.find("etcd"), std::string::npos);
}

TEST_F(forwarder_test, a_leader_that_cannot_be_reached_is_none) {
  leader.stop_listening();
  EXPECT_EQ(client.ask(request("PUT", "/v1/kv/a", "1")).code(), "no_leader");
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).code(), "no_leader");
}

TEST_F(forwarder_test, forwards_nothing_that_was_forwarded) {
  auto const was = "Holdfast-Forwarded-By: http://other\r\n"s;
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a", {}, was)).code(), "no_leader");
  EXPECT_EQ(client.ask(request("PUT", "/v1/kv/a", "1", was)).code(), "no_leader");
  EXPECT_FALSE(leader.has_another());
}

TEST_F(forwarder_test, answers_by_itself_what_is_its_own) {
  EXPECT_EQ(client.ask(request("GET", "/livez")).status, 200);
  EXPECT_FALSE(leader.has_another());
}

// --- the end -------------------------------------------------------------------------------------------------------

TEST_F(forwarder_test, a_drain_lets_the_leader_answer) {
  auto link = forwarded(client, request("PUT", "/v1/kv/a", "1"));
  standby.drain();
  standby.settle();
  link.send(answer("201 Created", ""));
  EXPECT_EQ(client.receive().status, 201);
  EXPECT_TRUE(client.is_closed_by_peer());
}

TEST_F(forwarder_test, a_drain_ends_a_stream_without_end) {
  auto link = forwarded(client, request("GET", "/v1/watch?prefix=a"));
  link.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunk("1"));
  client.receive_until("1\r\n1\r\n");
  standby.drain();
  EXPECT_EQ(client.receive_until("0\r\n\r\n"), chunk(""));
  EXPECT_TRUE(link.is_dropped_by_peer());
}

TEST_F(forwarder_test, when_time_is_up_a_read_is_refused_and_a_write_gets_no_answer) {
  auto writer = standby.connect();
  auto first = forwarded(client, request("GET", "/v1/kv/a?hold=60s"));
  auto second = forwarded(writer, request("PUT", "/v1/kv/a?hold=60s", "1"));
  standby.drain();
  standby.hurry();
  EXPECT_EQ(client.receive().code(), "draining");
  EXPECT_TRUE(writer.is_dropped_by_peer());
  EXPECT_TRUE(first.is_dropped_by_peer());
}

TEST_F(forwarder_test, ends_while_requests_wait) {
  auto watcher = standby.connect();
  auto first = forwarded(client, request("GET", "/v1/kv/a?hold=60s"));
  auto second = forwarded(watcher, request("GET", "/v1/watch?prefix=a"));
  second.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunk("1"));
  watcher.receive_until("1\r\n1\r\n");
}

// --- with a real leader --------------------------------------------------------------------------------------------

/// An answer without what differs from one to the next.
raw_reply comparable(raw_reply reply) {
  for (auto const* const name : {"date", "server-timing", "holdfast-request-id", "holdfast-served-by"})
    reply.fields.erase(name);
  return reply;
}

/// With a leader that speaks HTTP, or TLS.
struct real_leader_test : testing::TestWithParam<bool> {
  real_leader_test() { standby.leaders().set_elsewhere(url()); }

  [[nodiscard]] std::string url() const {
    return (GetParam() ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(leader.port());
  }
  static server::settings settings_with(tls_files& files) {
    auto settings = running_server::test_settings();
    auto const identity = files.issue("server", "IP:127.0.0.1");
    if (GetParam()) settings.tls = {.certificate = identity.certificate, .key = identity.key};
    return settings;
  }

  tls_files files;
  running_server const leader{settings_with(files)};
  server::leader_trust trust{{.ca_certificate = files.authority()}};
  running_standby standby{1h, &trust};
};
INSTANTIATE_TEST_SUITE_P(of_a_standby, real_leader_test, testing::Bool(),
                         [](auto const& tested) { return tested.param ? "tls" : "http"; });

TEST_P(real_leader_test, answers_are_the_same_through_a_standby) {
  running_server const alone;
  auto direct = alone.connect();
  auto through = standby.connect();
  auto const large = '"' + std::string(500'000, 'v') + '"';
  for (auto const& asked : {
           request("GET", "/v1/kv/none"),
           request("HEAD", "/v1/kv/none"),
           request("PUT", "/v1/kv/a", "[1, 2]"),
           request("GET", "/v1/kv/a"),
           request("HEAD", "/v1/kv/a"),
           request("OPTIONS", "/v1/kv/a"),
           request("DELETE", "/v1/kv/a"),
           request("PUT", "/v1/kv/a", "no json"),
           request("PUT", "/v1/kv/large", large),
           request("GET", "/v1/kv/large"),
           request("DELETE", "/v1/kv/large"),
           request("POST", "/v1/txn", R"({"operations":[{"get":"a"},{"put":"b","value":1},{"delete":"b"}]})"),
           request("GET", "/v1/kv?prefix=a&values=true"),
           request("GET", "/v1/none"),
           request("BREW", "/v1/kv/a"),
           request("GET", "/v1/kv/a?wait=10ms"),
           request("GET", "/v1/kv/a?hold=10ms"),
           request("GET", "/v1/kv/a", {}, "Expect: tea\r\n"),
           request("POST", "/v1/locks/x?lease=5s&wait=0&id=t"),
           request("DELETE", "/v1/locks/x/tickets/t"),
       }) {
    auto const line = asked.substr(0, asked.find("\r\n"));
    auto const one = comparable(direct.ask(asked)), other = comparable(through.ask(asked));
    EXPECT_EQ(one.status, other.status) << line;
    auto const names = [](raw_reply const& reply) {
      std::string all;
      for (auto const& [name, value] : reply.fields) all += name + ' ';
      return all;
    };
    EXPECT_EQ(names(one), names(other)) << line;
    EXPECT_EQ(one.body, other.body) << line;
  }
}

TEST_P(real_leader_test, reads_that_share_a_connection_are_all_answered) {
  constexpr int clients = 40, rounds = 5;
  std::vector<raw_client> readers;
  std::vector<std::string> values;
  for (int i = 0; i < clients; ++i) {
    readers.push_back(standby.connect());
    values.push_back('"' + std::string(9'000U + 100U * static_cast<unsigned>(i), static_cast<char>('A' + i % 26)) +
                     '"');
    auto const put = readers.back().ask(request("PUT", "/v1/kv/" + std::to_string(i), values.back()));
    ASSERT_EQ(put.status, 201U);
  }
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < clients; ++i) readers[i].send(request("GET", "/v1/kv/" + std::to_string(i)));
    for (int i = 0; i < clients; ++i) ASSERT_EQ(readers[i].receive().body, values[i]) << i;
  }
  EXPECT_LE(standby.figures().connections, 2U);
}

TEST_P(real_leader_test, a_watch_goes_through_a_standby) {
  auto watcher = standby.connect(), writer = standby.connect();
  watcher.send(request("GET", "/v1/watch?prefix=a"));
  watcher.receive_until("\r\n\r\n");
  for (auto const* const value : {"17", "18"}) {
    writer.ask(request("PUT", "/v1/kv/a", value));
    // The whole member: the database's ID before it may contain the number.
    EXPECT_NE(watcher.receive_until(R"("value":)" + std::string(value)).find("put"), std::string::npos);
  }
}

TEST(secure_leader_test, a_certificate_that_is_not_trusted_gets_503_with_what_to_do) {
  tls_files files, strangers;
  auto settings = running_server::test_settings();
  auto const identity = files.issue("server", "IP:127.0.0.1");
  settings.tls = {.certificate = identity.certificate, .key = identity.key};
  running_server const leader(settings);
  auto const port = std::to_string(leader.port());
  strangers.write("trusted.pem", strangers.content_of("authority.pem"));
  server::leader_trust trust{{.ca_certificate = strangers.path("trusted.pem")}};
  running_standby standby(1h, &trust);
  standby.leaders().set_elsewhere("https://127.0.0.1:" + port);
  auto client = standby.connect();
  for (auto const& asked : {request("PUT", "/v1/kv/a", "1"), request("GET", "/v1/kv/a")}) {
    auto const refused = client.ask(asked);
    EXPECT_EQ(refused.code(), "no_leader");
    EXPECT_NE(refused.body.find("--cluster-ca FILE trusts the one in FILE"), std::string::npos) << refused.body;
  }
  // An unusable file changes nothing; the right one does.
  strangers.write("trusted.pem", "no certificate");
  trust.reload();
  EXPECT_EQ(client.ask(request("PUT", "/v1/kv/a", "1")).code(), "no_leader");
  strangers.write("trusted.pem", files.content_of("authority.pem"));
  trust.look();
  EXPECT_EQ(client.ask(request("PUT", "/v1/kv/a", "1")).code(), "no_leader");
  trust.look();
  EXPECT_EQ(client.ask(request("PUT", "/v1/kv/a", "1")).status, 201U);
  // The certificate does not name localhost.
  standby.leaders().set_elsewhere("https://localhost:" + port);
  EXPECT_NE(client.ask(request("PUT", "/v1/kv/a", "1")).body.find("for another host name"), std::string::npos);
  standby.leaders().set_elsewhere("http://127.0.0.1:" + port);
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a?wait=0")).status, 400U);
}

TEST_P(real_leader_test, a_client_that_hangs_up_leaves_the_leaders_queue) {
  auto holder = leader.connect();
  leader.ask_for_lock(holder, request("GET", "/v1/kv/a?hold=60s"));
  auto waiter = standby.connect();
  waiter.send(request("PUT", "/v1/kv/a", "1"));
  auto const waiting = [&] {
    auto probe = leader.connect();
    return probe.ask(request("GET", "/v1/lock")).body.find("\"queue_length\":1") != std::string::npos;
  };
  auto const deadline = std::chrono::steady_clock::now() + raw_client::patience;
  while (!waiting() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  waiter.close();
  while (waiting() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_FALSE(waiting());
  holder.close();
  auto reader = leader.connect();
  EXPECT_EQ(reader.ask(request("GET", "/v1/kv/a")).status, 404);
}

}  // namespace
}  // namespace holdfast::tests
