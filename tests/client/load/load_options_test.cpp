// The command line of `holdfast load` and the experiments it reads, in this process.
#include <gmock/gmock.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <set>

#include "client/cli/command_line.hpp"
#include "client/cli/options.hpp"
#include "client/load/experiment.hpp"

namespace holdfast::client::cli {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

parsed_command parse(std::vector<std::string> const& arguments) {
  std::vector<char const*> words{"holdfast", "load"};
  for (auto const& argument : arguments) words.push_back(argument.c_str());
  return parse_command_line(static_cast<int>(words.size()), words.data());
}

load::load_settings settings_of(std::vector<std::string> const& arguments) {
  auto const parsed = parse(arguments);
  if (auto const* const printed = std::get_if<print_command>(&parsed)) ADD_FAILURE() << printed->text;
  return std::get<load_command>(parsed).settings;
}

std::string complaint(std::vector<std::string> const& arguments) {
  auto const parsed = parse(arguments);
  auto const* const printed = std::get_if<print_command>(&parsed);
  if (printed == nullptr) return "none";
  EXPECT_EQ(printed->exit_status, exit_usage);
  return printed->text;
}

/// An experiment in a file that goes with it.
class experiment_file : public testing::Test {
 protected:
  experiment_file()
      : path(testing::TempDir() + "holdfast_" + testing::UnitTest::GetInstance()->current_test_info()->name() +
             ".toml") {}
  ~experiment_file() override { std::remove(path.c_str()); }

  void write(std::string const& text) const { std::ofstream(path) << text; }

