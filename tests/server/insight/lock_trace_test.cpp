#include "server/insight/lock_trace.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/support/trace_check.hpp"

namespace holdfast::server {
namespace {

using nlohmann::json;

event_ring::entry done(std::uint64_t id, std::uint16_t port, std::int64_t asked_us, std::int64_t granted_us,
                       std::int64_t ended_us, std::string key = "k") {
  lock_event event;
  event.id = id;
  event.source = {.bytes = {127, 0, 0, 1}, .port = port, .is = peer_address::kind::v4};
  event.position = granted_us == asked_us ? 0 : 1;
  event.asked_ns = asked_us * 1000;
  event.granted_ns = granted_us < 0 ? lock_event::never : granted_us * 1000;
  event.ended_ns = ended_us * 1000;
  if (granted_us < 0) event.outcome = lock_outcome::timed_out;
  return {event, std::move(key)};
}

event_ring::entry present(std::uint64_t id, std::uint16_t port, std::int64_t asked_us, std::int64_t granted_us) {
  auto const one = done(id, port, asked_us, granted_us, 0);
  return {one.event, one.key};
}

/// One thread's events, and its present waiters and holder.
struct traced_lock {
  void append(std::vector<event_ring::entry> const& events) {
    for (auto const& [event, key] : events) ring.append(event, key);
  }
  lock_trace trace(std::vector<event_ring::entry> going_on = {}, std::int64_t now_us = 1'000'000,
                   std::int64_t since_us = 0) {
    return {feed, {std::move(going_on), {}}, since_us * 1000, now_us * 1000, 0xab};
  }

