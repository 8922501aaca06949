#include "client/compare/comparison.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace holdfast::client::compare {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

nlohmann::json report(double throughput, double p99, int errors = 0) {
  return {{"version", 1},
          {"settings", {{"server", "http://127.0.0.1:1"}, {"connections", 64}, {"hold_ms", nullptr}}},
          {"interrupted", false},
          {"throughput_per_s", throughput},
          {"latency_ms",
           {{"all", {{"count", 9}, {"mean", 1.5}, {"p50", 1.0}, {"p90", 2.0}, {"p99", p99}, {"p99_9", 9.0}}}}},
          {"errors", {{"total", errors}}},
          {"client", {{"cpu_us_per_request", 8.0}, {"was_the_limit", false}}}};
}

nlohmann::json runs(std::vector<nlohmann::json> reports) {
  return {{"version", 1}, {"runs", std::move(reports)}};
}

experiment parsed(std::string file, nlohmann::json const& document) {
  auto read = parse_experiment(std::move(file), document.dump());
  EXPECT_TRUE(read) << read.error().message;
  return std::move(read.value());
}

/// Six runs with p99 around `p99` and throughput around `throughput`.
experiment six_runs(std::string file, double throughput, double p99) {
  std::vector<nlohmann::json> reports;
  for (auto const spread : {0.99, 0.995, 1.0, 1.002, 1.004, 1.01}) {
    reports.push_back(report(throughput * spread, p99 * spread));
  }
  return parsed(std::move(file), runs(std::move(reports)));
}

figure_comparison const& of(comparison const& made, figure what) {
  return made.figures[static_cast<std::size_t>(what)];
}

limit read_limit(char const* text) {
  auto const read = parse_limit(text);
  EXPECT_TRUE(read) << text;
  return read.value();
}

TEST(compare, tells_a_real_change_with_its_size_and_direction) {
  auto const made = compare_experiments(six_runs("a", 1000, 5), six_runs("b", 1100, 6), {});
  auto const& throughput = of(made, figure::throughput);
  EXPECT_EQ(throughput.verdict, verdict::better);
  ASSERT_TRUE(throughput.change);
  EXPECT_TRUE(throughput.change->relative);
  EXPECT_NEAR(throughput.change->estimate, 0.10, 0.005);
  EXPECT_GT(throughput.change->low, 0.08);
  EXPECT_LT(throughput.change->high, 0.12);
  EXPECT_DOUBLE_EQ(throughput.p, 2.0 / 924);
  EXPECT_EQ(of(made, figure::p99).verdict, verdict::worse);
  EXPECT_NEAR(of(made, figure::p99).change->estimate, 0.20, 0.005);
}

TEST(compare, shows_no_difference_between_runs_of_the_same) {
  auto const made = compare_experiments(six_runs("a", 1000, 5), six_runs("b", 1000, 5), {});
  for (auto const& one : made.figures) {
    EXPECT_EQ(one.verdict, verdict::no_difference) << name_of(one.what);
    EXPECT_DOUBLE_EQ(one.p, 1);
  }
}

TEST(compare, corrects_p_for_the_number_of_figures) {
  auto const made = compare_experiments(six_runs("a", 1000, 5), six_runs("b", 1100, 6), {});
  // Eight figures, of which two have the least p and six have 1.
  EXPECT_DOUBLE_EQ(of(made, figure::throughput).adjusted_p, 8 * 2.0 / 924);
  EXPECT_DOUBLE_EQ(of(made, figure::p99).adjusted_p, 8 * 2.0 / 924);
  EXPECT_DOUBLE_EQ(of(made, figure::mean).adjusted_p, 1);
}

// With five runs a side p is 0.008 of a figure that differs in all of them, and 0.063 after Holm over eight figures:
// the table said WORSE beside it.
TEST(compare, calls_no_difference_real_that_eight_figures_may_show_by_chance) {
  std::vector<nlohmann::json> before, after;
  for (int i = 0; i < 5; ++i) {
    before.push_back(report(1000, 5 + i * 0.01));
    after.push_back(report(1000, 6 + i * 0.01));
  }
  auto const made = compare_experiments(parsed("a", runs(before)), parsed("b", runs(after)), {read_limit("p99>+5%")});
  auto const& p99 = of(made, figure::p99);
  EXPECT_LT(p99.p, 0.01);
  EXPECT_GT(p99.adjusted_p, 0.05);
  EXPECT_EQ(p99.verdict, verdict::no_difference);
  EXPECT_THAT(text_of(made), AllOf(Not(HasSubstr("WORSE")), HasSubstr("take more runs a side")));
  // A limit names its figure beforehand, so that there is but one chance.
  EXPECT_TRUE(made.limits[0].broken);
}

