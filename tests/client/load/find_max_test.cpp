#include "client/load/find_max.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "client/load/report.hpp"

namespace holdfast::client::load {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

/// Searches where rates up to `capacity` hold. @return the rates that were probed; the last one confirmed
std::vector<double> probe_until(rate_search& search, double capacity) {
  std::vector<double> probed;
  while (auto const step = search.next()) {
    probed.push_back(step->rate);
    search.tell(step->rate <= capacity ? probe_outcome::held : probe_outcome::broken);
  }
  return probed;
}

TEST(rate_search, doubles_then_halves_the_gap_then_confirms) {
  rate_search search(1000);
  EXPECT_THAT(probe_until(search, 5300),
              testing::ElementsAre(1000, 2000, 4000, 8000, 8000, 6000, 6000, 5000, 5500, 5500, 5250, 5250));
  EXPECT_EQ(search.highest(), 5250);
  EXPECT_TRUE(search.confirmed());
  EXPECT_EQ(search.bounded_by(), probe_outcome::broken);
}

// One probe that a noisy neighbour had spoilt ended the way up for good.
TEST(rate_search, asks_twice_before_it_believes_that_a_rate_is_too_high) {
  rate_search search(1000);
  int probes = 0;
  while (auto const step = search.next()) {
    auto const is_noise = ++probes == 2 || probes == 5;
    search.tell(step->rate <= 5300 && !is_noise ? probe_outcome::held : probe_outcome::broken);
  }
  EXPECT_EQ(search.highest(), 5250);
  EXPECT_TRUE(search.confirmed());
}

TEST(rate_search, comes_within_its_resolution_of_any_capacity) {
  for (auto const capacity : {1.5, 7.0, 333.0, 999.0, 1000.0, 12'345.0, 1'234'567.0}) {
    rate_search search(1000);
    auto const probed = probe_until(search, capacity);
    EXPECT_LT(probed.size(), 40U) << capacity;
    ASSERT_TRUE(search.highest()) << capacity;
    EXPECT_TRUE(search.confirmed()) << capacity;
    EXPECT_LE(*search.highest(), capacity);
    EXPECT_GT(*search.highest(), capacity / (1 + rate_search::resolution) * 0.99) << capacity;
  }
}

TEST(rate_search, finds_nothing_where_not_even_the_lowest_rate_holds) {
  rate_search search(1000);
  EXPECT_EQ(probe_until(search, 0.5).back(), rate_search::rate_min);
  EXPECT_FALSE(search.highest());
  EXPECT_FALSE(search.confirmed());
}

TEST(rate_search, has_no_bound_where_every_rate_holds) {
  rate_search search(1000);
  probe_until(search, 1e9);
  EXPECT_EQ(search.highest(), rate_search::rate_max);
  EXPECT_TRUE(search.confirmed());
  EXPECT_FALSE(search.bounded_by());
}

TEST(rate_search, goes_lower_when_the_confirmation_fails) {
  rate_search search(1000);
  int failures = 2;
  std::optional<double> first;
  while (auto const step = search.next()) {
    auto const fails = step->confirms ? failures-- > 0 : step->rate > 5300;
    if (step->confirms && !first) first = step->rate;
    search.tell(fails ? probe_outcome::broken : probe_outcome::held);
  }
  EXPECT_TRUE(search.confirmed());
  EXPECT_NEAR(search.highest().value(), first.value() * 0.95 * 0.95, first.value() * 0.01);
}

TEST(rate_search, does_not_call_confirmed_what_never_was) {
  rate_search search(1000);
  int confirmations = 0;
  while (auto const step = search.next()) {
    confirmations += step->confirms;
    search.tell(step->confirms || step->rate > 5300 ? probe_outcome::broken : probe_outcome::held);
  }
  EXPECT_FALSE(search.confirmed());
  EXPECT_EQ(confirmations, rate_search::confirmations_max);
}

/// A server that answers each request after 1 ms up to `capacity`, and after 100 ms beyond; and a client that starts
/// its requests late beyond `client_capacity`.
struct model {
  double capacity = 1e9;
  double client_capacity = 1e9;
  std::uint64_t errors = 0;
  std::vector<load_settings> asked{};

  result<load_report> operator()(load_settings const& settings) {
    asked.push_back(settings);
    auto const rate = settings.stages.front().rate_begin;
    load_report report;
    report.settings = settings;
    report.elapsed = settings.duration;
    auto const is_late = rate > client_capacity;
    auto const latency = rate > capacity || is_late ? 100ms : 1ms;
    for (int i = 0; i < 100; ++i) {
      report.total.record(
          {.operation = operation_kind::get, .status = 200, .expected = true, .latency = latency, .timing = {}});
      report.total.record_start(is_late ? nanoseconds(99ms) : nanoseconds(1us));
    }
    report.total.record(error_kind::timeout, errors);
    return report;
  }
};

load_report search(run_once const& server, std::string_view limit = "p99<5ms") {
  load_settings settings;
  settings.find_max = {parse_threshold(limit).value()};
  settings.duration = 5s;
  settings.warm_up = 1s;
  settings.stages = {{5s, 1000, 1000}};
  auto found = find_max(settings, server, [](auto const&) {});
  return std::move(found).value();
}

TEST(find_max, finds_what_the_server_can_and_confirms_it_over_a_longer_time) {
  model server{.capacity = 5300};
  auto const report = search(std::ref(server));
  EXPECT_EQ(report.found->rate, 5250);
  EXPECT_TRUE(report.found->confirmed);
  EXPECT_TRUE(report.passed());
  auto const text = text_of(*report.found);
  EXPECT_THAT(text, AllOf(StartsWith("max 5,250 requests/s with p99<5ms\n"), HasSubstr("8,000/s"),
                          HasSubstr("p99<5ms was 100"), HasSubstr("confirmation: held")));
  EXPECT_EQ(server.asked.size(), report.found->probes.size());
  // The report repeats what was asked for, not what its last probe was.
  auto const experiment = to_toml(report.experiment());
  EXPECT_THAT(experiment,
              AllOf(HasSubstr("rate = \"1000/s\"\nduration = \"5s\""), HasSubstr("find-max = [\"p99<5ms\"]"),
                    Not(HasSubstr("threshold")), Not(HasSubstr("timeout"))));
  EXPECT_THAT(text_report(report), HasSubstr("  again   holdfast load"));
  EXPECT_THAT(text_report(report), HasSubstr("--find-max 'p99<5ms'"));
  for (auto const& asked : server.asked) {
    EXPECT_EQ(asked.warm_up, 1s);
    EXPECT_EQ(asked.stages.front().duration, asked.duration);
  }
  EXPECT_EQ(server.asked.front().duration, 5s);
  EXPECT_EQ(server.asked.back().duration, 15s);
}

TEST(find_max, does_not_blame_the_server_where_the_client_could_not_keep_up) {
  model server{.capacity = 5300, .client_capacity = 3000};
  auto const report = search(std::ref(server));
  EXPECT_LE(report.found->rate.value(), 3000);
  EXPECT_EQ(report.found->bounded_by, probe_outcome::client_was_late);
  EXPECT_THAT(text_of(*report.found), AllOf(StartsWith("at least "), HasSubstr("says nothing about the server")));
}

TEST(find_max, counts_a_rate_that_held_although_the_client_was_late) {
  load_report report;
  report.settings.thresholds = {parse_threshold("p99<5ms").value()};
  report.settings.duration = report.elapsed = 5s;
  for (int i = 0; i < 100; ++i) {
    report.total.record_start(2ms);
    report.total.record(
        {.operation = operation_kind::get, .status = 200, .expected = true, .latency = 3ms, .timing = {}});
  }
  ASSERT_TRUE(report.client_was_late());
  EXPECT_EQ(judge_probe(report, {1000, false}).outcome, probe_outcome::held);
}

TEST(find_max, tells_what_it_had_found_when_it_was_interrupted) {
  for (auto const elapsed : {0s, 2s}) {
    model server{};
    auto const interrupted = [&](load_settings const& settings) {
      auto report = server(settings);
      if (server.asked.size() == 3) {
        report.value().interrupted = true;
        report.value().elapsed = elapsed;
      }
      return report;
    };
    auto const report = search(interrupted);
    EXPECT_EQ(server.asked.size(), 3U);
    EXPECT_EQ(report.found->rate, 2000);
    EXPECT_TRUE(report.interrupted);
    EXPECT_TRUE(report.passed());
    // What the last probe had measured, or when that is nothing, the one before it.
    EXPECT_EQ(report.settings.stages.front().rate_begin, elapsed == 0s ? 2000 : 4000);
    EXPECT_THAT(text_of(*report.found), StartsWith("at least 2,000 requests/s with p99<5ms\n"
                                                   "  The search was interrupted: more may hold"));
  }
}

TEST(find_max, claims_nothing_when_interrupted_before_a_rate_had_held) {
  model server{};
  auto const report = search([&](load_settings const& settings) {
    auto outcome = server(settings);
    outcome.value().interrupted = true;
    return outcome;
  });
  EXPECT_FALSE(report.passed());
  EXPECT_EQ(text_of(*report.found), "the search was interrupted before a rate had held p99<5ms\n");
}

TEST(find_max, says_that_no_rate_held) {
  model server{.capacity = 0};
  auto const report = search(std::ref(server));
  EXPECT_FALSE(report.found->rate);
  EXPECT_FALSE(report.passed());
  EXPECT_THAT(text_of(*report.found), StartsWith("no rate held p99<5ms\n"));
}

TEST(find_max, lets_no_error_pass_that_no_limit_names) {
  model server{.errors = 3};
  EXPECT_FALSE(search(std::ref(server)).found->rate);
  model tolerated{.capacity = 5300, .errors = 3};
  EXPECT_TRUE(search(std::ref(tolerated), "errors<=3").found->rate);
}

TEST(find_max, takes_answers_that_fall_behind_for_a_rate_that_does_not_hold) {
  load_report report;
  report.settings.duration = 5s;
  report.elapsed = 5600ms;
  auto const done = judge_probe(report, {1000, false});
  EXPECT_EQ(done.outcome, probe_outcome::broken);
  EXPECT_THAT(done.why, HasSubstr("600 ms after its time"));
}

}  // namespace
}  // namespace holdfast::client::load
