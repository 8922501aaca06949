#include "server/insight/lock_feed.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "server/insight/lock_json.hpp"

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

/// Two threads' recorders on a clock of the test's own.
struct lock_of_two_threads : ::testing::Test {
  lock_recorder::clock::time_point at(std::chrono::nanoseconds time) const { return started + time; }

  lock_asker asker(lock_recorder& recorder, std::uint16_t port, lock_operation operation = lock_operation::get) const {
    return {&recorder, {.bytes = {10, 0, 0, 7}, .port = port, .is = peer_address::kind::v4}, operation};
  }

  /// A hold from `from` until `until` that did not wait.
  void hold(lock_recorder& recorder, std::uint16_t port, std::chrono::nanoseconds from,
            std::chrono::nanoseconds until) {
    lock_visit visit(asker(recorder, port), "held", at(from));
    visit.granted(at(from), until - from);
    visit.released(at(until));
  }

  std::vector<told_event> news() {
    std::vector<told_event> events;
    missed = feed.take(next, 1'000'000, backlog_max, events);
    return events;
  }

  lock_recorder::clock::time_point const started{1h};
  lock_recorder first{0, 2, started}, second{1, 2, started};
  lock_feed feed{{&first, &second}};
  std::uint64_t next = 1, missed = 0;
  std::size_t backlog_max = 1'000'000;
};

TEST_F(lock_of_two_threads, what_passed_at_once_is_one_event) {
  first.passed(asker(first, 5123).source, lock_operation::put, "my-key", at(10us), at(12us));
  auto const events = news();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].number, 1U);
  std::string text;
  append_json(text, events[0], 0x5f);
  auto const told = json::parse(text);
  EXPECT_EQ(told, json::parse(R"({"type":"done","seq":1,"id":1,"source":"10.0.0.7:5123","request_id":"5f-1",
      "operation":"PUT","key":"my-key","position":0,"asked_ns":10000,"granted_ns":10000,"ended_ns":12000,
      "outcome":"released","behind":[],"behind_others":{"count":0,"held_ns":0}})"));
}

TEST_F(lock_of_two_threads, numbers_of_requests_differ_between_threads) {
  EXPECT_EQ(first.next_id(), 1U);
  EXPECT_EQ(first.next_id(), 3U);
  EXPECT_EQ(second.next_id(), 2U);
}

TEST_F(lock_of_two_threads, a_request_that_waits_and_holds_is_told_three_times_and_seen_in_between) {
  lock_visit visit(asker(first, 1), "k", at(1ms));
  EXPECT_TRUE(first.present().empty());
  visit.stands_at(2);
  visit.waits();
  EXPECT_EQ(first.counters().waiting.value(), 1U);
  ASSERT_EQ(first.present().size(), 1U);
  EXPECT_EQ(first.present()[0].event.granted_ns, lock_event::never);
  visit.granted(at(3ms), 5ms);
  EXPECT_EQ(first.counters().waiting.value(), 0U);
  EXPECT_EQ(first.counters().holding.value(), 1U);
  EXPECT_EQ(first.present()[0].event.granted_ns, 3'000'000);
  visit.released(at(8ms));
  EXPECT_TRUE(first.present().empty());
  EXPECT_EQ(first.counters().holding.value(), 0U);
  auto const events = news();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].event.what, lock_event::kind::asked);
  EXPECT_EQ(events[1].event.what, lock_event::kind::granted);
  EXPECT_EQ(events[1].event.hold_ns, 5'000'000);
  EXPECT_EQ(events[2].event.what, lock_event::kind::done);
  EXPECT_EQ(events[2].event.position, 2U);
}

TEST_F(lock_of_two_threads, events_of_both_threads_come_in_the_order_of_time) {
  second.passed({}, lock_operation::get, "b", at(3us), at(4us));
  first.passed({}, lock_operation::get, "a", at(1us), at(2us));
  first.passed({}, lock_operation::get, "c", at(5us), at(6us));
  auto const events = news();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].key + events[1].key + events[2].key, "abc");
}