TEST(compare, corrects_limits_for_the_number_of_figures_they_name) {
  std::vector<nlohmann::json> before, after;
  for (int i = 0; i < 4; ++i) {
    before.push_back(report(1000 + i, 5 + i * 0.01));
    after.push_back(report(1000 + i, 6 + i * 0.01));
  }
  auto const broken = [&](std::vector<limit> limits) {
    return compare_experiments(parsed("a", runs(before)), parsed("b", runs(after)), std::move(limits)).broken();
  };
  EXPECT_TRUE(broken({read_limit("p99>+5%")}));  // p is 2 in 70
  EXPECT_TRUE(broken({read_limit("p99>+5%"), read_limit("p99>+10%")}));
  EXPECT_FALSE(broken({read_limit("p99>+5%"), read_limit("throughput<-3%")}));
}

TEST(compare, does_not_judge_a_single_run) {
  auto const made = compare_experiments(parsed("a", report(1000, 5)), six_runs("b", 10, 500), {read_limit("p99>+5%")});
  EXPECT_FALSE(made.judged());
  EXPECT_FALSE(made.broken());
  EXPECT_THAT(of(made, figure::p99).why_not,
              HasSubstr("1 run and 6 runs can't tell a difference from chance; take 4 or more"));
  EXPECT_DOUBLE_EQ(of(made, figure::p99).before_median.value(), 5);
  ASSERT_EQ(made.limits.size(), 1U);
  EXPECT_FALSE(made.limits[0].judged);
}

TEST(compare, breaks_a_limit_only_by_a_real_change_beyond_it) {
  auto const made = compare_experiments(
      six_runs("a", 1000, 5), six_runs("b", 1000, 5.5),
      {read_limit("p99 > +5%"), read_limit("p99>+15%"), read_limit("throughput<-3%"), read_limit("p50>0%")});
  ASSERT_EQ(made.limits.size(), 4U);
  EXPECT_TRUE(made.limits[0].broken);
  for (std::size_t i = 1; i < 4; ++i) {
    EXPECT_TRUE(made.limits[i].judged);
    EXPECT_FALSE(made.limits[i].broken) << made.limits[i].asked.text;
  }
  EXPECT_TRUE(made.broken());
}

TEST(compare, holds_a_limit_that_chance_may_have_passed) {
  auto const before = parsed("a", runs({report(1, 5), report(1, 6), report(1, 7), report(1, 8), report(1, 9)}));
  auto const after = parsed("b", runs({report(1, 5.5), report(1, 6.5), report(1, 8.5), report(1, 9.5), report(1, 10)}));
  auto const made = compare_experiments(before, after, {read_limit("p99>+5%")});
  EXPECT_GT(of(made, figure::p99).change->estimate, 0.05);
  EXPECT_FALSE(made.limits[0].broken);
  EXPECT_THAT(made.limits[0].because, HasSubstr("may be chance"));
}

TEST(compare, counts_errors_from_zero_as_beyond_any_percentage) {
  std::vector<nlohmann::json> clean(7, report(1000, 5, 0)), failing;
  for (int errors = 1; errors <= 7; ++errors) failing.push_back(report(1000, 5, errors));
  auto const made =
      compare_experiments(parsed("a", runs(clean)), parsed("b", runs(failing)), {read_limit("errors>+50%")});
  EXPECT_EQ(of(made, figure::errors).verdict, verdict::worse);
  EXPECT_FALSE(of(made, figure::errors).change->relative);
  EXPECT_DOUBLE_EQ(of(made, figure::errors).change->estimate, 4);
  EXPECT_TRUE(made.limits[0].broken);
}

TEST(compare, tells_that_experiments_differ_but_not_by_the_address) {
  auto other = report(1000, 5);
  other["settings"]["connections"] = 128;
  other["settings"]["server"] = "http://127.0.0.1:2";
  other["settings"]["theta"] = 0.9;
  // A report repeats its settings as flags, address and all: each difference was told twice.
  other["settings"]["experiment"] = {{"connections", 128}, {"server", "http://127.0.0.1:2"}};
  auto const made = compare_experiments(parsed("a", report(1000, 5)), parsed("b", other), {});
  ASSERT_EQ(made.differences.size(), 2U);
  EXPECT_EQ(made.differences[0].name, "connections");
  EXPECT_EQ(made.differences[0].before, "64");
  EXPECT_EQ(made.differences[0].after, "128");
  EXPECT_EQ(made.differences[1].name, "theta");
  EXPECT_EQ(made.differences[1].before, "");
  EXPECT_THAT(text_of(made), HasSubstr("different experiments"));
}

