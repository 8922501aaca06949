// `holdfast load` as its users see it: streams, signals, exit statuses.
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/client/load/sound_server.hpp"
#include "tests/client/program.hpp"
#include "tests/client/terminal_screen.hpp"

namespace holdfast::tests {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::StartsWith;
using ending = scripted_answer::ending;

program_input load(scripted_server const& server, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"load", "--server", server.url(), "--connections", "2", "--keys", "3"});
  return {.arguments = std::move(arguments), .standard_input = {}, .environment = {}};
}

program_result run(program_input const& input) {
  return run_program(HOLDFAST_PROGRAM, input);
}

TEST(cli_load, reports_on_standard_output_and_progresses_on_standard_error) {
  scripted_server server(sound);
  auto const ended = run(load(server, {"--duration", "2.1s"}));
  EXPECT_EQ(ended.exit_status, 0);
  EXPECT_THAT(ended.out, ContainsRegex("^[0-9,]+ requests/s   p99 [0-9.]+ [num]?s\n"));
  EXPECT_THAT(ended.out, AllOf(HasSubstr("\n  lock wait "), HasSubstr("\n  errors  0\n")));
  // Piped: plain lines, one for each whole second.
  EXPECT_THAT(ended.err, testing::MatchesRegex("  1s/2.1s +[0-9,]+/s  p50 .*\n  2s/2.1s +[0-9,]+/s  p50 .*\n"));
}

TEST(cli_load, writes_a_screen_over_on_a_terminal_and_takes_it_off_at_the_end) {
  scripted_server server(sound);
  auto input = load(server, {"--duration", "1.1s"});
  input.err_is_terminal = true;
  input.environment = {{"NO_COLOR", "1"}, {"LC_ALL", "C.UTF-8"}, {"TERM", "xterm"}};
  auto const ended = run(input);
  EXPECT_EQ(ended.exit_status, 0);
  terminal_screen screen(24, 80);
  std::string fullest;
  // As it comes: each drawing ends by clearing what is below.
  constexpr std::string_view drawn = "\x1b[J";
  for (std::string_view rest = ended.err; !rest.empty();) {
    auto const end = rest.find(drawn);
    auto const part = rest.substr(0, end == rest.npos ? end : end + drawn.size());
    screen.take(part);
    if (screen.text().size() > fullest.size()) fullest = screen.text();
    rest.remove_prefix(part.size());
  }
  EXPECT_EQ(screen.text(), "");
  EXPECT_EQ(screen.scrolled_lines(), 0U);
  EXPECT_THAT(fullest, HasSubstr("  closed loop, 2 connections, " + server.url() + "\n"));
  EXPECT_THAT(fullest, AllOf(HasSubstr("\n  rate  "), HasSubstr("\n  p99  "), HasSubstr("\n  lock wait  "),
                             HasSubstr("\n  errors              0")));
  EXPECT_EQ(ended.err.find("\x1b[0m"), std::string::npos);
}

TEST(cli_load, writes_plain_lines_to_a_terminal_that_can_do_no_more) {
  scripted_server server(sound);
  auto input = load(server, {"--duration", "1.1s"});
  input.err_is_terminal = true;
  input.environment = {{"TERM", "dumb"}};
  auto const ended = run(input);
  EXPECT_EQ(ended.exit_status, 0);
  EXPECT_THAT(ended.err, testing::MatchesRegex("  1s/1.1s +[0-9,]+/s  p50 .*\r\n"));
}

// The report ran out of a narrow terminal, whose live screen before had fitted.
TEST(cli_load, reports_within_the_width_of_a_terminal) {
  scripted_server server(sound);
  auto const ended = run_program(
      HOLDFAST_PROGRAM, {.arguments = {"load", "--server", server.url(), "-c", "2", "-d", "50ms", "--keys", "3", "-q"},
                         .standard_input = {},
                         .environment = {},
                         .out_is_terminal = true,
                         .terminal_columns = 60});
  EXPECT_EQ(ended.exit_status, 0);
  std::istringstream lines(ended.out);
  for (std::string line; std::getline(lines, line);) {
    auto const columns = std::ranges::count_if(line, [](unsigned char c) { return c != '\r' && (c & 0xC0) != 0x80; });
    EXPECT_LE(columns, 60) << line;
  }
}

TEST(cli_load, is_quiet_when_told_to) {
  scripted_server server(sound);
  auto const ended = run(load(server, {"--duration", "1.1s", "--quiet"}));
  EXPECT_EQ(ended.exit_status, 0);
  EXPECT_EQ(ended.err, "");
  EXPECT_THAT(ended.out, HasSubstr(" requests/s "));
}

