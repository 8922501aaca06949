#include "client/endpoint.hpp"

#include <gmock/gmock.h>

namespace holdfast::client {
namespace {

using testing::HasSubstr;

TEST(endpoint, reads_name_and_port) {
  auto const server = parse_server_url("http://example.org:9000");
  ASSERT_TRUE(server);
  EXPECT_EQ(*server, (endpoint{"example.org", "9000", "example.org:9000"}));
}

TEST(endpoint, takes_port_80_when_none_is_said) {
  auto const server = parse_server_url("http://example.org/");
  ASSERT_TRUE(server);
  EXPECT_EQ(*server, (endpoint{"example.org", "80", "example.org"}));
}

TEST(endpoint, may_leave_out_the_scheme_as_curl_users_do) {
  auto const server = parse_server_url("localhost:8080");
  ASSERT_TRUE(server);
  EXPECT_EQ(*server, (endpoint{"localhost", "8080", "localhost:8080"}));
}

// `--server 127.0.0.1` asked port 80, `--server 8080` a host of that name.
TEST(endpoint, takes_an_address_or_a_port_alone_for_that_of_a_holdfast_server) {
  EXPECT_EQ(*parse_server_url("127.0.0.1"), (endpoint{"127.0.0.1", "8080", "127.0.0.1:8080"}));
  EXPECT_EQ(*parse_server_url("[::1]"), (endpoint{"::1", "8080", "[::1]:8080"}));
  EXPECT_EQ(*parse_server_url("9090"), (endpoint{"127.0.0.1", "9090", "127.0.0.1:9090"}));
  EXPECT_EQ(*parse_server_url(":9090"), (endpoint{"127.0.0.1", "9090", "127.0.0.1:9090"}));
}

TEST(endpoint, takes_the_scheme_in_any_case) {
  EXPECT_TRUE(parse_server_url("HTTP://localhost:1"));
}

TEST(endpoint, takes_brackets_off_an_ipv6_address_but_not_out_of_the_host_field) {
  auto const server = parse_server_url("http://[::1]:8080");
  ASSERT_TRUE(server);
  EXPECT_EQ(*server, (endpoint{"::1", "8080", "[::1]:8080"}));
  auto const bare = parse_server_url("http://[::1]");
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->port, "80");
}

TEST(endpoint, https_has_a_port_of_its_own) {
  auto const server = parse_server_url("https://example.org");
  ASSERT_TRUE(server);
  EXPECT_TRUE(server->is_tls);
  EXPECT_EQ(server->port, "443");
  EXPECT_EQ(server->url(), "https://example.org");
  auto const other = parse_server_url("HTTPS://example.org:8443/");
  ASSERT_TRUE(other);
  EXPECT_EQ(other->authority, "example.org:8443");
  EXPECT_FALSE(parse_server_url("http://example.org:443")->is_tls);
}

TEST(endpoint, says_that_the_key_is_not_part_of_the_url) {
  auto const server = parse_server_url("http://localhost:8080/v1/kv/my-key");
  ASSERT_FALSE(server);
  EXPECT_THAT(server.error().message, HasSubstr("without a path"));
}

TEST(endpoint, refuses_what_names_no_server) {
  for (auto const* url : {"", "http://", "http://:8080", "ftp://localhost", "http://user@localhost:8080",
                          "http://localhost:0", "http://localhost:65536", "http://localhost:", "http://localhost:x",
                          "http://local host", "80800", "0", "http://localhost?x", "http://[::1", "http://a\nb"}) {
    auto const server = parse_server_url(url);
    ASSERT_FALSE(server) << url;
    EXPECT_THAT(server.error().message, HasSubstr("is not a server's URL")) << url;
  }
}

}  // namespace
}  // namespace holdfast::client
