#include "server/insight/present_requests.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <nlohmann/json.hpp>

#include "server/insight/insight.hpp"
#include "server/insight/lock_json.hpp"

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

struct waiters_of_two_threads : ::testing::Test {
  void wait(unsigned thread, std::chrono::nanoseconds asked, std::string_view key = "k") {
    auto& visit = visits.emplace_back(lock_asker{source.recorders[thread].get(), {}, lock_operation::get}, key,
                                      source.started_at + asked);
    visit.stands_at(static_cast<std::uint32_t>(visits.size()));
    visit.waits();
  }

  insight source{2, 1};
  std::deque<lock_visit> visits;
};

TEST_F(waiters_of_two_threads, are_listed_as_far_as_the_limits_go_and_counted_beyond) {
  for (int i = 0; i < 100; ++i) wait(0, i * 1ms);
  auto const few = source.present({.entries_max = 10, .bytes_max = 1'000'000});
  ASSERT_EQ(few.listed.size(), 10U);
  EXPECT_EQ(few.listed.back().event.asked_ns, 9'000'000) << "the earliest";
  ASSERT_EQ(few.unlisted.size(), 90U);
  EXPECT_EQ(few.unlisted.front().asked_ns, 10'000'000);
}

TEST_F(waiters_of_two_threads, with_long_keys_take_no_more_bytes_than_they_may) {
  std::string const key(1024, 'k');
  for (int i = 0; i < 2000; ++i) wait(i % 2, i * 1us, key);
  constexpr std::size_t bytes_max = 100'000;
  auto const found = source.present({.entries_max = 16'384, .bytes_max = bytes_max});
  std::size_t bytes = 0;
  for (auto const& one : found.listed) bytes += sizeof one + one.key.size();
  EXPECT_LE(bytes, bytes_max);
  EXPECT_GT(bytes, bytes_max / 2);
  EXPECT_EQ(found.listed.size() + found.unlisted.size(), 2000U);
}

TEST_F(waiters_of_two_threads, do_not_hide_the_owner) {
  lock_visit owner({source.recorders[0].get(), {}, lock_operation::put}, "held", source.started_at);
  wait(0, 1ms);
  owner.granted(source.started_at + 2ms, 1h);
  auto const found = source.present({.entries_max = 0, .bytes_max = 0});
  ASSERT_EQ(found.listed.size(), 1U);
  EXPECT_EQ(found.listed[0].key, "held");
  EXPECT_EQ(found.unlisted.size(), 1U);
  owner.released(source.started_at + 3ms);
}

TEST_F(waiters_of_two_threads, are_there_until_the_last_has_gone) {
  EXPECT_FALSE(source.is_anyone_present());
  wait(1, 1ms);
  EXPECT_TRUE(source.is_anyone_present());
  visits.front().left(source.started_at + 2ms, lock_outcome::hung_up);
  EXPECT_FALSE(source.is_anyone_present());
}

// The first thread has more waiters than it may list, the second has later ones, which would seem to be next.
TEST_F(waiters_of_two_threads, stand_in_the_queue_only_before_the_first_that_is_not_listed) {
  for (int i = 0; i < 4; ++i) wait(0, i * 1ms, "first");
  for (int i = 0; i < 4; ++i) wait(1, 10ms + i * 1ms, "second");
  auto found = source.present({.entries_max = 2, .bytes_max = 1'000'000});
  EXPECT_EQ(found.listed.size(), 4U);
  auto const state = json::parse(lock_state_json(std::move(found), 20'000'000, 1, 100));
  ASSERT_EQ(state["queue"].size(), 2U);
  EXPECT_EQ(state["queue"][1]["key"], "first");
  EXPECT_EQ(state["queue_length"], 8);
}

TEST_F(waiters_of_two_threads, fill_an_answer_of_bounded_length) {
  std::string const key(1024, '\x01');  // six bytes each in JSON
  for (int i = 0; i < 1000; ++i) wait(0, i * 1us, key);
  auto const text = lock_state_json(source.present({.entries_max = 1000, .bytes_max = 10'000'000}), 1, 1, 1000);
  EXPECT_LT(text.size(), queue_bytes_max + 10'000);
  EXPECT_EQ(json::parse(text)["queue_length"], 1000);
}

}  // namespace
}  // namespace holdfast::server