TEST(cli_load, prints_json_alone_or_writes_it_beside_the_text) {
  scripted_server server(sound);
  auto const printed = run(load(server, {"--duration", "50ms", "--json"}));
  EXPECT_EQ(printed.exit_status, 0);
  auto const told = nlohmann::json::parse(printed.out);
  EXPECT_EQ(told["settings"]["server"], server.url());
  EXPECT_EQ(told["settings"]["duration_ms"], 50.0);
  EXPECT_GT(told["latency_ms"]["all"]["count"], 0);

  auto const path = testing::TempDir() + "holdfast_cli_load.json";
  auto const written = run(load(server, {"--duration", "50ms", "--json", path}));
  EXPECT_THAT(written.out, HasSubstr(" requests/s "));
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_EQ(nlohmann::json::parse(text.str())["version"], 1);
  std::remove(path.c_str());

  EXPECT_THAT(run(load(server, {"--duration", "50ms", "--json", "-"})).out, StartsWith("{"));
  EXPECT_FALSE(std::ifstream("-"));
}

TEST(cli_load, numbers_the_runs_in_its_progress) {
  scripted_server server(sound);
  auto const ended = run(load(server, {"--duration", "50ms", "--runs", "2"}));
  EXPECT_EQ(ended.err, "run 1 of 2\nrun 2 of 2\n");
  EXPECT_THAT(ended.out, HasSubstr("\n  throughput  median "));
}

TEST(cli_load, runs_an_open_loop_in_stages) {
  scripted_server server(sound);
  auto const ended = run(load(server, {"--stage", "200ms@100/s", "--stage", "200ms@100/s..300/s", "--json"}));
  EXPECT_EQ(ended.exit_status, 0) << ended.err;
  auto const told = nlohmann::json::parse(ended.out);
  EXPECT_EQ(told["settings"]["duration_ms"], 400.0);
  EXPECT_EQ(told["latency_ms"]["all"]["count"], 60);
  auto const rated = run(load(server, {"--rate", "100/s", "--duration", "200ms", "--json"}));
  EXPECT_EQ(nlohmann::json::parse(rated.out)["latency_ms"]["all"]["count"], 20);
}

TEST(cli_load, exits_1_when_there_were_errors) {
  scripted_server server([](auto const& request) {
    if (request.text.starts_with("GET")) return scripted_answer{.bytes = sound_answer("500 X", "", "")};
    return sound(request);
  });
  auto const ended = run(load(server, {"--duration", "50ms"}));
  EXPECT_EQ(ended.exit_status, 1);
  EXPECT_THAT(ended.out, HasSubstr("get answered 500: "));
}

TEST(cli_load, exits_4_when_a_threshold_is_broken_and_names_it) {
  scripted_server server(sound);
  auto const held = run(load(server, {"--duration", "50ms", "--threshold", "p99<60s", "--threshold", "errors==0"}));
  EXPECT_EQ(held.exit_status, 0);
  EXPECT_THAT(held.out, AllOf(HasSubstr("  p99<60s  held: "), HasSubstr("  errors==0  held: 0\n")));
  auto const broken = run(load(server, {"--duration", "50ms", "--threshold", "p99<60s", "--threshold", "max<1ns"}));
  EXPECT_EQ(broken.exit_status, 4);
  EXPECT_THAT(broken.out, AllOf(HasSubstr("  p99<60s  held: "), HasSubstr("  max<1ns  BROKEN: ")));
}

TEST(cli_load, exits_1_when_no_request_succeeded) {
  scripted_server server([](auto const& request) {
    if (request.text.starts_with("GET")) return scripted_answer{.bytes = {}, .then = ending::stall};
    return sound(request);
  });
  auto const ended = run(load(server, {"--duration", "50ms", "--mix", "get=1"}));
  EXPECT_EQ(ended.exit_status, 1);
  EXPECT_THAT(ended.out,
              AllOf(StartsWith("0 requests/s   no request succeeded"), HasSubstr("2 requests had no answer")));
}

TEST(cli_load, exits_3_when_the_server_is_not_there) {
  auto const ended = run({.arguments = {"load", "--server", "http://127.0.0.1:1", "--duration", "50ms"},
                          .standard_input = {},
                          .environment = {}});
  EXPECT_EQ(ended.exit_status, 3);
  EXPECT_EQ(ended.out, "");
  EXPECT_THAT(ended.err, HasSubstr("connection refused"));
}

TEST(cli_load, tells_what_a_request_cost_the_server_whose_pid_is_given) {
  scripted_server server(sound);
  auto const own = std::to_string(::getpid());
  auto const ended = run(load(server, {"--duration", "100ms", "--quiet", "--server-pid", own}));
  EXPECT_EQ(ended.exit_status, 0) << ended.err;
  EXPECT_THAT(ended.out,
              ContainsRegex("  server  process " + own +
                            " \\(cli_test\\): [0-9.]+ cores busy, [0-9.]+ .s of processor time a request\n"));
}