TEST_F(lock_of_two_threads, who_waited_is_told_whose_holds_fell_within_the_wait) {
  hold(first, 1, 0ms, 10ms);
  hold(second, 2, 10ms, 40ms);
  lock_visit visit(asker(first, 3), "k", at(6ms));
  visit.stands_at(2);
  visit.waits();
  visit.granted(at(41ms), 0ms);
  visit.released(at(42ms));
  hold(second, 4, 50ms, 60ms);
  auto const events = news();
  auto const& told = *std::find_if(events.begin(), events.end(), [&](auto const& e) {
    return e.event.position == 2 && e.event.what == lock_event::kind::done;
  });
  ASSERT_EQ(told.behind.size(), 2U);
  EXPECT_EQ(to_string(told.behind[0].source), "10.0.0.7:2");
  EXPECT_EQ(told.behind[0].held_ns, 30'000'000);
  EXPECT_EQ(to_string(told.behind[1].source), "10.0.0.7:1");
  EXPECT_EQ(told.behind[1].held_ns, 4'000'000) << "only what fell within the wait";
  EXPECT_EQ(told.behind_others, 0U);
  EXPECT_EQ(told.behind_others_ns, 0);
}

TEST_F(lock_of_two_threads, the_eight_longest_are_named_and_the_rest_is_summed) {
  std::chrono::nanoseconds time{0};
  std::int64_t all_ns = 0;
  for (int i = 1; i <= 20; ++i) {
    hold(i % 2 != 0 ? first : second, static_cast<std::uint16_t>(i), time, time + i * 1ms);
    time += i * 1ms;
    all_ns += i * 1'000'000;
  }
  lock_visit visit(asker(first, 99), "k", at(0ms));
  visit.stands_at(20);
  visit.waits();
  visit.granted(at(time), 0ms);
  visit.released(at(time + 1us));
  auto const told = news().back();
  ASSERT_EQ(told.behind.size(), 8U);
  std::int64_t named_ns = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(told.behind[i].source.port, 20 - i);
    named_ns += told.behind[i].held_ns;
  }
  EXPECT_EQ(told.behind_others, 12U);
  EXPECT_EQ(told.behind_others_ns + named_ns, all_ns);
}

TEST_F(lock_of_two_threads, who_gave_up_is_told_of_the_hold_that_goes_on) {
  lock_visit holder(asker(first, 1), "held", at(0ms));
  holder.granted(at(0ms), 1h);
  lock_visit visit(asker(second, 2), "k", at(5ms));
  visit.stands_at(1);
  visit.waits();
  visit.left(at(25ms), lock_outcome::timed_out);
  auto const told = news().back();
  EXPECT_EQ(told.event.outcome, lock_outcome::timed_out);
  EXPECT_EQ(told.event.granted_ns, lock_event::never);
  ASSERT_EQ(told.behind.size(), 1U);
  EXPECT_EQ(told.behind[0].held_ns, 20'000'000);
  EXPECT_EQ(second.counters().timed_out.value(), 1U);
  holder.released(at(1h));
}

TEST_F(lock_of_two_threads, counters_and_events_agree_to_the_nanosecond) {
  std::int64_t waited_ns = 0, held_ns = 0;
  for (int i = 1; i <= 100; ++i) {
    auto& recorder = i % 3 == 0 ? first : second;
    lock_visit visit(asker(recorder, 1), "k", at(std::chrono::nanoseconds(i * 1001)));
    visit.stands_at(1);
    visit.waits();
    visit.granted(at(std::chrono::nanoseconds(i * 1003)), std::chrono::nanoseconds(i % 2));
    visit.released(at(std::chrono::nanoseconds(i * 1007)));
  }
  first.passed({}, lock_operation::get, "k", at(2ms), at(2ms + 17ns));
  for (auto const& told : news()) {
    if (told.event.what != lock_event::kind::done) continue;
    waited_ns += told.event.granted_ns - told.event.asked_ns;
    held_ns += told.event.ended_ns - told.event.granted_ns;
  }
  std::uint64_t counted_waits_ns = 0, counted_holds_ns = 0, contended = 0;
  for (auto const* one : {&first, &second}) {
    for (auto const& each : one->counters().waits) counted_waits_ns += each.sum_ns();
    for (auto const& each : one->counters().holds) counted_holds_ns += each.sum_ns();
    contended += one->counters().contended.value();
  }
  EXPECT_EQ(counted_waits_ns, static_cast<std::uint64_t>(waited_ns));
  EXPECT_EQ(counted_holds_ns, static_cast<std::uint64_t>(held_ns));
  EXPECT_EQ(contended, 100U);
}

