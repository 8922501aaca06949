#include "client/request.hpp"

#include <gtest/gtest.h>

namespace holdfast::client {
namespace {

using namespace std::chrono_literals;

TEST(request, has_no_query_when_nothing_is_wished) {
  EXPECT_EQ(query_of({}), "");
}

TEST(request, says_zero_when_zero_is_wished_so_that_it_overrides_the_servers_default) {
  EXPECT_EQ(query_of({.hold = 0ns, .lock_timeout = {}}), "?hold=0");
  EXPECT_EQ(query_of({.hold = {}, .lock_timeout = 0ns}), "?lock-timeout=0");
}

TEST(request, carries_both_wishes) {
  EXPECT_EQ(query_of({.hold = 1500ms, .lock_timeout = 250us}), "?hold=1.5s&lock-timeout=250us");
}

TEST(request, names_the_server_and_announces_the_body_of_a_put) {
  endpoint const server{"::1", "8080", "[::1]:8080"};
  EXPECT_EQ(request_head(server, "GET", "/v1/kv/a", 0),
            "GET /v1/kv/a HTTP/1.1\r\nHost: [::1]:8080\r\nUser-Agent: holdfast/" HOLDFAST_VERSION "\r\n\r\n");
  EXPECT_EQ(request_head(server, "PUT", "/v1/kv/a", 3),
            "PUT /v1/kv/a HTTP/1.1\r\nHost: [::1]:8080\r\nUser-Agent: holdfast/" HOLDFAST_VERSION
            "\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n");
}

}  // namespace
}  // namespace holdfast::client
