#include "server/access/rate_limits.hpp"

#include <gtest/gtest.h>

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;

client_id client(std::uint32_t number) {
  peer_address address;
  address.is = peer_address::kind::v4;
  for (std::size_t i = 0; i < 4; ++i) address.bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return client_id::of(address);
}

struct rate_limit : testing::Test {
  rate_limits::clock::time_point now{1000s};
};

TEST_F(rate_limit, lets_a_seconds_worth_through_at_once_and_then_the_rate) {
  rate_limits limits({.requests = 10});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(limits.admit(client(1), now), 0ns) << i;
  EXPECT_EQ(limits.admit(client(1), now), 100ms);
  EXPECT_EQ(limits.admit(client(1), now + 99ms), 1ms);
  EXPECT_EQ(limits.admit(client(1), now + 100ms), 0ns);
  EXPECT_EQ(limits.admit(client(1), now + 100ms), 100ms);
}

TEST_F(rate_limit, is_each_clients_own) {
  rate_limits limits({.requests = 1});
  EXPECT_EQ(limits.admit(client(1), now), 0ns);
  EXPECT_NE(limits.admit(client(1), now), 0ns);
  EXPECT_EQ(limits.admit(client(2), now), 0ns);
}

TEST_F(rate_limit, of_the_lock_is_worked_off_before_the_next_request) {
  rate_limits limits({.lock_time = 100ms});
  EXPECT_EQ(limits.admit(client(1), now), 0ns);
  limits.charge(client(1), 0, 60s, now);  // 600 seconds' worth
  EXPECT_EQ(limits.admit(client(1), now), 599s);
  EXPECT_NE(limits.admit(client(1), now + 598s), 0ns);
  EXPECT_EQ(limits.admit(client(1), now + 599s), 0ns);
}

TEST_F(rate_limit, of_bytes_counts_what_has_been_sent_and_received) {
  rate_limits limits({.bytes = 1000});
  limits.charge(client(1), 1000, 0s, now);
  EXPECT_EQ(limits.admit(client(1), now), 0ns);
  limits.charge(client(1), 500, 0s, now);
  EXPECT_EQ(limits.admit(client(1), now), 500ms);
}

// A debt that did not fit the clock overflowed, and its client owed nothing.
TEST_F(rate_limit, forgives_no_debt_however_large) {
  rate_limits limits({.bytes = 1, .lock_time = 1ns});
  for (int i = 0; i < 3; ++i) {
    limits.charge(client(1), std::uint64_t(1) << 60, 24h, now);
    EXPECT_GE(limits.admit(client(1), now), 24h * 364);
  }
}

TEST_F(rate_limit, remembers_so_many_clients_and_no_more) {
  rate_limits limits({.requests = 1});
  for (std::uint32_t i = 0; i < 2 * rate_limits::clients_max; ++i) static_cast<void>(limits.admit(client(i), now));
  EXPECT_LE(limits.clients(), rate_limits::clients_max);
  EXPECT_GE(limits.clients(), rate_limits::clients_max * 9 / 10);
  // The most recent clients are among them.
  EXPECT_NE(limits.admit(client(2 * rate_limits::clients_max - 1), now), 0ns);
}

TEST(client, of_an_ipv6_network_is_one) {
  peer_address one;
  one.is = peer_address::kind::v6;
  one.bytes = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 9, 9};
  auto other = one;
  other.bytes[15] = 7;
  EXPECT_EQ(client_id::of(one), client_id::of(other));
  other.bytes[7] = 2;
  EXPECT_FALSE(client_id::of(one) == client_id::of(other));
}

// On a dual-stack socket, all IPv4 clients seemed to come from one network: one of them could use up the limit of all.
TEST(client, of_ipv4_is_itself_also_on_a_socket_of_ipv6) {
  peer_address mapped;
  mapped.is = peer_address::kind::v6;
  mapped.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 192, 0, 2, 1};
  peer_address plain;
  plain.is = peer_address::kind::v4;
  plain.bytes = {192, 0, 2, 1};
  EXPECT_EQ(client_id::of(mapped), client_id::of(plain));
  mapped.bytes[15] = 2;
  EXPECT_FALSE(client_id::of(mapped) == client_id::of(plain));
}

TEST(per_client_count, is_given_back) {
  per_client_count count(1);
  EXPECT_TRUE(count.add(client(1)));
  EXPECT_FALSE(count.add(client(1)));
  EXPECT_TRUE(count.add(client(2)));
  count.remove(client(1));
  EXPECT_TRUE(count.add(client(1)));
}

}  // namespace
}  // namespace holdfast::server