TEST(cli_load, exits_2_when_there_is_no_process_with_the_pid_that_is_given) {
  scripted_server server(sound);
  // Above what Linux ever gives.
  auto const ended = run(load(server, {"--duration", "100ms", "--server-pid", "2147483647"}));
  EXPECT_EQ(ended.exit_status, 2);
  EXPECT_THAT(ended.err, HasSubstr("--server-pid: there is no process 2147483647 on this machine"));
  EXPECT_TRUE(server.requests().empty());
}

TEST(cli_load, ends_with_the_report_and_without_its_keys_when_interrupted) {
  // A terminal that is closed sends SIGHUP: its run left all keys behind.
  for (auto const signal : {SIGINT, SIGTERM, SIGHUP}) {
    scripted_server server(sound);
    program running(HOLDFAST_PROGRAM, load(server, {"--duration", "60s"}));
    ASSERT_TRUE(running.wait_for_err("1s/1m"));
    running.send_signal(signal);
    auto const ended = running.wait();
    EXPECT_EQ(ended.exit_status, 0);
    EXPECT_THAT(ended.out, HasSubstr(", interrupted\n"));
    EXPECT_THAT(server.requests().back().text, StartsWith("DELETE "));
  }
}

// With the reader of its progress gone, a signal ended it at once: no report, and all keys left in the server.
TEST(cli_load, goes_on_without_the_reader_of_its_progress) {
  scripted_server server(sound);
  auto const shell = "\"$0\" \"$@\" 2>&1 >/dev/null | head -n 1";
  auto input = load(server, {"--duration", "2100ms"});
  input.arguments.insert(input.arguments.begin(), {"-c", shell, HOLDFAST_PROGRAM});
  auto const ended = run_program("/bin/sh", input);
  EXPECT_THAT(ended.out, HasSubstr("1s/2.1s"));
  EXPECT_THAT(server.requests().back().text, StartsWith("DELETE "));
}

// The run asked for more connections than it could have, and told the rest as a server that can't be reached.
TEST(cli_load, says_before_the_run_that_there_are_too_few_descriptors) {
  scripted_server server(sound);
  auto const ended = run_program("/bin/sh", {.arguments = {"-c", "ulimit -n 100; exec \"$0\" \"$@\"", HOLDFAST_PROGRAM,
                                                           "load", "--server", server.url(), "-c", "200"},
                                             .standard_input = {},
                                             .environment = {}});
  EXPECT_EQ(ended.exit_status, 2);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("200 connections need 264 file descriptors"), HasSubstr("may open 100")));
  EXPECT_EQ(server.connections(), 0);
}

// What was due waited the whole time of a request for connections that nobody would open any more: 33 s for a run of 3.
TEST(cli_load, does_not_wait_for_a_server_that_is_gone) {
  auto server = std::make_unique<scripted_server>(sound);
  program running(HOLDFAST_PROGRAM, load(*server, {"--rate", "200/s", "--duration", "1500ms", "--mix", "get=1"}));
  ASSERT_TRUE(running.wait_for_err("1s/1.5s"));
  server.reset();
  auto const began = std::chrono::steady_clock::now();
  auto const ended = running.wait();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
  EXPECT_EQ(ended.exit_status, 1) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr(" had no answer when time was up"));
}

TEST(cli_load, ends_at_once_when_interrupted_twice) {
  // In-flight requests are never answered, so that the first signal alone would wait for them.
  scripted_server server([](auto const& request) {
    if (request.text.starts_with("GET") && request.number > 0)
      return scripted_answer{.bytes = {}, .then = ending::stall};
    return sound(request);
  });
  program running(HOLDFAST_PROGRAM, load(server, {"--duration", "60s", "--mix", "get=1"}));
  ASSERT_TRUE(running.wait_for_err("1s/1m"));
  running.send_signal(SIGINT);
  running.send_signal(SIGTERM);
  EXPECT_EQ(running.wait().exit_status, 130);
}

TEST(cli_load, reports_the_runs_that_were_made_when_interrupted_between_two) {
  scripted_server server(sound);
  program running(HOLDFAST_PROGRAM, load(server, {"--duration", "300ms", "--runs", "3"}));
  // Told before the second run looks for signals itself.
  ASSERT_TRUE(running.wait_for_err("run 2 of 3"));
  running.send_signal(SIGINT);
  auto const ended = running.wait();
  EXPECT_LT(ended.exit_status, 128);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("run  1 "), testing::Not(HasSubstr("run  3 "))));
}

