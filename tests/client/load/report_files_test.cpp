#include "client/load/report_files.hpp"

#include <gmock/gmock.h>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "client/load/hdr_log.hpp"
#include "client/load/report_csv.hpp"
#include "client/load/text.hpp"
#include "client/web/page.hpp"
#include "tests/client/load/sample_report.hpp"

namespace holdfast::client::load {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;
using tests::finished_open_loop;
using tests::finished_run;

std::vector<load_report> three_runs() {
  std::vector<load_report> runs(3, finished_run());
  runs[1].elapsed = 1s;  // twice the throughput
  runs[2].elapsed = 4s;  // half of it
  runs[2].total.record(error_kind::reset);
  for (auto& run : runs) run.settings.runs = 3;
  return runs;
}

/// A directory of its own, gone with the test.
class report_files_test : public testing::Test {
 protected:
  report_files_test() { std::filesystem::create_directory(directory); }
  ~report_files_test() override { std::filesystem::remove_all(directory); }

  static std::string content(std::filesystem::path const& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::filesystem::path directory =
      testing::TempDir() + testing::UnitTest::GetInstance()->current_test_info()->name() + std::to_string(::getpid());
};

TEST(csv_report, has_a_row_for_each_second_and_operation_and_the_totals) {
  load_report const runs[] = {finished_run()};
  EXPECT_EQ(csv_report(runs),
            "run,second,operation,length_s,answers,errors,throughput_per_s,mean_ms,p50_ms,p90_ms,p99_ms,p99_9_ms,"
            "max_ms,before_sending_ms,wait_ms,hold_ms,disk_ms,rest_ms,client_cpu_us,server_cpu_us\n"
            "1,0,all,1,100,0,100,2.09,1.003519,1.003519,2.007039,101,101,,1,0.5,0,0.59,,\n"
            "1,0,get,1,91,,91,2.098901,1.003519,1.003519,101,101,101,,,,,,,\n"
            "1,0,put,1,9,,9,2,2,2,2,2,2,,,,,,,\n"
            "1,1,all,1,0,0,0,,,,,,,,,,,,,\n"
            "1,total,all,2,100,0,50,2.09,1.003519,1.003519,2.007039,101,101,,1,0.5,0,0.59,10,\n"
            "1,total,get,2,91,,45.5,2.098901,1.003519,1.003519,101,101,101,,,,,,,\n"
            "1,total,put,2,9,,4.5,2,2,2,2,2,2,,,,,,,\n");
}

TEST(csv_report, of_an_open_loop_tells_how_long_requests_were_not_sent) {
  load_report const runs[] = {finished_open_loop()};
  EXPECT_THAT(csv_report(runs), HasSubstr("1,total,all,10,100,0,10,3.005,"));
  EXPECT_THAT(csv_report(runs), HasSubstr(",2.005,0,0.1,0,0.9,0,\n"));
}

TEST(csv_report, tells_what_a_request_cost_the_server) {
  auto run = finished_run();
  run.server = server_process{.pid = 7, .name = "holdfast-server", .cpu = 2ms};
  EXPECT_THAT(csv_report({&run, 1}), HasSubstr(",0.5,0,0.59,10,20\n"));
}

TEST(csv_report, numbers_the_runs) {
  auto const runs = three_runs();
  EXPECT_THAT(csv_report(runs), HasSubstr("\n3,total,all,4,100,1,25,"));
}

TEST(text_of_runs, shows_the_lead_numbers_of_each_and_how_far_they_are_apart) {
  EXPECT_EQ(text_of(three_runs()),
            R"(run  1         50 requests/s   p99 2.01 ms  errors 0
run  2        100 requests/s   p99 2.01 ms  errors 0
run  3         25 requests/s   p99 2.01 ms  errors 1

  throughput  median 50.0/s, from 25.0/s to 100/s (150.0 % of the median)
  p99         median 2.01 ms, from 2.01 ms to 2.01 ms (0.0 % of the median)
  again       holdfast load --server http://127.0.0.1:8080 --connections 4 --pipeline 1 --threads 2 \
              --duration 2s --warm-up 0 --mix get=90,put=10 --key-choice uniform --keys 1000 --value-size 64 \
              --seed 1 --runs 3
)");
}

TEST(text_of_runs, judges_the_thresholds_on_each) {
  auto runs = three_runs();
  for (auto& run : runs) run.settings.thresholds = {parse_threshold("throughput>=40/s").value()};
  auto const text = text_of(runs);
  EXPECT_THAT(text, HasSubstr("errors 1   BROKEN: throughput>=40/s (25.0/s)\n"));
  EXPECT_THAT(text, HasSubstr("All thresholds held in 2 of 3 runs."));
}

TEST(text_of_runs, has_no_spread_of_what_was_measured_once) {
  std::vector<load_report> runs(2, finished_run());
  for (auto& run : runs) run.settings.runs = 2;
  runs[0].total = {};
  EXPECT_THAT(text_of(runs), HasSubstr("run  1          0 requests/s   p99 -        errors 0\n"));
  EXPECT_THAT(text_of(runs), testing::Not(HasSubstr("p99         median")));
}

TEST(json_of, several_runs_is_a_list_of_reports) {
  auto const told = nlohmann::json::parse(json_of(three_runs()));
  EXPECT_EQ(told["version"], 1);
  ASSERT_EQ(told["runs"].size(), 3U);
  EXPECT_EQ(told["runs"][1]["throughput_per_s"], 100.0);
  EXPECT_EQ(told["runs"][0], nlohmann::json::parse(json_report(three_runs()[0])));
}

TEST(json_of, one_run_of_several_is_still_a_list) {
  std::vector<load_report> runs{three_runs()[0]};
  EXPECT_TRUE(nlohmann::json::parse(json_of(runs)).contains("runs"));
  runs[0].settings.runs = 1;
  EXPECT_FALSE(nlohmann::json::parse(json_of(runs)).contains("runs"));
}

TEST(hdr_log, has_a_line_for_each_second_and_operation) {
  std::vector<load_report> runs(2, finished_run());
  runs[1].started_at += 5s;
  auto const log = hdr_log(runs);
  EXPECT_THAT(log, HasSubstr("#[Histogram log format version 1.3]\n#[StartTime: 1000000000.000 (seconds since epoch), "
                             "2001-09-09T01:46:40Z]\n"));
  EXPECT_THAT(log, HasSubstr("\nTag=get,0.000,1.000,101.000,HISTFAAA"));
  EXPECT_THAT(log, HasSubstr("\nTag=put,5.000,1.000,2.000,HISTFAAA"));
  EXPECT_EQ(std::ranges::count(log, '\n'), 4 + 2 * 2);
}

TEST_F(report_files_test, are_written_as_asked_for) {
  load_settings settings;
  settings.csv_file = directory / "run.csv";
  settings.hdr_file = directory / "run.hlog";
  settings.json_file = directory / "run.json";
  report_files files;
  ASSERT_EQ(files.open(settings), "");
  load_report const runs[] = {finished_run()};
  EXPECT_EQ(files.write(runs), "");
  EXPECT_EQ(content(settings.csv_file), csv_report(runs));
  EXPECT_EQ(content(settings.hdr_file), hdr_log(runs));
  EXPECT_EQ(content(settings.json_file), json_report(runs[0]));
}

TEST_F(report_files_test, keep_what_was_there_until_there_is_a_report) {
  load_settings settings;
  settings.csv_file = directory / "run.csv";
  std::ofstream(settings.csv_file) << "the last run's";
  report_files files;
  ASSERT_EQ(files.open(settings), "");
  EXPECT_EQ(content(settings.csv_file), "the last run's");
  load_report const runs[] = {finished_run()};
  EXPECT_EQ(files.write(runs), "");
  EXPECT_THAT(content(settings.csv_file), StartsWith("run,second,"));
}

// A run that failed left an empty file, which the next one to read it took for a report.
TEST_F(report_files_test, leave_no_file_where_there_is_no_report) {
  load_settings settings;
  settings.csv_file = directory / "run.csv";
  settings.json_file = directory / "old.json";
  std::ofstream(settings.json_file) << "old";
  {
    report_files files;
    ASSERT_EQ(files.open(settings), "");
  }
  EXPECT_FALSE(std::filesystem::exists(settings.csv_file));
  EXPECT_EQ(content(settings.json_file), "old");
}

// Of two reports in one file, one was lost without a word.
TEST_F(report_files_test, refuse_two_reports_in_one_file) {
  load_settings settings;
  settings.json_file = directory / "run";
  settings.csv_file = directory / "." / "run";
  report_files files;
  EXPECT_THAT(files.open(settings), HasSubstr("--json and --csv name the same file"));
}

// The file was opened twice: a reader took the end of the first for the end of the report.
TEST_F(report_files_test, reach_the_reader_of_a_pipe_as_a_whole) {
  load_settings settings;
  settings.json_file = directory / "pipe";
  ASSERT_EQ(::mkfifo(settings.json_file.c_str(), 0600), 0);
  auto reader = std::async(std::launch::async, [&] { return content(settings.json_file); });
  load_report const runs[] = {finished_run()};
  {
    report_files files;
    ASSERT_EQ(files.open(settings), "");
    EXPECT_EQ(files.write(runs), "");
  }
  EXPECT_EQ(reader.get(), json_report(runs[0]));
}

TEST(wrapped, breaks_lines_where_they_have_spaces_and_keeps_commands_whole) {
  EXPECT_EQ(wrapped("short\n  a line that is much too long for it\n", 24),
            "short\n  a line that is much\n    too long for it\n");
  EXPECT_EQ(wrapped("  again   holdfast load --keys 1000 --seed 1 \\\n          --runs 3\nword\n", 34),
            "  again   holdfast load \\\n    --keys 1000 --seed 1 \\\n          --runs 3\nword\n");
  // Nothing can be broken where there is no space, and drawings stay as they are.
  std::string const word(50, 'x');
  EXPECT_EQ(wrapped(word + '\n', 20), word + '\n');
  auto const lane = "  connection 3      |---------A----------|\n";
  EXPECT_EQ(wrapped(lane, 20), lane);
}

TEST(wrapped, makes_a_report_fit_a_terminal_of_80_columns) {
  auto const text = wrapped(text_report(finished_open_loop()), 80);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
}

TEST_F(report_files_test, tell_before_the_run_what_can_not_be_written) {
  load_settings settings;
  settings.csv_file = directory / "missing" / "run.csv";
  report_files files;
  EXPECT_EQ(files.open(settings), "can't write '" + settings.csv_file + "': No such file or directory");
}

TEST_F(report_files_test, write_the_others_when_one_fails) {
  load_settings settings;
  settings.json_file = "/dev/full";
  settings.csv_file = directory / "run.csv";
  report_files files;
  ASSERT_EQ(files.open(settings), "");
  load_report const runs[] = {finished_run()};
  EXPECT_EQ(files.write(runs), "can't write '/dev/full': No space left on device");
  EXPECT_EQ(content(settings.csv_file), csv_report(runs));
}

TEST_F(report_files_test, without_a_page_say_how_to_get_one) {
  load_settings settings;
  settings.html_file = directory / "run.html";
  report_files files;
  if (web::page_template().empty()) {
    EXPECT_THAT(files.open(settings), HasSubstr("apt-get install nodejs npm"));
    EXPECT_FALSE(std::filesystem::exists(settings.html_file));
    return;
  }
  ASSERT_EQ(files.open(settings), "");
  load_report const runs[] = {finished_run()};
  EXPECT_EQ(files.write(runs), "");
  EXPECT_EQ(content(settings.html_file), web::page_of(json_of(runs)));
}

TEST(page, carries_its_data_and_lets_none_of_it_be_markup) {
  EXPECT_EQ(web::page_of(R"({"key":"</script><!--<script>"})", "<script>@REPORT@</script>"),
            R"(<script>{"key":"\u003c/script>\u003c!--\u003cscript>"}</script>)");
}

}  // namespace
}  // namespace holdfast::client::load
