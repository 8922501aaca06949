// Ways in which a body may arrive: in pieces, in chunks, after a 100 Continue.
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"

namespace holdfast::tests {
namespace {

using namespace std::chrono_literals;

struct bodies : ::testing::Test {
  running_server server;
  raw_client client{server.port()};
};

std::string chunked(std::string_view chunks, std::string_view more = {}) {
  std::string text = "PUT /v1/kv/a HTTP/1.1\r\nHost: test\r\n";
  return ((text += more) += "Transfer-Encoding: chunked\r\n\r\n") += chunks;
}

TEST_F(bodies, chunks_make_one_value) {
  EXPECT_EQ(client.ask(chunked("1\r\n[\r\n3\r\n1, \r\n0002\r\n2]\r\n0\r\n\r\n")).status, 201);
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).body, "[1, 2]");
}

TEST_F(bodies, chunk_sizes_are_hexadecimal_in_either_case) {
  EXPECT_EQ(client.ask(chunked("a\r\n\"34567890\"\r\n0\r\n\r\n")).status, 201);
  EXPECT_EQ(client.ask(chunked("1A\r\n\"3456789012345678901234xx\"\r\n00\r\n\r\n")).status, 204);
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).body, "\"3456789012345678901234xx\"");
}

TEST_F(bodies, chunk_extensions_and_trailers_are_passed_over) {
  EXPECT_EQ(client
                .ask(chunked("1;a;b=c;d=\"e;\\\"f\"\r\n1\r\n0;last\r\nX-Sum: 1\r\nHost: other\r\n"
                             "\r\n"))
                .status,
            201);
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).body, "1");
}

TEST_F(bodies, the_name_of_the_coding_has_no_case) {
  EXPECT_EQ(
      client.ask("PUT /v1/kv/a HTTP/1.1\r\nhOST: test\r\ntransfer-ENCODING:\t Chunked \r\n\r\n1\r\n1\r\n0\r\n\r\n")
          .status,
      201);
}

TEST_F(bodies, no_chunks_are_an_empty_body) {
  EXPECT_EQ(client.ask(chunked("0\r\n\r\n")).code(), "invalid_json");
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).status, 404);
}

TEST_F(bodies, a_chunked_message_is_read_wherever_it_is_cut) {
  auto const whole =
      chunked("2;x=\"y\"\r\n[1\r\n3\r\n,2]\r\n0\r\nX: y\r\n\r\n", "X: y\r\n") + request("GET", "/v1/kv/a");
  for (std::size_t cut = 1; cut < whole.size(); ++cut) {
    client.send(whole.substr(0, cut));
    server.settle();
    client.send(whole.substr(cut));
    EXPECT_LT(client.receive().status, 300) << cut;
    EXPECT_EQ(client.receive().body, "[1,2]") << cut;
  }
}

TEST_F(bodies, a_message_may_come_byte_by_byte) {
  for (auto const& whole : {request("PUT", "/v1/kv/a", "[1,2]"), chunked("5\r\n[1,2]\r\n0\r\n\r\n")}) {
    for (auto const& byte : whole) {
      client.send({&byte, 1});
      server.settle();
    }
    EXPECT_LT(client.receive().status, 300);
  }
}

TEST_F(bodies, empty_lines_before_a_request_are_passed_over) {
  EXPECT_EQ(client.ask("\r\n" + request("PUT", "/v1/kv/a", "1")).status, 201);
  client.send("\r");
  server.settle();
  EXPECT_EQ(client.ask("\n\r\n" + request("GET", "/v1/kv/a")).body, "1");
  // An old client sends an additional line end after its body (RFC 9112 §2.2).
  EXPECT_EQ(client.ask(request("PUT", "/v1/kv/a", "2") + "\r\n" + request("GET", "/v1/kv/a")).status, 204);
  EXPECT_EQ(client.receive().body, "2");
}

TEST_F(bodies, what_a_header_may_contain_is_accepted) {
  EXPECT_EQ(client.ask("GET /livez HTTP/1.1\r\nHost:\r\n\r\n").status, 200);
  EXPECT_EQ(client.ask("GET /livez HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n").status, 200);
  EXPECT_EQ(
      client
          .ask("GET /livez HTTP/1.1\r\nHost: 127.0.0.1:8080 \t\r\nEmpty:\r\nX:a\tb\xC3\xA9\xFF\r\n!#$%&'*+-.^_`|~:1\r\n"
               "\r\n")
          .status,
      200);
}

