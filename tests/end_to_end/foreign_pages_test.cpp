// What a web page may do that is open in a browser on the server's machine.
#include <gtest/gtest.h>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"

namespace holdfast::tests {
namespace {

struct foreign_pages : testing::Test {
  raw_reply ask(std::string_view method, std::string const& target, std::string const& host,
                std::string_view fields = {}, std::string_view body = {}) {
    auto const length = body.empty() ? std::string() : "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return client.ask(std::string(method) + ' ' + target + " HTTP/1.1\r\nHost: " + host + "\r\n" + length +
                      std::string(fields) + "\r\n" + std::string(body));
  }

  void SetUp() override { EXPECT_EQ(ask("PUT", "/v1/kv/a", "localhost", {}, "1").status, 201); }

  static server::settings with_cors() {
    auto settings = running_server::test_settings();
    settings.routes.cors_origins = {"https://app.example"};
    settings.routes.host_names = {"db.example"};
    return settings;
  }

  running_server server{with_cors()};
  raw_client client{server.port()};
};

// An image tag on any page could hold the lock of a server on the reader's own machine for a minute.
TEST_F(foreign_pages, may_neither_read_nor_write_nor_hold) {
  for (std::string const fields : {"Sec-Fetch-Site: cross-site\r\n", "Origin: http://evil.example\r\n",
                                   "Origin: null\r\n", "Origin: http://localhost:3000\r\n"}) {
    EXPECT_EQ(ask("GET", "/v1/kv/a?hold=60s", "localhost:8080", fields).code(), "foreign_origin") << fields;
    EXPECT_EQ(ask("GET", "/v1/kv/a", "localhost:8080", fields).status, 403) << fields;
    EXPECT_EQ(ask("DELETE", "/v1/kv/a", "localhost:8080", fields).status, 403) << fields;
    EXPECT_EQ(ask("GET", "/v1/watch", "localhost:8080", fields).status, 403) << fields;
    EXPECT_EQ(ask("GET", "/metrics", "localhost:8080", fields).status, 403) << fields;
  }
  EXPECT_EQ(ask("GET", "/v1/kv/a", "localhost").body, "1");
}

// A page that has a name of its own for the server's address has the same origin as the server (DNS rebinding).
TEST_F(foreign_pages, may_not_come_by_a_name_that_is_not_the_servers) {
  EXPECT_EQ(ask("GET", "/v1/kv/a", "rebind.evil.test").code(), "foreign_origin");
  EXPECT_EQ(ask("DELETE", "/v1/kv/a", "rebind.evil.test", "Origin: http://rebind.evil.test\r\n").status, 403);
  for (std::string const host : {"127.0.0.1:8080", "[::1]", "localhost", "db.example", "db"})
    EXPECT_EQ(ask("GET", "/v1/kv/a", host).status, 200) << host;
}

// RFC 9112 §3.2.2: a host in the target counts, and the Host field does not.
TEST_F(foreign_pages, may_not_come_by_a_foreign_name_in_the_target) {
  EXPECT_EQ(ask("GET", "http://rebind.evil.test/v1/kv/a", "localhost").code(), "foreign_origin");
  EXPECT_EQ(ask("GET", "HTTPS://rebind.evil.test:1/v1/kv/a?wait=0", "localhost").code(), "foreign_origin");
  EXPECT_EQ(ask("GET", "http://localhost/v1/kv/a", "rebind.evil.test").status, 200);
}

TEST_F(foreign_pages, may_link_to_a_value_but_not_to_a_hold) {
  std::string const link = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n";
  EXPECT_EQ(ask("GET", "/v1/kv/a", "localhost", link).status, 200);
  EXPECT_EQ(ask("GET", "/v1/kv/a?hold=1ms", "localhost", link).status, 403);
  EXPECT_EQ(ask("GET", "/v1/export?hold=1ms", "localhost", link).status, 403);
  EXPECT_EQ(ask("DELETE", "/v1/kv/a", "localhost", link).status, 403);
}

TEST_F(foreign_pages, of_an_allowed_origin_may_do_what_any_client_may) {
  std::string const origin = "Origin: https://app.example\r\n";
  auto const preflight = ask("OPTIONS", "/v1/kv/a", "localhost", origin + "Access-Control-Request-Method: PUT\r\n");
  EXPECT_EQ(preflight.status, 204);
  EXPECT_NE(preflight.field("access-control-allow-methods").find("PUT"), std::string::npos);
  auto const put = ask("PUT", "/v1/kv/a", "localhost", origin, "2");
  EXPECT_EQ(put.status, 204);
  EXPECT_EQ(put.field("access-control-allow-origin"), "https://app.example");
  EXPECT_EQ(put.field("vary"), "Origin");
  EXPECT_EQ(ask("PUT", "/v1/kv/a", "localhost", "Origin: https://app.example.evil\r\n", "3").status, 403);
}

TEST_F(foreign_pages, of_the_server_itself_may_write) {
  EXPECT_EQ(ask("PUT", "/v1/kv/a", "localhost:8080", "Origin: http://localhost:8080\r\n", "2").status, 204);
}

}  // namespace
}  // namespace holdfast::tests
