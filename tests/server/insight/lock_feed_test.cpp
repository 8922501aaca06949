#include "server/insight/lock_feed.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "server/insight/lock_json.hpp"
#include "server/insight/lock_recorder.hpp"

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

std::string keys_of(std::vector<json> const& events) {
  std::string keys;
  for (auto const& one : events) keys += one["key"].get<std::string>();
  return keys;
}

/// Two threads' recorders on the test's clock.
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

  /// All results of take() until there are no more.
  std::vector<json> news() {
    std::string text;
    missed = 0;
    for (auto more = true; more;) {
      auto const got = feed.take(next, {.events_max = 1000, .bytes_max = 1'000'000, .backlog_max = backlog_max},
                                 event_format::ndjson, text);
      missed += got.missed;
      more = got.more;
    }
    std::vector<json> events;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) events.push_back(json::parse(line));
    return events;
  }

  std::vector<event_ring::entry> present_in(lock_recorder const& recorder) {
    present_requests found;
    recorder.append_present(found, {.entries_max = 1000, .bytes_max = 1'000'000});
    return found.listed;
  }

  lock_recorder::clock::time_point const started{1h};
  lock_recorder first{0, 2, started}, second{1, 2, started};
  lock_feed feed{{&first.ring(), &second.ring()}, 0x5f};
  std::uint64_t next = 1, missed = 0;
  std::size_t backlog_max = 1'000'000;
};

TEST_F(lock_of_two_threads, what_passed_at_once_is_one_event) {
  first.passed(asker(first, 5123).source, lock_operation::put, "my-key", at(10us), at(12us));
  auto const events = news();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0], json::parse(R"({"type":"done","seq":1,"id":1,"source":"10.0.0.7:5123","request_id":"5f-1",
      "operation":"PUT","key":"my-key","position":0,"asked_ns":10000,"granted_ns":10000,"ended_ns":12000,
      "outcome":"released","behind":[],"behind_others":{"count":0,"held_ns":0}})"));
}

// The server's own operations have no answer and so no Holdfast-Request-Id. EXPIRE had one nevertheless.
TEST_F(lock_of_two_threads, what_no_request_has_made_has_no_request_id) {
  auto writer = asker(first, 1), expiry = asker(first, 1);
  writer.source = peer_address::writer();
  expiry.source = peer_address::expiry();
  first.passed(writer.source, lock_operation::put, "k", at(1us), at(2us));
  first.passed(expiry.source, lock_operation::expire, "12", at(3us), at(4us));
  auto const events = news();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_TRUE(events[0]["request_id"].is_null());
  EXPECT_TRUE(events[1]["request_id"].is_null());
}

TEST_F(lock_of_two_threads, numbers_of_requests_differ_between_threads) {
  EXPECT_EQ(first.next_id(), 1U);
  EXPECT_EQ(first.next_id(), 3U);
  EXPECT_EQ(second.next_id(), 2U);
}

TEST_F(lock_of_two_threads, a_request_that_waits_and_holds_is_told_three_times_and_seen_in_between) {
  lock_visit visit(asker(first, 1), "k", at(1ms));
  EXPECT_TRUE(present_in(first).empty());
  visit.stands_at(2);
  visit.waits();
  EXPECT_EQ(first.counters().waiting.value(), 1U);
  ASSERT_EQ(present_in(first).size(), 1U);
  EXPECT_EQ(present_in(first)[0].event.granted_ns, lock_event::never);
  visit.granted(at(3ms), 5ms);
  EXPECT_EQ(first.counters().waiting.value(), 0U);
  EXPECT_EQ(first.counters().holding.value(), 1U);
  EXPECT_EQ(present_in(first)[0].event.granted_ns, 3'000'000);
  visit.released(at(8ms));
  EXPECT_TRUE(present_in(first).empty());
  EXPECT_EQ(first.counters().holding.value(), 0U);
  auto const events = news();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0]["type"], "asked");
  EXPECT_EQ(events[1]["type"], "granted");
  EXPECT_EQ(events[1]["hold_ns"], 5'000'000);
  EXPECT_EQ(events[2]["type"], "done");
  EXPECT_EQ(events[2]["position"], 2);
}