// --- Expect: 100-continue -----------------------------------------------------------------------------------------

std::string expecting(std::string_view target, std::string_view length = "1") {
  std::string text = "PUT ";
  return ((text += target) += " HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: ") +=
         std::string(length) + "\r\n\r\n";
}

struct expectation : bodies {};

TEST_F(expectation, is_answered_with_100_and_then_the_answer_follows) {
  EXPECT_EQ(client.ask(expecting("/v1/kv/a")).status, 100);
  EXPECT_TRUE(client.stays_silent(50ms));
  EXPECT_EQ(client.ask("1").status, 201);
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).body, "1");
}

TEST_F(expectation, goes_with_chunks_too) {
  EXPECT_EQ(client.ask(chunked("", "expect: 100-Continue\r\n")).status, 100);
  EXPECT_EQ(client.ask("1\r\n1\r\n0\r\n\r\n").status, 201);
}

TEST_F(expectation, is_met_silently_when_the_body_is_there_already) {
  EXPECT_EQ(client.ask(expecting("/v1/kv/a") + "1").status, 201);
  client.send(expecting("/v1/kv/a", "2") + "1");
  EXPECT_TRUE(client.stays_silent(50ms));
  EXPECT_EQ(client.ask("2").status, 204);
}

TEST_F(expectation, of_a_request_without_a_body_gets_no_100) {
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a", {}, "Expect: 100-continue\r\n")).status, 404);
  EXPECT_EQ(client.ask(expecting("/v1/kv/a", "0")).code(), "invalid_json");
}

TEST_F(expectation, of_an_http10_client_gets_no_100) {
  client.send("PUT /v1/kv/a HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
  EXPECT_TRUE(client.stays_silent(100ms));
  EXPECT_EQ(client.ask("1").status, 201);
}

TEST_F(expectation, is_refused_before_the_100_where_the_request_is) {
  auto const refused = [&](std::string const& bytes) {
    raw_client one(server.port());
    auto const reply = one.ask(bytes);
    // It is unknown whether a body follows.
    EXPECT_EQ(reply.field("connection"), "close") << bytes;
    EXPECT_TRUE(one.is_closed_by_peer()) << bytes;
    return reply.status;
  };
  EXPECT_EQ(refused(expecting("/v1/kv/a?hold=2h")), 400);
  EXPECT_EQ(refused(expecting("/v1/kv/%FF")), 400);
  EXPECT_EQ(refused(expecting("/nothing")), 404);
  EXPECT_EQ(refused(expecting("/livez")), 405);
  EXPECT_EQ(refused(expecting("/v1/kv/a", "1048577")), 413);
  EXPECT_EQ(refused(request("PUT", "/v1/kv/a", {},
                            "If-Unmodified-Since: Sat, 29 Oct 1994 19:43:31 GMT\r\nContent-Length: 1\r\n"
                            "Expect: 100-continue\r\n")),
            501);
}

TEST_F(expectation, of_another_kind_is_417) {
  for (std::string const value : {"200-ok", "100-continue, x", "x, 100-continue", "100-continue;q=1", "100-continue x",
                                  "100-continue\r\nExpect: x", "x\r\nExpect: 100-continue"}) {
    raw_client one(server.port());
    auto const reply = one.ask(request("PUT", "/v1/kv/a", "1", "Expect: " + value + "\r\n"));
    EXPECT_EQ(reply.status, 417) << value;
  }
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).status, 404);
}