TEST(compare, tells_of_a_time_out_only_where_it_was_set_and_of_a_verification_always) {
  auto before = report(1000, 5), after = report(1000, 5);
  before["settings"]["request_timeout_ms"] = 30'000;
  before["settings"]["experiment"] = {{"hold", "1ms"}, {"verify", false}};
  // It follows from the hold, which is told already.
  after["settings"]["request_timeout_ms"] = 30'064;
  after["settings"]["experiment"] = {{"hold", "1ms"}, {"verify", true}};
  auto const made = compare_experiments(parsed("a", before), parsed("b", after), {});
  ASSERT_EQ(made.differences.size(), 1U);
  EXPECT_EQ(made.differences[0].name, "verify");
  after["settings"]["experiment"]["timeout"] = "30.064s";
  EXPECT_EQ(compare_experiments(parsed("a", before), parsed("b", after), {}).differences.size(), 2U);
}

TEST(compare, takes_null_for_a_setting_that_was_not_made) {
  auto with = report(1000, 5), without = report(1000, 5);
  with["settings"]["hold_ms"] = 2.0;
  without["settings"]["hold_ms"] = nullptr;
  auto const made = compare_experiments(parsed("a", without), parsed("b", with), {});
  ASSERT_EQ(made.differences.size(), 1U);
  EXPECT_EQ(made.differences[0].before, "");
  EXPECT_EQ(made.differences[0].after, "2");
}

TEST(compare, notes_runs_that_are_worth_less) {
  auto interrupted = report(1000, 5), limited = report(1000, 5), odd = report(1000, 5);
  interrupted["interrupted"] = true;
  limited["client"]["was_the_limit"] = true;
  odd["settings"]["connections"] = 1;
  auto const made =
      compare_experiments(parsed("a", runs({interrupted, limited, odd})), parsed("b", report(1000, 5)), {});
  EXPECT_THAT(made.notes, ElementsAre(HasSubstr("same settings"), HasSubstr("1 of 3 runs of a were interrupted"),
                                      HasSubstr("In 1 of 3 runs of a the client was the limit")));
}

TEST(compare, leaves_out_a_figure_that_was_not_measured) {
  auto without = report(0, 5);
  without["latency_ms"]["all"] = {{"count", 0}};
  without["client"]["cpu_us_per_request"] = nullptr;
  auto const made = compare_experiments(parsed("a", without), six_runs("b", 1000, 5), {});
  EXPECT_FALSE(of(made, figure::p99).before_median);
  EXPECT_THAT(of(made, figure::p99).why_not, HasSubstr("one side has not measured it"));
  EXPECT_THAT(of(made, figure::cpu).why_not, HasSubstr("one side has not measured it"));
}

TEST(compare, lines_its_table_up) {
  EXPECT_EQ(text_of(compare_experiments(six_runs("before.json", 1000, 5), six_runs("after.json", 1100, 6),
                                        {read_limit("p99>+5%"), read_limit("p50>+5%")})),
            R"(before  before.json  6 runs
after   after.json  6 runs

               before    after   change       95 % interval       p  p (Holm)
  throughput  1,001/s  1,101/s  +10.0 %   +8.9 % to +11.1 %  0.0022    0.0173  better
  p50         1.00 ms  1.00 ms   +0.0 %    +0.0 % to +0.0 %  1.0000    1.0000  no difference shown
  p90         2.00 ms  2.00 ms   +0.0 %    +0.0 % to +0.0 %  1.0000    1.0000  no difference shown
  p99         5.00 ms  6.01 ms  +20.0 %  +18.8 % to +21.2 %  0.0022    0.0173  WORSE
  p99.9       9.00 ms  9.00 ms   +0.0 %    +0.0 % to +0.0 %  1.0000    1.0000  no difference shown
  mean        1.50 ms  1.50 ms   +0.0 %    +0.0 % to +0.0 %  1.0000    1.0000  no difference shown
  cpu         8.00 us  8.00 us   +0.0 %    +0.0 % to +0.0 %  1.0000    1.0000  no difference shown
  errors            0        0       +0            +0 to +0  1.0000    1.0000  no difference shown

  Medians of the runs. The change is the median ratio of an after run to a before run (Hodges-Lehmann) with its
  95 % interval; p is that of the exact Mann-Whitney test. A difference counts as real when p (Holm) is at most 0.05.
  8 figures are as many chances to look changed when nothing has; p (Holm) makes up for that.

  p99>+5%  BROKEN: the change is real and beyond it
  p50>+5%  held: the change is within it
)");
}