TEST_F(lock_of_two_threads, events_of_both_threads_come_in_the_order_of_time) {
  second.passed({}, lock_operation::get, "b", at(3us), at(4us));
  first.passed({}, lock_operation::get, "a", at(1us), at(2us));
  first.passed({}, lock_operation::get, "c", at(5us), at(6us));
  auto const events = news();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(keys_of(events), "abc");
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
  auto const& told = *std::find_if(events.begin(), events.end(),
                                   [&](auto const& e) { return e["position"] == 2 && e["type"] == "done"; });
  ASSERT_EQ(told["behind"].size(), 2U);
  EXPECT_EQ(told["behind"][0]["source"], "10.0.0.7:2");
  EXPECT_EQ(told["behind"][0]["held_ns"], 30'000'000);
  EXPECT_EQ(told["behind"][1]["source"], "10.0.0.7:1");
  EXPECT_EQ(told["behind"][1]["held_ns"], 4'000'000) << "only what fell within the wait";
  EXPECT_EQ(told["behind_others"]["count"], 0);
  EXPECT_EQ(told["behind_others"]["held_ns"], 0);
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
  ASSERT_EQ(told["behind"].size(), 8U);
  std::int64_t named_ns = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(told["behind"][i]["source"], "10.0.0.7:" + std::to_string(20 - i));
    named_ns += told["behind"][i]["held_ns"].get<std::int64_t>();
  }
  EXPECT_EQ(told["behind_others"]["count"], 12);
  EXPECT_EQ(told["behind_others"]["held_ns"].get<std::int64_t>() + named_ns, all_ns);
}

TEST_F(lock_of_two_threads, who_gave_up_is_told_of_the_hold_that_goes_on) {
  lock_visit holder(asker(first, 1), "held", at(0ms));
  holder.granted(at(0ms), 1h);
  lock_visit visit(asker(second, 2), "k", at(5ms));
  visit.stands_at(1);
  visit.waits();
  visit.left(at(25ms), lock_outcome::timed_out);
  auto const told = news().back();
  EXPECT_EQ(told["outcome"], "timed_out");
  EXPECT_TRUE(told["granted_ns"].is_null());
  ASSERT_EQ(told["behind"].size(), 1U);
  EXPECT_EQ(told["behind"][0]["held_ns"], 20'000'000);
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
    if (told["type"] != "done") continue;
    waited_ns += told["granted_ns"].get<std::int64_t>() - told["asked_ns"].get<std::int64_t>();
    held_ns += told["ended_ns"].get<std::int64_t>() - told["granted_ns"].get<std::int64_t>();
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
  EXPECT_EQ(events.front()["seq"], 91);
  EXPECT_EQ(feed.dropped(), 90U);
  EXPECT_TRUE(news().empty());
  EXPECT_EQ(missed, 0U);
}