// Expect is a list (RFC 9110 §10.1.1), which may be empty or have empty members (§5.6.1). `curl -H 'Expect;'` sends an
// empty one.
TEST_F(expectation, is_a_list) {
  for (std::string const value : {"", ",", " , ,"}) {
    raw_client one(server.port());
    one.send(request("PUT", "/v1/kv/a", {}, "Expect: " + value + "\r\nContent-Length: 1\r\n"));
    EXPECT_TRUE(one.stays_silent(50ms)) << "nothing is expected by '" << value << "'";
    EXPECT_LT(one.ask("1").status, 300) << value;
  }
  for (std::string const value : {"100-continue, 100-continue", "100-continue,", ", 100-Continue",
                                  "100-continue\r\nExpect: 100-continue", "\r\nExpect: 100-continue"}) {
    raw_client one(server.port());
    EXPECT_EQ(one.ask(request("PUT", "/v1/kv/a", {}, "Expect: " + value + "\r\nContent-Length: 1\r\n")).status, 100)
        << value;
    EXPECT_LT(one.ask("1").status, 300) << value;
  }
}

TEST_F(expectation, is_answered_while_another_has_the_lock) {
  raw_client holder(server.port());
  server.ask_for_lock(holder, request("GET", "/v1/kv/a?hold=60s"));
  EXPECT_EQ(client.ask(expecting("/v1/kv/a")).status, 100);
}

// Whether an answer has a body depends on the request's method, not on the bytes after the header.
TEST_F(bodies, a_refusal_has_its_problem_also_where_the_body_looks_like_a_head_request) {
  for (auto const& refused : {chunked("HEAD /livez HTTP/1.1\r\n\r\n"),
                              request("PUT", "/v1/kv/a", {}, "Content-Length: 9999999\r\n") + "HEAD /",
                              request("PUT", "/v1/kv/a", "HEAD /livez HTTP/1.1\r\n\r\n")}) {
    raw_client one(server.port());
    one.send(refused);
    one.half_close();
    auto const answer = one.receive_rest();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 4")) << answer;
    auto const content = answer.substr(answer.find("\r\n\r\n") + 4);
    EXPECT_FALSE(json_member(content, "detail").empty()) << answer;
  }
}

// Only values were protected. Another body was taken as if it were plain, or refused as invalid JSON.
TEST_F(bodies, every_body_with_a_content_coding_is_refused_before_it_is_read) {
  std::string const own = "Host: 127.0.0.1\r\n", json = own + "Content-Type: application/json\r\n";
  for (auto const& [line, fields, body] : std::vector<std::array<std::string, 3>>{
           {"PUT /v1/kv/a", own, "1"},
           {"PATCH /v1/kv/a", own + "Content-Type: application/merge-patch+json\r\n", "1"},
           {"POST /v1/txn", own, R"({"operations":[{"put":"a","value":1}]})"},
           {"POST /v1/import", own, R"({"key":"a","value":1})"},
           {"POST /v1/locks/a", json, R"({"id":"1"})"},
           {"PATCH /v1/settings", json, R"({"read_hold":"1ms"})"},
           {"POST /v1/backups", json, R"({"to":"monday"})"}}) {
    auto const head = line + " HTTP/1.1\r\n" + fields + "Content-Encoding: gzip\r\n";
    auto const length = "Content-Length: " + std::to_string(body.size()) + "\r\n";
    for (auto const& bytes : {head + length + "\r\n" + body, head + length + "Expect: 100-continue\r\n\r\n",
                              head + "Transfer-Encoding: chunked\r\n\r\n"}) {
      raw_client one(server.port());
      auto const refused = one.ask(bytes);
      EXPECT_EQ(refused.status, 415) << bytes;
      EXPECT_EQ(refused.code(), "unsupported_content_encoding") << bytes;
      EXPECT_EQ(refused.field("connection"), "close") << bytes;
      EXPECT_TRUE(one.is_closed_by_peer()) << bytes;
    }
  }
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).status, 404);
  EXPECT_EQ(client
                .ask(request("POST", "/v1/txn", R"({"operations":[{"put":"a","value":1}]})",
                             "Content-Encoding: Identity\r\n"))
                .status,
            200);
}

TEST_F(bodies, a_body_that_has_not_arrived_keeps_nobody_from_the_lock) {
  auto const whole = request("PUT", "/v1/kv/a?hold=60s", "\"slow\"");
  client.send(whole.substr(0, whole.size() - 3));
  server.settle();
  EXPECT_FALSE(server.is_lock_taken());
  EXPECT_EQ(raw_client(server.port()).ask(request("PUT", "/v1/kv/a", "1")).status, 201);
}

}  // namespace
}  // namespace holdfast::tests
