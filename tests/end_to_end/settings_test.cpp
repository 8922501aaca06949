// Refusals of PATCH /v1/settings. Also valid for a server without insight (-DHOLDFAST_INSIGHT=OFF).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"

namespace holdfast::tests {
namespace {

using namespace std::string_literals;
using nlohmann::json;

constexpr std::size_t body_bytes_max = 4 * 1024;

std::string head(std::string const& more) {
  return "PATCH /v1/settings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n" + more + "\r\n";
}

std::string patch(std::string const& body) {
  return head("Content-Length: " + std::to_string(body.size()) + "\r\n") + body;
}

struct settings_patch : ::testing::Test {
  json settings() { return json::parse(raw_client(server.port()).ask(request("GET", "/v1/settings")).body); }

  running_server server;
  raw_client client{server.port()};
};

TEST_F(settings_patch, refuses_a_writer_that_would_never_rest) {
  for (auto const* const period : {"999us", "0.9ms", "1us", "1ns"}) {
    auto const reply = client.ask(patch(json{{"writer_period", period}}.dump()));
    ASSERT_EQ(reply.status, 400) << period;
    EXPECT_EQ(reply.code(), "invalid_parameter") << period;
    EXPECT_THAT(reply.detail(), ::testing::HasSubstr("1ms")) << "the least that is allowed";
  }
  EXPECT_EQ(settings()["writer_period"], "0");
}

TEST_F(settings_patch, takes_the_shortest_period_and_none) {
  EXPECT_EQ(client.ask(patch(R"({"writer_period":"1ms"})")).status, 200);
  EXPECT_EQ(settings()["writer_period"], "1ms");
  EXPECT_EQ(client.ask(patch(R"({"writer_period":"0"})")).status, 200);
  EXPECT_EQ(settings()["writer_period"], "0");
}

TEST_F(settings_patch, takes_a_body_of_4_kib) {
  auto body = R"({"read_hold":"20ms"})"s;
  body.resize(body_bytes_max, ' ');
  EXPECT_EQ(client.ask(patch(body)).status, 200);
  EXPECT_EQ(settings()["read_hold"], "20ms");
}

TEST_F(settings_patch, refuses_a_body_of_a_byte_more_before_it_has_come) {
  auto const reply = client.ask(head("Content-Length: " + std::to_string(body_bytes_max + 1) + "\r\n"));
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(reply.code(), "body_too_large");
  EXPECT_THAT(reply.detail(), ::testing::HasSubstr("4096"));
}

TEST_F(settings_patch, refuses_chunks_that_make_a_byte_more) {
  auto body = R"({"read_hold":"20ms"})"s;
  body.resize(body_bytes_max + 1, ' ');
  auto const reply = client.ask(head("Transfer-Encoding: chunked\r\n") + "1001\r\n" + body + "\r\n0\r\n\r\n");
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(settings()["read_hold"], "0");
}

TEST_F(settings_patch, refuses_whatever_stands_behind_the_object) {
  auto const object = R"({"read_hold":"20ms"})"s;
  for (auto const& behind : {"\0"s, "\0{"s, "\0 and so on"s, " x"s, "{}"s, ","s, "\xFF"s}) {
    EXPECT_EQ(client.ask(patch(object + behind)).status, 400)
        << json(object + behind).dump(-1, ' ', true, json::error_handler_t::replace);
    EXPECT_EQ(settings()["read_hold"], "0");
  }
  EXPECT_EQ(client.ask(patch(object + " \r\n\t")).status, 200);
}

// A server that answers without reading the body would parse it as the next request.
TEST_F(settings_patch, is_read_to_its_end_also_where_it_is_refused) {
  auto const smuggled = request("PUT", "/v1/kv/smuggled", "1");
  for (auto const& refused : {smuggled, smuggled + std::string(body_bytes_max, ' ') + smuggled}) {
    raw_client one(server.port());
    one.send(patch(refused) + request("GET", "/livez", {}, "Connection: close\r\n"));
    EXPECT_THAT(one.receive().status, ::testing::AnyOf(400, 413));
    // Either the answer to the next request or, if the server does not read the rest of the body, the end.
    auto const rest = one.receive_rest();
    EXPECT_TRUE(rest.empty() || rest.starts_with("HTTP/1.1 200 ")) << rest;
    EXPECT_EQ(rest.find("HTTP/1.1", 1), std::string::npos) << rest;
  }
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/smuggled")).status, 404);
}

}  // namespace
}  // namespace holdfast::tests