TEST_F(lock_of_two_threads, what_was_overwritten_has_its_numbers_and_is_counted) {
  for (int i = 0; i < 100'000; ++i) first.passed({}, lock_operation::get, "k", at(1ms), at(1ms));
  auto const events = news();
  EXPECT_EQ(missed + events.size(), 100'000U);
  EXPECT_EQ(events.back()["seq"], 100'000);
  EXPECT_LE(events.size(), lock_feed::events_max);
}

// Each consumer used to compute and write behind whom each request had waited, under a mutex shared by all of them.
TEST_F(lock_of_two_threads, an_event_is_written_once_however_many_consumers_there_are) {
  constexpr int events = 500, consumers = 100;
  for (int i = 0; i < events; ++i)
    (i % 2 != 0 ? first : second).passed({}, lock_operation::get, "k", at(i * 1us), at(i * 1us));
  std::string of_first;
  for (int i = 0; i < consumers; ++i) {
    std::uint64_t number = 1;
    std::string text;
    for (auto more = true; more;)
      more =
          feed.take(number, {.events_max = 32, .bytes_max = 10'000, .backlog_max = 1000}, event_format::sse, text).more;
    if (i == 0) of_first = text;
    EXPECT_EQ(text, of_first);
  }
  EXPECT_EQ(feed.written(), std::uint64_t(events));
}

TEST_F(lock_of_two_threads, nothing_is_written_while_only_traces_are_asked_for) {
  first.passed({}, lock_operation::get, "k", at(1us), at(2us));
  auto [number, until] = feed.numbers_since(0);
  lock_feed::ended_requests requests;
  EXPECT_EQ(feed.find_ended(number, until, requests), 0U);
  EXPECT_EQ(requests.found.size(), 1U);
  EXPECT_EQ(feed.written(), 0U);
}

TEST_F(lock_of_two_threads, server_sent_events_carry_the_same_json) {
  first.passed({}, lock_operation::get, "k", at(1us), at(2us));
  std::string sse, ndjson;
  for (auto* const out : {&sse, &ndjson}) {
    std::uint64_t number = 1;
    feed.take(number, {.events_max = 1, .bytes_max = 1, .backlog_max = 1},
              out == &sse ? event_format::sse : event_format::ndjson, *out);
  }
  EXPECT_EQ(sse, "id: 5f-1\nevent: done\ndata: " + ndjson + "\n");
}

// A ring is read in pieces. Those of two rings don't end at the same instant.
TEST_F(lock_of_two_threads, events_that_have_piled_up_come_in_the_order_of_time) {
  for (int i = 0; i < 20'000; ++i)
    (i % 3 != 0 ? first : second)
        .passed({}, lock_operation::get, i % 7 != 0 ? "k" : "a longer key than the others", at(i * 1us),
                at(i * 1us + 500ns));
  auto const events = news();
  ASSERT_EQ(events.size(), 20'000U);
  EXPECT_TRUE(std::is_sorted(events.begin(), events.end(),
                             [](json const& a, json const& b) { return a["ended_ns"] < b["ended_ns"]; }));
}

TEST_F(lock_of_two_threads, what_is_kept_has_its_bound_in_bytes_whatever_the_keys) {
  std::string const key(event_ring::key_bytes_max, '\x01');  // six bytes each in JSON
  for (int i = 0; i < 12'000; ++i) {
    first.passed({}, lock_operation::get, key, at(i * 1us), at(i * 1us + 1us));
    std::string text;
    feed.take(next, {.events_max = 10, .bytes_max = 100'000, .backlog_max = 10}, event_format::ndjson, text);
  }
  EXPECT_LE(feed.bytes(), lock_feed::bytes_max);
  EXPECT_GT(feed.bytes(), lock_feed::bytes_max / 2);
  std::uint64_t number = 1;
  std::string text;
  auto const lost =
      feed.take(number, {.events_max = 1, .bytes_max = 1, .backlog_max = 100'000}, event_format::ndjson, text);
  EXPECT_GT(lost.missed, 0U) << "the oldest are forgotten, and that is told";
}

TEST_F(lock_of_two_threads, a_portion_ends_behind_the_event_that_fills_it) {
  for (int i = 0; i < 100; ++i) first.passed({}, lock_operation::get, std::string(1000, 'k'), at(1ms), at(1ms));
  std::string text;
  auto const got = feed.take(next, {.events_max = 100, .bytes_max = 5000, .backlog_max = 100}, event_format::sse, text);
  EXPECT_GE(text.size(), 5000U);
  EXPECT_LT(text.size(), 6500U);
  EXPECT_TRUE(got.more);
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
  present_requests present;
  for (auto const* one : {&first, &second}) one->append_present(present, {.entries_max = 5, .bytes_max = 10'000});
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
