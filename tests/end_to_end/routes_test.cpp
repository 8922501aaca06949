// Everything except values: OPTIONS, unsuitable methods and paths, probes, forms of the target, HTTP/1.0.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"

namespace holdfast::tests {
namespace {

using ::testing::HasSubstr;

struct routes : ::testing::Test {
  running_server server;
  raw_client client{server.port()};
};

TEST_F(routes, options_is_204_and_names_the_methods) {
  auto const reply = client.ask(request("OPTIONS", "/v1/kv/a"));
  EXPECT_EQ(reply.status, 204);
  EXPECT_EQ(reply.field("allow"), "GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS");
  EXPECT_THAT(reply.field("accept-patch"), HasSubstr("application/merge-patch+json"));
  EXPECT_EQ(client.ask(request("OPTIONS", "/v1/kv")).field("allow"), "GET, HEAD, DELETE, OPTIONS");
  EXPECT_EQ(client.ask(request("OPTIONS", "/v1/txn")).field("allow"), "POST, OPTIONS");
  for (std::string const path : {"/livez", "/readyz", "/version"}) {
    auto const probe = client.ask(request("OPTIONS", path));
    EXPECT_EQ(probe.status, 204) << path;
    EXPECT_EQ(probe.field("allow"), "GET, HEAD, OPTIONS") << path;
  }
}

TEST_F(routes, options_of_the_whole_server_is_answered) {
  auto const reply = client.ask(request("OPTIONS", "*"));
  EXPECT_EQ(reply.status, 204);
  EXPECT_TRUE(reply.has("allow"));
  EXPECT_EQ(client.ask(request("GET", "*")).status, 400);
}

TEST_F(routes, a_known_method_that_does_not_fit_is_405_and_names_those_that_do) {
  for (auto const& [method, path, allow] : {std::tuple<std::string, std::string, std::string>{
                                                "TRACE", "/v1/kv/a", "GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS"},
                                            {"PUT", "/v1/kv", "GET, HEAD, DELETE, OPTIONS"},
                                            {"POST", "/v1/kv", "GET, HEAD, DELETE, OPTIONS"},
                                            {"GET", "/v1/txn", "POST, OPTIONS"},
                                            {"PUT", "/v1/txn", "POST, OPTIONS"},
                                            {"POST", "/v1/watch", "GET, HEAD, OPTIONS"}}) {
    auto const reply = raw_client(server.port()).ask(request(method, path, method == "PUT" ? "1" : ""));
    EXPECT_EQ(reply.status, 405) << method << path;
    EXPECT_EQ(reply.code(), "method_not_allowed");
    EXPECT_EQ(reply.field("allow"), allow) << method << path;
  }
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).status, 404);
  EXPECT_THAT(raw_client(server.port()).ask(request("POST", "/v1/kv/a", "1")).detail(), HasSubstr("PUT"));
  for (std::string const method : {"PUT", "DELETE", "POST"}) {
    auto const reply = raw_client(server.port()).ask(request(method, "/livez"));
    EXPECT_EQ(reply.status, 405) << method;
    EXPECT_EQ(reply.field("allow"), "GET, HEAD, OPTIONS") << method;
  }
  EXPECT_EQ(raw_client(server.port()).ask("CONNECT test:80 HTTP/1.1\r\nHost: test:80\r\n\r\n").status, 405);
}

TEST_F(routes, an_unknown_method_is_501) {
  for (std::string const method : {"BREW", "get", "Get", "GETT", "G", "M-SEARCH", "X!#$%&'*+.^_`|~9"}) {
    auto const reply = raw_client(server.port()).ask(request(method, "/v1/kv/a"));
    EXPECT_EQ(reply.status, 501) << method;
    EXPECT_EQ(reply.code(), "unknown_method") << method;
  }
}

TEST_F(routes, an_unknown_path_is_404_that_tells_the_known_ones) {
  for (std::string const path :
       {"/v1", "/v1/kvs", "/v2/kv/a", "/v1/KV/a", "/livez/", "/Livez", "/metric", "//v1/kv/a", "/v1/locks/a/b"}) {
    auto const reply = client.ask(request("GET", path));
    EXPECT_EQ(reply.status, 404) << path;
    EXPECT_THAT(reply.detail(), HasSubstr("/v1/kv/")) << path;
  }
}

