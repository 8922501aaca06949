#include "client/load/experiment.hpp"

#include <gmock/gmock.h>

namespace holdfast::client::load {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;
using list = experiment_entry::list;

std::vector<std::string> keys_of(std::vector<experiment_entry> const& entries) {
  std::vector<std::string> keys;
  for (auto const& entry : entries) keys.push_back(entry.key);
  return keys;
}

TEST(experiment, is_read_as_toml_with_the_line_of_each_setting) {
  auto const entries = parse_experiment(R"(# how the queue behaves
mix = "get=80,put=20"
keys = 1_000

hold-share = 0.1
threshold = ["p99<5ms", 'errors==0']
keep-keys = true
)");
  ASSERT_TRUE(entries) << entries.error().detail;
  EXPECT_THAT(keys_of(*entries), testing::ElementsAre("mix", "keys", "hold-share", "threshold", "keep-keys"));
  EXPECT_EQ((*entries)[0].line, 2U);
  EXPECT_EQ(std::get<std::string>((*entries)[0].value), "get=80,put=20");
  EXPECT_EQ(std::get<std::int64_t>((*entries)[1].value), 1000);
  EXPECT_EQ((*entries)[2].line, 5U);
  EXPECT_EQ(std::get<std::string>((*entries)[2].value), "0.1");
  EXPECT_EQ(std::get<list>((*entries)[3].value), (list{"p99<5ms", "errors==0"}));
  EXPECT_EQ(std::get<bool>((*entries)[4].value), true);
}

TEST(experiment, may_have_its_mix_as_a_table) {
  auto const entries = parse_experiment("mix = {get = 80, put = 19.5, delete = 0.5}").value();
  auto const mix = parse_mix(std::get<std::string>(entries.at(0).value)).value();
  EXPECT_EQ(format_mix(mix), "get=80,put=19.5,delete=0.5");
}

TEST(experiment, that_is_no_toml_is_refused_with_its_line) {
  for (auto const* text : {"\nkeys 1000", "\nkeys = ", "\nkeys = 1\nkeys = 2", "\nmix = \"get"})
    EXPECT_THAT(parse_experiment(text).error().detail, testing::ContainsRegex("^[23]: ")) << text;
}

TEST(experiment, that_has_what_no_flag_can_be_is_refused_with_its_line) {
  EXPECT_THAT(parse_experiment("\n\n[load]\nkeys = 1").error().detail, StartsWith("3: 'load'"));
  EXPECT_THAT(parse_experiment("\nstarted = 2026-11-24").error().detail, StartsWith("2: 'started'"));
  EXPECT_THAT(parse_experiment("stage = [1, true]").error().detail, HasSubstr("list of texts"));
  EXPECT_THAT(parse_experiment("mix = {get = true}").error().detail, HasSubstr("{get = 80, put = 20}"));
}

TEST(experiment, is_written_so_that_it_reads_the_same) {
  load_settings settings;
  settings.stages = {{10s, 1000, 1000}, {1500ms, 1000.0 / 60, 10'000'000}};
  settings.arrivals = arrivals::poisson;
  settings.thresholds = {parse_threshold("p99<5ms").value(), parse_threshold("errors == 0").value()};
  settings.workload.hold = parse_hold("exp:5ms").value();
  settings.workload.hold_share = 0.1;
  settings.connection.request_timeout = 1s;
  auto const written = experiment_of(settings);
  auto const read = parse_experiment(to_toml(written));
  ASSERT_TRUE(read) << read.error().detail;
  ASSERT_EQ(keys_of(*read), keys_of(written));
  for (std::size_t i = 0; i < read->size(); ++i) {
    EXPECT_EQ((*read)[i].value, written[i].value) << written[i].key;
    EXPECT_EQ((*read)[i].line, i + 1);
  }
}

TEST(experiment, is_told_as_a_command_that_a_shell_reads) {
  EXPECT_EQ(to_command({{"keys", std::int64_t(5)},
                        {"threshold", list{"p99<5ms", "errors==0"}},
                        {"server", std::string("it's")},
                        {"verify", true},
                        {"keep-keys", false}},
                       2),
            R"(holdfast load --keys 5 --threshold 'p99<5ms' --threshold errors==0 --server 'it'\''s' --verify)");
  auto const folded = to_command({{"threshold", list(5, "throughput>=1000/s")}}, 4);
  EXPECT_EQ(folded,
            "holdfast load --threshold 'throughput>=1000/s' --threshold 'throughput>=1000/s' \\\n"
            "    --threshold 'throughput>=1000/s' --threshold 'throughput>=1000/s' --threshold 'throughput>=1000/s'");
}

TEST(experiment, writes_texts_that_need_it_in_quotes_of_their_own) {
  auto const read = parse_experiment(to_toml({{"server", std::string(R"(a "b" \c)")}}));
  EXPECT_EQ(std::get<std::string>(read->at(0).value), R"(a "b" \c)");
}

}  // namespace
}  // namespace holdfast::client::load
