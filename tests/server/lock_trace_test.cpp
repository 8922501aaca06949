#include "server/insight/lock_trace.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/support/trace_check.hpp"

namespace holdfast::server {
namespace {

using nlohmann::json;

told_event done(std::uint64_t id, std::uint16_t port, std::int64_t asked_us, std::int64_t granted_us,
                std::int64_t ended_us, std::string key = "k") {
  lock_event event;
  event.id = id;
  event.source = {.bytes = {127, 0, 0, 1}, .port = port, .is = peer_address::kind::v4};
  event.position = granted_us == asked_us ? 0 : 1;
  event.asked_ns = asked_us * 1000;
  event.granted_ns = granted_us < 0 ? lock_event::never : granted_us * 1000;
  event.ended_ns = ended_us * 1000;
  if (granted_us < 0) event.outcome = lock_outcome::timed_out;
  return {id, event, std::move(key), {}, 0, 0};
}

event_ring::entry present(std::uint64_t id, std::uint16_t port, std::int64_t asked_us, std::int64_t granted_us) {
  auto const one = done(id, port, asked_us, granted_us, 0);
  return {one.event, one.key};
}

/// A trace of what has happened until now, `now_us`, that its readers open without a word.
json trace_of(std::vector<told_event> const& events, std::vector<event_ring::entry> const& going_on = {},
              std::int64_t now_us = 1'000'000, std::int64_t since_us = 0) {
  auto trace = json::parse(lock_trace_json(events, going_on, since_us * 1000, now_us * 1000, 0xab));
  EXPECT_THAT(tests::complaints_about(trace), ::testing::IsEmpty());
  return trace;
}

/// From where until where a slice goes, in microseconds.
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
  // In between somebody else held, of whom nothing is left.
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

// speedscope adds durations to beginnings: of complete events more than a quarter of the waits seemed to end after its
// hold had begun.
TEST(lock_trace, slices_that_touch_do_not_overlap_whatever_their_times) {
  std::vector<told_event> events;
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