program_input search(scripted_server const& server) {
  return load(server, {"--find-max", "p99<60s", "--rate", "10/s", "--duration", "500ms", "--warm-up", "0"});
}

TEST(cli_load, tells_what_a_search_had_found_when_interrupted) {
  scripted_server server(sound);
  program running(HOLDFAST_PROGRAM, search(server));
  ASSERT_TRUE(running.wait_for_err("probing 20.0/s: held"));
  running.send_signal(SIGINT);
  auto const ended = running.wait();
  EXPECT_EQ(ended.exit_status, 0) << ended.err;
  EXPECT_THAT(ended.out, AllOf(StartsWith("at least "), HasSubstr("The search was interrupted: more may hold"),
                               HasSubstr("\n      2       20.0/s "), HasSubstr(", interrupted\n")));
}

TEST(cli_load, ends_a_search_at_once_when_interrupted_twice) {
  scripted_server server([](auto const& request) {
    if (request.text.starts_with("GET") && request.number > 0)
      return scripted_answer{.bytes = {}, .then = ending::stall};
    return sound(request);
  });
  auto input = search(server);
  std::ranges::replace(input.arguments, "500ms", "60s");
  input.arguments.insert(input.arguments.end(), {"--mix", "get=1"});
  program running(HOLDFAST_PROGRAM, input);
  ASSERT_TRUE(running.wait_for_err("1s/1m"));
  running.send_signal(SIGINT);
  running.send_signal(SIGTERM);
  EXPECT_EQ(running.wait().exit_status, 130);
}

struct mistake {
  char const* name;
  std::vector<std::string> arguments;
  std::string says;
};

void PrintTo(mistake const& made, std::ostream* out) {
  *out << made.name;
}

class cli_load_mistakes : public testing::TestWithParam<mistake> {};

TEST_P(cli_load_mistakes, exit_2_and_say_what_would_be_right) {
  auto arguments = GetParam().arguments;
  arguments.insert(arguments.begin(), "load");
  auto const ended = run({.arguments = arguments, .standard_input = {}, .environment = {}});
  EXPECT_EQ(ended.exit_status, 2);
  EXPECT_EQ(ended.out, "");
  EXPECT_THAT(ended.err, AllOf(StartsWith("holdfast: "), HasSubstr(GetParam().says), HasSubstr("load --help")));
}

INSTANTIATE_TEST_SUITE_P(
    cli, cli_load_mistakes,
    testing::Values(mistake{"no_connection", {"--connections", "0"}, "1 to 100000"},
                    mistake{"word_for_a_number", {"--connections", "many"}, "many"},
                    mistake{"duration_without_unit", {"--duration", "10"}, "10ms or 10s"},
                    mistake{"no_time", {"--duration", "0"}, "such as 10s"},
                    mistake{"unknown_operation", {"--mix", "get=1,scan=1"}, "get, put, insert, delete, rmw, list"},
                    mistake{"small_value", {"--value-size", "25"}, "26 to"},
                    mistake{"word_for_a_hold", {"--hold", "x"}, "such as 250us"},
                    mistake{"rate_without_unit", {"--rate", "5000"}, "such as 5000/s"},
                    mistake{"malformed_stage", {"--stage", "10s"}, "such as 10s@1000/s"},
                    mistake{"rate_and_stage", {"--rate", "5/s", "--stage", "1s@5/s"}, "excludes"},
                    mistake{"duration_and_stage", {"--duration", "1s", "--stage", "1s@5/s"}, "excludes"},
                    mistake{"arrivals_of_a_closed_loop", {"--arrivals", "poisson"}, "add --rate"},
                    mistake{"unknown_arrivals", {"--rate", "5/s", "--arrivals", "odd"}, "poisson"},
                    mistake{"threshold_without_limit", {"--threshold", "p99"}, "such as 'p99<5ms'"},
                    mistake{"threshold_of_a_share_of_errors",
                            {"--threshold", "errors<1%"},
                            "'errors<1%' is not a threshold: errors are a count"},
                    mistake{"page_without_a_name", {"--html", ""}, "needs the name of a file"},
                    mistake{"argument", {"extra"}, "extra"}),
    [](auto const& test) { return std::string(test.param.name); });

TEST(cli_load_mistake, of_a_file_that_can_not_be_written_is_told_before_the_run) {
  scripted_server server(sound);
  auto const ended = run(load(server, {"--json", "/no/such/folder/report.json"}));
  EXPECT_EQ(ended.exit_status, 2);
  EXPECT_THAT(ended.err, HasSubstr("can't write '/no/such/folder/report.json'"));
  EXPECT_EQ(server.connections(), 0);
}

}  // namespace
}  // namespace holdfast::tests
