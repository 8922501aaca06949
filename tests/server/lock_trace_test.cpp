#include "server/insight/lock_trace.hpp"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

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

/// What the format's description demands of each phase that we write: perfetto and speedscope refuse or warn otherwise.
void expect_sound(json const& trace) {
  EXPECT_EQ(trace["displayTimeUnit"], "ms");
  std::set<std::int64_t> named_tracks;
  for (auto const& event : trace["traceEvents"])
    if (event["name"] == "thread_name") named_tracks.insert(event["tid"].get<std::int64_t>());
  std::map<std::int64_t, int> arrows;
  for (auto const& event : trace["traceEvents"]) {
    std::string const phase = event["ph"];
    EXPECT_TRUE(event["name"].is_string()) << event;
    EXPECT_TRUE(event["pid"].is_number_integer()) << event;
    if (phase == "M") {
      EXPECT_TRUE(event["args"]["name"].is_string()) << event;
      continue;
    }
    EXPECT_TRUE(event["ts"].is_number()) << event;
    EXPECT_GE(event["ts"], 0) << event;
    if (phase == "C") {
      EXPECT_GE(event["args"]["waiting"], 0) << event;
      continue;
    }
    EXPECT_TRUE(named_tracks.contains(event["tid"].get<std::int64_t>())) << event;
    EXPECT_TRUE(event["cat"].is_string()) << event;
    if (phase == "X") {
      EXPECT_GE(event["dur"], 0) << event;
      EXPECT_TRUE(event["args"].is_object()) << event;
    } else if (phase == "s") {
      arrows[event["id"].get<std::int64_t>()] += 1;
    } else if (phase == "f") {
      EXPECT_EQ(event["bp"], "e");
      arrows[event["id"].get<std::int64_t>()] -= 1;
    } else {
      ADD_FAILURE() << "another phase: " << event;
    }
  }
  for (auto const& [id, balance] : arrows) EXPECT_EQ(balance, 0) << "each arrow has a beginning and an end: " << id;
}

std::vector<json> of_phase(json const& trace, std::string const& phase) {
  std::vector<json> found;
  for (auto const& event : trace["traceEvents"])
    if (event["ph"] == phase) found.push_back(event);
  return found;
}

TEST(lock_trace, shows_waits_holds_hand_offs_and_the_queue) {
  std::vector<told_event> const events{done(1, 1000, 10, 10, 50), done(2, 2000, 20, 51, 60), done(3, 1000, 30, 61, 70)};
  auto const trace = json::parse(lock_trace_json(events, 0, 0xab));
  expect_sound(trace);
  auto const slices = of_phase(trace, "X");
  ASSERT_EQ(slices.size(), 5U);
  EXPECT_EQ(slices[0]["name"], "GET holds");
  EXPECT_EQ(slices[1]["name"], "GET waits");
  EXPECT_EQ(slices[1]["ts"], 20.0);
  EXPECT_EQ(slices[1]["dur"], 31.0);
  EXPECT_EQ(slices[1]["args"]["request_id"], "ab-2");
  EXPECT_EQ(slices[0]["tid"], slices[3]["tid"]) << "a track for each source";
  EXPECT_EQ(of_phase(trace, "s").size(), 2U);
  std::vector<int> lengths;
  for (auto const& event : of_phase(trace, "C")) lengths.push_back(event["args"]["waiting"]);
  EXPECT_EQ(lengths, (std::vector<int>{1, 2, 1, 0}));
}

TEST(lock_trace, an_arrow_leads_from_within_the_hold_that_ended) {
  std::vector<told_event> const events{done(1, 1000, 10, 10, 50), done(2, 2000, 20, 51, 60)};
  auto const trace = json::parse(lock_trace_json(events, 0, 1));
  auto const from = of_phase(trace, "s").at(0), to = of_phase(trace, "f").at(0);
  EXPECT_DOUBLE_EQ(from["ts"], 49.999);
  EXPECT_EQ(to["ts"], 51.0);
}

TEST(lock_trace, who_gave_up_has_a_wait_and_no_hold) {
  std::vector<told_event> const events{done(1, 1000, 10, -1, 50)};
  auto const trace = json::parse(lock_trace_json(events, 0, 1));
  expect_sound(trace);
  ASSERT_EQ(of_phase(trace, "X").size(), 1U);
  EXPECT_EQ(of_phase(trace, "X")[0]["args"]["outcome"], "timed_out");
}

TEST(lock_trace, cuts_off_what_lies_before_its_beginning) {
  std::vector<told_event> const events{done(1, 1000, 10, 10, 50), done(2, 2000, 20, 51, 60)};
  auto const trace = json::parse(lock_trace_json(events, 40'000, 1));
  expect_sound(trace);
  for (auto const& slice : of_phase(trace, "X")) EXPECT_GE(slice["ts"], 40.0);
}

TEST(lock_trace, of_nothing_is_a_trace_too) {
  expect_sound(json::parse(lock_trace_json({}, 0, 1)));
}

TEST(lock_trace, carries_hostile_keys_as_text) {
  std::vector<told_event> const events{done(1, 1000, 10, 10, 50, "</script>\"\\")};
  auto const trace = json::parse(lock_trace_json(events, 0, 1));
  EXPECT_EQ(of_phase(trace, "X").at(0)["args"]["key"], "</script>\"\\");
}

}  // namespace
}  // namespace holdfast::server