  std::string path;
};

TEST(load_options, know_the_letters_of_other_load_generators) {
  auto const settings = settings_of({"-c", "7", "-d", "3s", "-r", "50/s"});
  EXPECT_EQ(settings.connections, 7U);
  EXPECT_EQ(settings.duration, 3s);
  ASSERT_EQ(settings.stages.size(), 1U);
  EXPECT_EQ(settings.stages[0].rate_begin, 50);
}

// A day of hold for each of 107,000 requests is more than a number of nanoseconds holds: the time-out became negative.
TEST(load_options, keep_a_time_out_of_very_long_holds_in_range) {
  auto const settings = settings_of({"--hold", "24h", "--connections", "1000", "--pipeline", "107"});
  EXPECT_GT(load::request_timeout(settings), std::chrono::hours(24));
}

TEST(load_options, let_values_expire) {
  auto const settings = settings_of({"--ttl", "uniform:1s..5s", "--ttl-share", "25%"});
  EXPECT_EQ(settings.workload.ttl->most, 5e9);
  EXPECT_EQ(settings.workload.ttl_share, 0.25);
  EXPECT_THAT(complaint({"--ttl-share", "25%"}), HasSubstr("add --ttl"));
  EXPECT_THAT(complaint({"--connections", "1", "--mix", "get=1,watch=1"}), HasSubstr("two --connections"));
}

TEST_F(experiment_file, sets_what_flags_would) {
  write(R"(server = "http://localhost:9"
connections = 7
stage = ["10s@1000/s", "5s@1000/s..2000/s"]
arrivals = "poisson"
mix = {get = 1, delete = 1}
threshold = ["p99<5ms", "errors==0"]
keep-keys = true
quiet = false
)");
  auto const settings = settings_of({path});
  EXPECT_EQ(settings.connection.server.authority, "localhost:9");
  EXPECT_EQ(settings.connections, 7U);
  EXPECT_EQ(settings.stages.size(), 2U);
  EXPECT_EQ(settings.duration, 15s);
  EXPECT_EQ(settings.arrivals, load::arrivals::poisson);
  EXPECT_EQ(load::format_mix(settings.workload.mix), "get=1,delete=1");
  EXPECT_EQ(settings.thresholds.size(), 2U);
  EXPECT_TRUE(settings.keep_keys);
  EXPECT_FALSE(settings.quiet);
}

TEST_F(experiment_file, gives_way_to_flags_wherever_they_stand) {
  write("keys = 5\nthreshold = [\"p50<1s\"]\nvalue-size = \"64..128\"\n");
  for (auto const& arguments : {std::vector<std::string>{path, "--keys", "9", "--threshold", "p99<5ms"},
                                std::vector<std::string>{"--threshold", "p99<5ms", "--keys=9", path}}) {
    auto const settings = settings_of(arguments);
    EXPECT_EQ(settings.workload.keys, 9U);
    EXPECT_EQ(load::format_value_size(settings.workload.value_bytes), "uniform:64..128");
    ASSERT_EQ(settings.thresholds.size(), 1U);
    EXPECT_EQ(settings.thresholds.front().text, "p99<5ms");
  }
}

TEST_F(experiment_file, gives_way_to_a_flag_that_decides_the_same) {
  write("stage = [\"10s@1000/s\", \"10s@2000/s\"]\nmix = \"get=1\"\nkey-choice = \"sequential\"\n");
  EXPECT_EQ(settings_of({path, "--rate", "5/s", "--duration", "2s"}).stages, (std::vector<load::stage>{{2s, 5, 5}}));
  auto const preset = settings_of({path, "--workload", "d"}).workload;
  EXPECT_EQ(load::format_mix(preset.mix), "get=95,insert=5");
  EXPECT_EQ(load::format_key_choice(preset.key_choice), "latest:0.99");
  write("rate = \"5/s\"\nduration = \"1m\"\nworkload = \"a\"\n");
  EXPECT_EQ(settings_of({path, "--stage", "2s@7/s"}).stages, (std::vector<load::stage>{{2s, 7, 7}}));
  auto const mixed = settings_of({path, "--mix", "put=1"}).workload;
  EXPECT_EQ(load::format_mix(mixed.mix), "put=1");
  EXPECT_EQ(load::format_key_choice(mixed.key_choice), "scrambled:0.99");
}

TEST_F(experiment_file, with_an_unknown_setting_is_refused_with_its_line_and_those_there_are) {
  write("keys = 5\n\nconections = 3\n");
  EXPECT_THAT(complaint({path}), AllOf(HasSubstr(path + ":3: there is no setting 'conections'; there are "),
                                       HasSubstr(" connections, "), HasSubstr(" server, "), HasSubstr(" threshold")));
  // Neither a flag about the command line, nor one that another command has.
  for (auto const* name : {"help", "print-experiment", "lock-timeout"}) {
    write(std::string(name) + " = true\n");
    EXPECT_THAT(complaint({path}), HasSubstr("there is no setting")) << name;
  }
}

TEST_F(experiment_file, with_a_wrong_value_is_refused_with_its_line_and_what_would_be_right) {
  write("keys = 5\nhold = 10\n");
  EXPECT_THAT(complaint({path}), AllOf(HasSubstr(path + ":2: "), HasSubstr("10ms or 10s")));
  // Also where a flag wins over it: the file is wrong all the same.
  EXPECT_THAT(complaint({path, "--hold", "1ms"}), HasSubstr(path + ":2: "));
  write("server = \"ftp://x\"\n");
  EXPECT_THAT(complaint({path}), HasSubstr(path + ":1: "));
}

TEST_F(experiment_file, is_held_to_what_holds_for_flags_together) {
  write("arrivals = \"poisson\"\n");
  EXPECT_THAT(complaint({path}), HasSubstr("add --rate or --stage"));
  EXPECT_EQ(settings_of({path, "--rate", "5/s"}).arrivals, load::arrivals::poisson);
}

TEST_F(experiment_file, that_is_not_there_is_told) {
  EXPECT_THAT(complaint({"/no/such/file.toml"}), HasSubstr("can't read the experiment '/no/such/file.toml'"));
  EXPECT_THAT(complaint({"/"}), HasSubstr("is a folder"));
}

TEST_F(experiment_file, is_not_written_over_by_a_report) {
  write("keys = 5\n");
  EXPECT_THAT(complaint({"--json", path}), HasSubstr("looks like an experiment"));
}

TEST_F(experiment_file, may_ask_for_json_on_standard_output) {
  write("json = true\n");
  auto const settings = settings_of({path});
  EXPECT_TRUE(settings.json);
  EXPECT_EQ(settings.json_file, "");
}

TEST_F(experiment_file, repeats_the_run_that_it_was_printed_from) {
  std::vector<std::vector<std::string>> const command_lines{
      {},
      {"--workload", "d", "--rate", "100/m", "--duration", "2s", "--hold", "1ms..5ms", "--hold-share", "10%"},
      {"--stage", "10s@1000/s..2000/s", "--arrivals", "poisson", "--value-size", "exp:256", "--seed", "7"},
      {"--mix", "get=0.5,rmw=0.25", "--pipeline", "4", "--keep-keys", "--timeout", "1s", "--threshold", "p99<5ms"},
      {"--find-max", "p99<5ms", "--find-max", "errors==0", "--rate", "50/s"},
      {"--runs", "3", "--verify", "--verify-time", "5s"}};
  for (auto const& arguments : command_lines) {
    auto const printed = load::to_toml(load::experiment_of(settings_of(arguments)));
    write(printed);
    EXPECT_EQ(load::to_toml(load::experiment_of(settings_of({path}))), printed);
  }
}

// Whoever adds a flag decides here whether it is part of the experiment.
TEST(experiment, has_every_flag_that_is_not_about_the_report) {
  std::set<std::string> const others{"help",  "print-experiment", "workload", "json", "csv", "hdr", "html",
                                     "quiet", "server-pid"};
  CLI::App app;
  load_command unused;
  auto const* const load = add_load(app, unused);

  std::set<std::string> there;
  for (auto const& arguments :
       {std::vector<std::string>{"--rate", "5/s", "--hold", "1ms", "--ttl", "1s", "--threshold", "p99<1s", "--verify"},
        std::vector<std::string>{"--stage", "1s@5/s..6/s"}, std::vector<std::string>{"--find-max", "p99<1s"}}) {
    for (auto const& entry : load::experiment_of(settings_of(arguments))) there.insert(entry.key);
  }
  for (auto const* option : load->get_options()) {
    for (auto const& name : option->get_lnames())
      EXPECT_TRUE(there.contains(name) != others.contains(name)) << "--" << name;
  }
}

TEST(load_options, let_a_mix_or_a_choice_of_keys_change_a_workload_in_any_order) {
  for (auto const& arguments : {std::vector<std::string>{"--workload", "a", "--mix", "put=1"},
                                std::vector<std::string>{"--mix", "put=1", "--workload", "a"}}) {
    auto const workload = settings_of(arguments).workload;
    EXPECT_EQ(load::format_mix(workload.mix), "put=1");
    EXPECT_EQ(load::format_key_choice(workload.key_choice), "scrambled:0.99");
  }
}

TEST(load_options, search_from_the_rate_that_is_given_and_with_short_probes) {
  auto const searched = settings_of({"--find-max", "p99<5ms", "--find-max", "errors==0"});
  EXPECT_EQ(searched.find_max.size(), 2U);
  EXPECT_EQ(searched.stages, (std::vector<load::stage>{{5s, 1000, 1000}}));
  EXPECT_EQ(searched.warm_up, 1s);
  auto const told = settings_of({"--find-max", "p99<5ms", "--rate", "5/s", "--duration", "2s", "--warm-up", "0"});
  EXPECT_EQ(told.stages, (std::vector<load::stage>{{2s, 5, 5}}));
  EXPECT_EQ(told.warm_up, 0s);
  EXPECT_THAT(complaint({"--find-max", "p99<5ms", "--threshold", "p99<5ms"}), HasSubstr("another --find-max"));
  EXPECT_THAT(complaint({"--find-max", "p99"}), HasSubstr("such as 'p99<5ms'"));
  EXPECT_THAT(complaint({"--find-max", "p99<5ms", "--stage", "1s@5/s"}), HasSubstr("excludes"));
}

TEST(load_options, read_a_share_in_percent_or_as_a_number) {
  EXPECT_DOUBLE_EQ(settings_of({"--hold", "1ms", "--hold-share", "10%"}).workload.hold_share, 0.1);
  EXPECT_DOUBLE_EQ(settings_of({"--hold", "1ms", "--hold-share", "0.1"}).workload.hold_share, 0.1);
  for (auto const* text : {"", "%", "110%", "-1%", "10 %", "1.1", "x"})
    EXPECT_THAT(complaint({"--hold", "1ms", "--hold-share", text}), HasSubstr("write 10% or 0.1")) << text;
  EXPECT_THAT(complaint({"--hold-share", "10%"}), HasSubstr("add --hold"));
}

TEST(load_options, have_the_short_names_that_other_load_generators_have) {
  auto const settings = settings_of({"-c", "7", "-d", "3s", "-r", "5/s"});
  EXPECT_EQ(settings.connections, 7U);
  EXPECT_EQ(settings.duration, 3s);
  EXPECT_EQ(settings.stages, (std::vector<load::stage>{{3s, 5, 5}}));
}

}  // namespace
}  // namespace holdfast::client::cli