TEST_F(lock_of_two_threads, a_backlog_beyond_what_is_wanted_is_passed_over_and_counted) {
  for (int i = 0; i < 100; ++i) first.passed({}, lock_operation::get, "k", at(1ms), at(1ms));
  backlog_max = 10;
  auto const events = news();
  EXPECT_EQ(events.size(), 10U);
  EXPECT_EQ(missed, 90U);
  EXPECT_EQ(events.front().number, 91U);
  EXPECT_EQ(feed.dropped(), 90U);
  EXPECT_TRUE(news().empty());
  EXPECT_EQ(missed, 0U);
}

TEST_F(lock_of_two_threads, what_was_overwritten_has_its_numbers_and_is_counted) {
  for (int i = 0; i < 100'000; ++i) first.passed({}, lock_operation::get, "k", at(1ms), at(1ms));
  auto const events = news();
  EXPECT_EQ(missed + events.size(), 100'000U);
  EXPECT_EQ(events.back().number, 100'000U);
  EXPECT_LE(events.size(), lock_feed::events_max);
}

TEST(lock_json, writes_hostile_keys_as_text) {
  std::string text;
  append_json_string(text, "<script>\"\\\x01\x1f\x7f/é\xE2\x80\xA8");
  EXPECT_EQ(json::parse(text).get<std::string>(), "<script>\"\\\x01\x1f\x7f/é\xE2\x80\xA8");
  EXPECT_EQ(text.find('\x01'), std::string::npos);
}

TEST_F(lock_of_two_threads, the_state_names_the_owner_and_the_queue_in_order) {
  lock_visit owner(asker(first, 1), "held", at(0ms));
  owner.granted(at(1ms), 1h);
  lock_visit late(asker(first, 3), "late", at(4ms)), early(asker(second, 2, lock_operation::put), "early", at(2ms));
  late.stands_at(2);
  late.waits();
  early.stands_at(1);
  early.waits();
  auto present = first.present();
  for (auto& one : second.present()) present.push_back(one);
  auto const state = json::parse(lock_state_json(present, 10'500'000, 0xab, 1));
  EXPECT_EQ(state["now_ns"], 10'500'000);
  EXPECT_EQ(state["owner"]["source"], "10.0.0.7:1");
  EXPECT_EQ(state["owner"]["held_ms"], 9.5);
  EXPECT_EQ(state["queue_length"], 2);
  ASSERT_EQ(state["queue"].size(), 1U);
  EXPECT_EQ(state["queue"][0]["key"], "early");
  EXPECT_EQ(state["queue"][0]["operation"], "PUT");
  EXPECT_EQ(state["queue"][0]["waited_ms"], 8.5);
}

TEST(lock_state, of_a_lock_that_nobody_wants_is_empty) {
  EXPECT_EQ(lock_state_json({}, 5, 1, 100), "{\"now_ns\":5,\"owner\":null,\"queue\":[],\"queue_length\":0}\n");
}

TEST(lock_histogram, a_duration_belongs_to_the_first_bound_that_is_not_below_it) {
  for (std::size_t i = 0; i < lock_bounds_ns.size(); ++i) {
    EXPECT_EQ(lock_histogram::bucket_of(lock_bounds_ns[i]), i);
    EXPECT_EQ(lock_histogram::bucket_of(lock_bounds_ns[i] + 1), i + 1);
  }
  EXPECT_EQ(lock_histogram::bucket_of(0), 0U);
  EXPECT_EQ(lock_histogram::bucket_of(std::numeric_limits<std::int64_t>::max()), lock_bounds_ns.size());
}

}  // namespace
}  // namespace holdfast::server
