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

TEST(request, carries_conditions_as_fields) {
  EXPECT_EQ(*fields_of({.if_match = "\"a-7\", \"a-8\"", .returns_value = true}),
            "If-Match: \"a-7\", \"a-8\"\r\nPrefer: return=representation\r\n");
  EXPECT_EQ(*fields_of({.if_none_match = "*", .idempotency_key = "k"}),
            "If-None-Match: *\r\nIdempotency-Key: \"k\"\r\n");
  EXPECT_EQ(*fields_of({}), "");
}

TEST(request, lets_nothing_into_a_field_that_would_start_another_one) {
  EXPECT_FALSE(fields_of({.if_match = "a\r\nHost: b"}));
  EXPECT_FALSE(fields_of({.idempotency_key = "a\nb"}));
}

TEST(request, encodes_what_would_end_a_parameter) {
  EXPECT_EQ(query().add("prefix", "a&b=c+d é/#%").text(), "?prefix=a%26b%3Dc%2Bd%20%C3%A9/%23%25");
}

TEST(time_to_live, reads_days_and_up_to_a_hundred_years) {
  EXPECT_EQ(parse_ttl("30s")->time, 30s);
  EXPECT_EQ(parse_ttl("1.5h")->time, 90min);
  EXPECT_EQ(parse_ttl("36525d")->time, ttl_max);
  EXPECT_EQ(parse_ttl("keep")->is, time_to_live::kind::keep);
  EXPECT_EQ(parse_ttl("none")->is, time_to_live::kind::never);
  for (auto const* text : {"", "s", "30", "-1s", "1w", "36526d", "0s", "0.0000000001ns", "1e3s", ".5s", "1.2.3s",
                           "99999999999999999999999999999d", "30 s"})
    EXPECT_FALSE(parse_ttl(text)) << text;
}

TEST(time_to_live, is_written_so_that_the_same_is_read) {
  for (auto const* text : {"30s", "1.5h", "24h", "7776000s", "3155760000s", "90061001ms", "250us"})
    EXPECT_EQ(format_ttl(*parse_ttl(text)), text);
}

}  // namespace
}  // namespace holdfast::client