  event_ring ring{1U << 20U};
  lock_feed feed{{&ring}, 0xab};
};

/// What is missing, which readers of the trace accept without an error.
json rest_of(lock_trace& trace, std::string text = {}) {
  while (trace.append_piece(text)) {
  }
  auto told = json::parse(text);
  EXPECT_THAT(tests::complaints_about(told), ::testing::IsEmpty());
  return told;
}

/// A trace of everything until `now_us`.
json trace_of(std::vector<event_ring::entry> const& events, std::vector<event_ring::entry> const& going_on = {},
              std::int64_t now_us = 1'000'000, std::int64_t since_us = 0) {
  traced_lock lock;
  lock.append(events);
  auto trace = lock.trace(going_on, now_us, since_us);
  return rest_of(trace);
}

/// Begin and end of a slice, in microseconds.
struct slice {
  std::string name;
  std::int64_t track;
  double from_us, until_us;
  json args;
};

std::vector<slice> slices_of(json const& trace) {
  std::vector<slice> found;
  for (auto const& event : trace["traceEvents"]) {
    if (event["ph"] == "B") found.push_back({event["name"], event["tid"], event["ts"], -1, event["args"]});
    if (event["ph"] == "E") found.back().until_us = event["ts"];
  }
  return found;
}

std::vector<json> of_phase(json const& trace, std::string const& phase) {
  std::vector<json> found;
  for (auto const& event : trace["traceEvents"])
    if (event["ph"] == phase) found.push_back(event);
  return found;
}

TEST(lock_trace, shows_waits_holds_hand_offs_and_the_queue) {
  auto const trace = trace_of({done(1, 1000, 10, 10, 50), done(2, 2000, 20, 51, 60), done(3, 1000, 55, 61, 70)});
  auto const slices = slices_of(trace);
  ASSERT_EQ(slices.size(), 5U);
  EXPECT_EQ(slices[0].name, "GET holds");
  EXPECT_EQ(slices[1].name, "GET waits");
  EXPECT_EQ(slices[1].from_us, 20.0);
  EXPECT_EQ(slices[1].until_us, 51.0);
  EXPECT_EQ(slices[1].args["request_id"], "ab-2");
  EXPECT_EQ(slices[0].track, slices[3].track) << "a track for each source";
  EXPECT_EQ(of_phase(trace, "s").size(), 2U);
  std::vector<int> lengths;
  for (auto const& event : of_phase(trace, "C")) lengths.push_back(event["args"]["waiting"]);
  EXPECT_EQ(lengths, (std::vector<int>{1, 0, 1, 0, 0})) << "the last until now";
}

TEST(lock_trace, an_arrow_leads_from_within_the_hold_that_ended) {
  auto const trace = trace_of({done(1, 1000, 10, 10, 50), done(2, 2000, 20, 51, 60)});
  auto const from = of_phase(trace, "s").at(0), to = of_phase(trace, "f").at(0);
  EXPECT_DOUBLE_EQ(from["ts"], 49.999);
  EXPECT_EQ(to["ts"], 51.0);
}

TEST(lock_trace, no_arrow_leads_from_a_hold_that_had_ended_before_the_other_asked) {
  // In between another request held, of which nothing is left.
  EXPECT_TRUE(of_phase(trace_of({done(1, 1000, 10, 10, 20), done(3, 2000, 30, 51, 60)}), "s").empty());
}

TEST(lock_trace, who_gave_up_has_a_wait_and_no_hold) {
  auto const slices = slices_of(trace_of({done(1, 1000, 10, -1, 50)}));
  ASSERT_EQ(slices.size(), 1U);
  EXPECT_EQ(slices[0].args["outcome"], "timed_out");
}

TEST(lock_trace, who_waits_or_holds_now_is_shown_until_now) {
  auto const trace = trace_of({done(1, 1000, 10, 10, 50)}, {present(2, 2000, 20, 51), present(3, 3000, 30, -1)}, 100);
  auto const slices = slices_of(trace);
  ASSERT_EQ(slices.size(), 4U);
  EXPECT_EQ(slices[2].name, "GET holds");
  EXPECT_EQ(slices[2].args["outcome"], "holds now");
  EXPECT_EQ(slices[2].until_us, 100.0);
  EXPECT_EQ(slices[3].name, "GET waits");
  EXPECT_EQ(slices[3].args["outcome"], "waits now");
  EXPECT_EQ(slices[3].until_us, 100.0);
  EXPECT_EQ(of_phase(trace, "f").at(0)["ts"], 51.0) << "to the hold that goes on";
  EXPECT_EQ(of_phase(trace, "C").back()["args"]["waiting"], 1);
}

TEST(lock_trace, who_was_done_while_the_trace_was_taken_is_shown_once) {
  auto const slices = slices_of(trace_of({done(1, 1000, 10, 10, 50)}, {present(1, 1000, 10, 10)}, 40));
  ASSERT_EQ(slices.size(), 1U);
  EXPECT_EQ(slices[0].until_us, 50.0);
}

TEST(lock_trace, cuts_off_what_lies_before_its_beginning) {
  auto const trace =
      trace_of({done(1, 1000, 10, 10, 50), done(2, 2000, 20, 51, 60)}, {present(3, 3000, 30, -1)}, 70, 40);
  for (auto const& one : slices_of(trace)) EXPECT_GE(one.from_us, 40.0);
}

TEST(lock_trace, of_nothing_is_a_trace_too) {
  trace_of({});
}

TEST(lock_trace, carries_hostile_keys_as_text) {
  EXPECT_EQ(slices_of(trace_of({done(1, 1000, 10, 10, 50, "</script>\"\\")})).at(0).args["key"], "</script>\"\\");
}

// speedscope adds durations to beginnings: with complete events, more than a quarter of the waits seemed to end after
// the start of their hold.
TEST(lock_trace, slices_that_touch_do_not_overlap_whatever_their_times) {
  std::vector<event_ring::entry> events;
  std::int64_t at_ns = 1'234'567;
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    auto one = done(i, static_cast<std::uint16_t>(i % 7), 0, 1, 2);
    one.event.asked_ns = at_ns;
    one.event.granted_ns = at_ns + static_cast<std::int64_t>(i * 7919 % 10'007);
    at_ns = one.event.ended_ns = one.event.granted_ns + static_cast<std::int64_t>(i * 104'729 % 3);
    events.push_back(one);
  }
  auto const trace = trace_of(events);
  EXPECT_EQ(of_phase(trace, "s").size(), 999U) << "from holds of no time at all, too";
}

TEST(lock_trace, an_arrow_leads_over_any_number_of_requests_that_gave_up_in_between) {
  std::vector<event_ring::entry> events{done(1, 1000, 10, 10, 50)};
  for (std::uint16_t i = 0; i < 3000; ++i) events.push_back(done(10 + i, 10'000 + i, 20, -1, 51 + i));
  events.push_back(done(2, 2000, 20, 50, 9000));
  auto const trace = trace_of(events);
  EXPECT_EQ(of_phase(trace, "s").at(0)["id"], 2);
  EXPECT_EQ(of_phase(trace, "f").at(0)["ts"], 50.0);
}

TEST(lock_trace, does_not_tell_what_happens_after_it_was_asked_for) {
  traced_lock lock;
  lock.append({done(1, 1000, 10, 10, 50)});
  auto trace = lock.trace();
  lock.append({done(2, 2000, 20, 51, 60)});
  auto const told = rest_of(trace);
  EXPECT_EQ(slices_of(told).size(), 1U);
  EXPECT_TRUE(of_phase(told, "s").empty());
}

TEST(lock_trace, counts_waiters_that_are_not_drawn) {
  traced_lock lock;
  lock.append({done(1, 1000, 10, 10, 50), done(2, 2000, 20, 51, 60)});
  lock_trace trace(lock.feed, {{present(3, 3000, 25, -1)}, {{2, 20'000}, {4, 30'000}, {5, 35'000}}}, 0, 100'000, 0xab);
  auto const told = rest_of(trace);
  std::vector<int> lengths;
  for (auto const& event : of_phase(told, "C")) lengths.push_back(event["args"]["waiting"]);
  EXPECT_EQ(lengths, (std::vector<int>{1, 2, 3, 4, 3, 3})) << "and the one that has ended since is counted once";
}

TEST(lock_trace, of_more_sources_than_tracks_begins_new_ones) {
  std::vector<event_ring::entry> events;
  for (std::uint16_t i = 0; i < lock_trace::tracks_max + 10; ++i)
    events.push_back(done(i + 1U, i, 10 * i, 10 * i, 10 * i + 5));
  events.push_back(done(60'000, 0, 100'000, 100'000, 100'005));
  auto const slices = slices_of(trace_of(events));
  ASSERT_EQ(slices.size(), lock_trace::tracks_max + 11);
  EXPECT_EQ(slices.back().track, static_cast<std::int64_t>(lock_trace::tracks_max + 11)) << "forgotten meanwhile";
}

/// Requests that each wait for the previous one.
std::vector<event_ring::entry> convoy(std::uint64_t first, std::uint64_t count) {
  std::vector<event_ring::entry> events;
  for (auto i = first; i < first + count; ++i) {
    auto const at_us = static_cast<std::int64_t>(i * 10);
    events.push_back(done(i, static_cast<std::uint16_t>(i % 50), at_us - 15, at_us, at_us + 10));
  }
  return events;
}

// At any point of the reader, the feed may overwrite what comes next: the trace continues after the gap, no arrow
// crosses it, and the trace shows how much is lost.
TEST(lock_trace, of_a_slow_reader_tells_what_was_overwritten_meanwhile) {
  constexpr std::uint64_t requests = 2000;
  for (auto const pieces : {0, 1, 2, 5})
    for (std::uint64_t const left : {0, 1, 2, 63, 64, 65, 500}) {
      traced_lock lock;
      lock.append(convoy(1, requests));
      auto const last_us = static_cast<std::int64_t>(requests * 10 + 10);
      auto trace = lock.trace({present(1'000'000, 60, last_us - 5, last_us)});
      std::string text;
      for (auto i = 0; i < pieces; ++i) trace.append_piece(text);
      lock.append(convoy(requests + 1, lock_feed::events_max - left));
      lock.feed.next_number();
      auto const told = rest_of(trace, std::move(text));
      std::uint64_t holds = 0, lost = 0;
      for (auto const& one : slices_of(told))
        if (one.name == "GET holds") ++holds;
      for (auto const& one : of_phase(told, "C"))
        if (one["name"] == "lost events") lost += one["args"]["lost"].get<std::uint64_t>();
      EXPECT_GE(lost, 500U);
      EXPECT_EQ(holds + lost, requests + 1) << "and the one that goes on";
      auto const arrows = of_phase(told, "f");
      EXPECT_EQ(!arrows.empty() && arrows.back()["id"] == 1'000'000, left > 0) << "from whoever is not lost";
      EXPECT_EQ(told["otherData"]["lost_events"], lost);
    }
}

TEST(lock_trace, from_which_nothing_is_lost_does_not_speak_of_it) {
  EXPECT_FALSE(trace_of(convoy(1, 500)).contains("otherData"));
}

// A copy of the entire feed took up to 40 MB for each reader, for minutes if it was slow.
TEST(lock_trace, keeps_little_of_a_full_feed) {
  traced_lock lock;
  std::string const key(event_ring::key_bytes_max, 'k');
  std::size_t most = 0, told = 0;
  // As many as the ring holds, repeatedly, until the feed is full.
  for (auto i = 0; i < 5; ++i) {
    auto events = convoy(1 + i * 7000U, 7000);
    for (auto& one : events) one.key = key;
    lock.append(events);
    lock.feed.next_number();
  }
  ASSERT_GT(lock.feed.bytes(), 30'000'000U);
  auto trace = lock.trace();
  std::string text;
  for (auto more = true; more;) {
    text.clear();
    more = trace.append_piece(text);
    EXPECT_LE(text.size(), 2 * lock_trace::piece_bytes);
    told += text.size();
    most = std::max(most, trace.bytes());
  }
  EXPECT_GT(told, 30'000'000U);
  EXPECT_LT(most, 1'000'000U);
}

TEST(trace_check, complains_of_what_readers_complain_of) {
  auto const good = trace_of({done(1, 1000, 10, 10, 50), done(2, 2000, 20, 51, 60)});
  auto const spoil = [&](auto change) {
    auto trace = good;
    for (auto& event : trace["traceEvents"]) change(event);
    return tests::complaints_about(trace).size();
  };
  EXPECT_GT(spoil([](json& event) {
              if (event["ph"] == "B") event.erase("tid");
            }),
            0U);
  EXPECT_GT(spoil([](json& event) { event.erase("ts"); }), 0U);
  EXPECT_GT(spoil([](json& event) {
              if (event["ph"] == "E") event["args"]["id"] = 0;
            }),
            0U);
  EXPECT_GT(spoil([](json& event) {
              if (event["ph"] == "E") event["ts"] = 1e9 - event["ts"].get<double>();
            }),
            0U);
  EXPECT_GT(spoil([](json& event) {
              if (event["ph"] == "s") event["ts"] = 50.001;
            }),
            0U);
  EXPECT_GT(spoil([](json& event) {
              if (event["ph"] == "f") event["id"] = 77;
            }),
            0U);
}

}  // namespace
}  // namespace holdfast::server