TEST_F(routes, probes_answer_json) {
  for (std::string const path : {"/livez", "/readyz", "/version"}) {
    auto const reply = client.ask(request("GET", path));
    EXPECT_EQ(reply.status, 200) << path;
    EXPECT_EQ(reply.field("content-type"), "application/json") << path;
    EXPECT_TRUE(is_json(reply.body)) << reply.body;
    auto const head = client.ask(request("HEAD", path));
    EXPECT_EQ(head.status, 200) << path;
    EXPECT_EQ(head.field("content-length"), reply.field("content-length")) << path;
  }
}

TEST_F(routes, version_tells_name_and_version) {
  auto const body = client.ask(request("GET", "/version")).body;
  EXPECT_EQ(json_member(body, "name"), "holdfast-server");
  EXPECT_THAT(json_member(body, "version"), ::testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+.*"));
}

TEST_F(routes, probes_do_not_wait_for_the_lock) {
  raw_client holder(server.port());
  server.ask_for_lock(holder, request("GET", "/v1/kv/a?hold=60s"));
  for (std::string const path : {"/livez", "/readyz", "/version"})
    EXPECT_EQ(client.ask(request("GET", path)).status, 200) << path;
  EXPECT_EQ(client.ask(request("OPTIONS", "/v1/kv/a")).status, 204);
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a?hold=soon")).status, 400);
  EXPECT_TRUE(server.is_lock_taken());
}

// Load balancers add a query to bypass caches.
TEST_F(routes, probes_answer_whatever_their_query) {
  for (std::string const path : {"/livez?t=1", "/readyz?hold=1s"})
    EXPECT_EQ(client.ask(request("GET", path)).status, 200) << path;
  EXPECT_EQ(client.ask(request("GET", "/livez")).field("cache-control"), "no-store");
}

TEST_F(routes, absolute_form_is_accepted) {
  client.ask(request("PUT", "/v1/kv/a", "1"));
  for (std::string const target : {"http://test/v1/kv/a", "http://other:8080/v1/kv/a", "HTTP://[::1]:80/v1/kv/a",
                                   "https://test/v1/kv/a", "http://test/v1/kv/a?hold=1ms"}) {
    auto const reply = client.ask(request("GET", target));
    EXPECT_EQ(reply.status, 200) << target;
    EXPECT_EQ(reply.body, "1") << target;
  }
  EXPECT_THAT(client.ask(request("GET", "http://test")).field("content-type"), HasSubstr("text/html")) << "the page";
}

TEST_F(routes, absolute_form_stores_under_the_same_key_and_tells_the_path) {
  EXPECT_EQ(client.ask(request("PUT", "http://test/v1/kv/a", "1")).field("location"), "/v1/kv/a");
}

TEST_F(routes, another_form_of_target_is_400) {
  for (std::string const target : {"v1/kv/a", "ftp://test/v1/kv/a", "http:///v1/kv/a", "http://us er/v1/kv/a",
                                   "/v1/kv/a#top", "http://user@test/v1/kv/a", "test:80"})
    EXPECT_EQ(raw_client(server.port()).ask(request("GET", target)).status, 400) << target;
}

TEST_F(routes, connection_close_is_honoured) {
  auto const reply = client.ask(request("GET", "/livez", {}, "Connection: close\r\n"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.field("connection"), "close");
  EXPECT_TRUE(client.is_closed_by_peer());
}

TEST_F(routes, http11_stays_open_unless_told_otherwise) {
  for (int i = 0; i < 3; ++i) {
    auto const reply = client.ask(request("GET", "/v1/kv/nobody"));
    EXPECT_EQ(reply.status, 404);
    EXPECT_NE(reply.field("connection"), "close");
  }
  EXPECT_TRUE(client.stays_silent(std::chrono::milliseconds(50)));
}

TEST_F(routes, http10_is_answered_and_closed) {
  auto const reply = client.ask("GET /livez HTTP/1.0\r\n\r\n");
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(client.is_closed_by_peer());
}

TEST_F(routes, http10_stays_open_when_it_asks_to) {
  for (int i = 0; i < 2; ++i) {
    auto const reply = client.ask("GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.field("connection"), "keep-alive");
  }
}

TEST_F(routes, http10_puts_with_a_length) {
  EXPECT_EQ(client.ask("PUT /v1/kv/a HTTP/1.0\r\nContent-Length: 1\r\n\r\n1").status, 201);
}

}  // namespace
}  // namespace holdfast::tests