TEST(compare, tells_all_of_it_as_json) {
  auto const told = nlohmann::json::parse(
      json_of(compare_experiments(six_runs("a", 1000, 5), parsed("b", report(1100, 6)), {read_limit("p99>+5%")})));
  EXPECT_EQ(told["version"], 1);
  EXPECT_EQ(told["before"]["runs"], 6);
  EXPECT_EQ(told["figures"].size(), 8U);
  EXPECT_EQ(told["figures"][0]["figure"], "throughput");
  EXPECT_EQ(told["figures"][0]["before"].size(), 6U);
  EXPECT_EQ(told["figures"][0]["verdict"], "not_judged");
  EXPECT_TRUE(told["figures"][0]["p"].is_null());
  EXPECT_EQ(told["limits"][0]["judged"], false);
}

TEST(parse_experiment, says_what_is_wrong_with_a_file) {
  auto const complaint = [](std::string const& text) {
    auto const read = parse_experiment("x.json", text);
    return read ? std::string("(none)") : read.error().message;
  };
  EXPECT_THAT(complaint("{\"version\": 1,"), HasSubstr("'x.json' is not JSON: parse error at line 1"));
  EXPECT_THAT(complaint("[]"), HasSubstr("no report"));
  EXPECT_THAT(complaint("{}"), HasSubstr("no \"version\": 1"));
  EXPECT_THAT(complaint(R"({"version": 2, "runs": []})"), HasSubstr("no \"version\": 1"));
  EXPECT_THAT(complaint(R"({"version": 1, "runs": []})"), HasSubstr("has no runs"));
  EXPECT_THAT(complaint(R"({"version": 1, "runs": 3})"), HasSubstr("has no runs"));
  EXPECT_THAT(complaint(R"({"version": 1})"), HasSubstr("run 1 has no settings"));
  EXPECT_THAT(complaint(R"({"version": 1, "settings": {}})"), HasSubstr("run 1 has no throughput_per_s"));
  EXPECT_THAT(complaint(runs({report(1, 1), nlohmann::json(3)}).dump()), HasSubstr("run 2 has no settings"));
  EXPECT_THAT(complaint(runs(std::vector<nlohmann::json>(101, report(1, 1))).dump()), HasSubstr("at most 100"));
}

TEST(read_experiment, names_the_file_that_it_could_not_read) {
  auto const missing = read_experiment("/nowhere/x.json");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "'/nowhere/x.json' can't be read: No such file or directory");
  auto const folder = read_experiment("/");
  ASSERT_FALSE(folder);
  EXPECT_THAT(folder.error().message, HasSubstr("'/' "));
}

TEST(parse_limit, reads_a_figure_a_direction_and_a_percentage) {
  auto const rise = read_limit("p99.9 > +2.5%");
  EXPECT_EQ(rise.what, figure::p99_9);
  EXPECT_TRUE(rise.above);
  EXPECT_DOUBLE_EQ(rise.share, 0.025);
  EXPECT_EQ(rise.text, "p99.9 > +2.5%");
  EXPECT_FALSE(read_limit("throughput<-3%").above);
  EXPECT_DOUBLE_EQ(read_limit("throughput<-3%").share, -0.03);
  EXPECT_DOUBLE_EQ(read_limit("p50>5%").share, 0.05);
}

TEST(parse_limit, says_what_is_wrong) {
  for (auto const* text :
       {"p99", "p99>5", "p99>5ms", "p98>+5%", "p99>=5%", "p99>-5%", "p99<+5%", "p99<0%", "p99>%", ""}) {
    auto const read = parse_limit(text);
    ASSERT_FALSE(read) << text;
    EXPECT_THAT(read.error().message,
                testing::AnyOf(HasSubstr("write it like 'p99>+5%'"), HasSubstr("there are throughput")));
  }
}

}  // namespace
}  // namespace holdfast::client::compare
