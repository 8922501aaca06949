#include "server/insight/event_ring.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace holdfast::server {
namespace {

constexpr std::size_t words = 1024;  // 8 KiB

lock_event event_of(std::uint64_t id) {
  lock_event event;
  event.id = id;
  event.asked_ns = static_cast<std::int64_t>(id) * 3;
  event.granted_ns = static_cast<std::int64_t>(id) * 5;
  event.ended_ns = static_cast<std::int64_t>(id) * 7;
  return event;
}

struct ring_and_reader {
  event_ring ring{words};
  event_ring::cursor cursor;
  std::vector<event_ring::entry> entries;

  std::uint64_t read() {
    entries.clear();
    return ring.read(cursor, ring.written(), entries);
  }
};

TEST(event_ring, gives_back_all_that_an_event_tells) {
  ring_and_reader both;
  lock_event const event{.what = lock_event::kind::granted,
                         .operation = lock_operation::del,
                         .outcome = lock_outcome::hung_up,
                         .position = 70'000,
                         .id = 1ULL << 40,
                         .source = {.bytes = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
                                    .port = 5123,
                                    .is = peer_address::kind::v6,
                                    .name = 65'535},
                         .asked_ns = 1,
                         .granted_ns = 2,
                         .ended_ns = lock_event::never,
                         .hold_ns = 3};
  both.ring.append(event, "a key");
  EXPECT_EQ(both.read(), 0U);
  ASSERT_EQ(both.entries.size(), 1U);
  auto const& got = both.entries[0].event;
  EXPECT_EQ(got.what, event.what);
  EXPECT_EQ(got.operation, event.operation);
  EXPECT_EQ(got.outcome, event.outcome);
  EXPECT_EQ(got.position, event.position);
  EXPECT_EQ(got.id, event.id);
  EXPECT_EQ(to_string(got.source), "[2001:db8::1]:5123");
  EXPECT_EQ(got.source.name, 65'535);
  EXPECT_EQ(got.asked_ns, 1);
  EXPECT_EQ(got.granted_ns, 2);
  EXPECT_EQ(got.ended_ns, lock_event::never);
  EXPECT_EQ(got.hold_ns, 3);
  EXPECT_EQ(both.entries[0].key, "a key");
}

TEST(event_ring, keeps_keys_of_every_length) {
  ring_and_reader both;
  std::string all(event_ring::key_bytes_max, ' ');
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>('!' + i * 7 % 90);
  for (std::size_t length = 0; length <= all.size(); length += length < 40 ? 1 : 31) {
    auto const key = all.substr(all.size() - length);
    both.ring.append(event_of(length), key);
    EXPECT_EQ(both.read(), 0U);
    ASSERT_EQ(both.entries.size(), 1U);
    EXPECT_EQ(both.entries[0].key, key);
  }
}

TEST(event_ring, cuts_a_key_that_is_longer_than_keys_are) {
  ring_and_reader both;
  both.ring.append(event_of(1), std::string(100'000, 'k'));
  both.read();
  EXPECT_EQ(both.entries[0].key.size(), event_ring::key_bytes_max);
}

TEST(event_ring, drops_the_oldest_and_counts_them) {
  ring_and_reader both;
  for (std::uint64_t id = 0; id < 1000; ++id) both.ring.append(event_of(id), "key");
  auto const lost = both.read();
  ASSERT_FALSE(both.entries.empty());
  EXPECT_EQ(lost + both.entries.size(), 1000U);
  EXPECT_EQ(both.entries.front().event.id, lost);
  EXPECT_EQ(both.entries.back().event.id, 999U);
  EXPECT_EQ(both.entries.size(), words / 9) << "eight words and one of a key for each";
}

TEST(event_ring, a_reader_that_keeps_up_loses_nothing) {
  ring_and_reader both;
  for (std::uint64_t id = 0; id < 5000; ++id) {
    both.ring.append(event_of(id), std::string(id % 40, 'k'));
    EXPECT_EQ(both.read(), 0U);
    ASSERT_EQ(both.entries.size(), 1U);
    EXPECT_EQ(both.entries[0].event.id, id);
  }
}

TEST(event_ring, what_is_read_while_it_is_overwritten_is_whole_or_lost) {
  constexpr std::uint64_t events = 200'000;
  ring_and_reader both;
  std::jthread const writer([&] {
    for (std::uint64_t id = 0; id < events; ++id) both.ring.append(event_of(id), std::string(id % 50, 'k'));
  });
  std::uint64_t next = 0;
  while (next < events) {
    auto lost = both.read();
    for (auto const& [event, key] : both.entries) {
      ASSERT_GE(event.id, next);
      auto const skipped = event.id - next;
      ASSERT_LE(skipped, lost);
      lost -= skipped;
      ASSERT_EQ(event.asked_ns, static_cast<std::int64_t>(event.id) * 3);
      ASSERT_EQ(event.granted_ns, static_cast<std::int64_t>(event.id) * 5);
      ASSERT_EQ(event.ended_ns, static_cast<std::int64_t>(event.id) * 7);
      ASSERT_EQ(key, std::string(event.id % 50, 'k'));
      next = event.id + 1;
    }
    ASSERT_EQ(lost, 0U);
  }
}

}  // namespace
}  // namespace holdfast::server
