// The program `holdfast` as its users see it: arguments, environment, standard streams, exit status.
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "tests/client/program.hpp"
#include "tests/client/scripted_server.hpp"

namespace holdfast::tests {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

std::string const found = sound_answer(
    "200 OK", "Content-Type: application/json\r\nETag: \"a-7\"\r\nServer-Timing: wait;dur=1.5, hold;dur=2.25\r\n",
    "42");
std::string const stored =
    sound_answer("201 Created", "ETag: \"a-8\"\r\nServer-Timing: wait;dur=0, hold;dur=0\r\n", "");
std::string const missing =
    sound_answer("404 Not Found", "Content-Type: application/problem+json\r\nServer-Timing: wait;dur=1, hold;dur=0\r\n",
                 R"({"title":"There is no such key","status":404,"detail":"PUT one","code":"key_not_found"})");

program_result holdfast(std::vector<std::string> arguments, std::string standard_input = {},
                        std::map<std::string, std::string> environment = {}) {
  environment.try_emplace("HOLDFAST_URL", "http://127.0.0.1:1");
  return run_program(HOLDFAST_PROGRAM, {.arguments = std::move(arguments),
                                        .standard_input = std::move(standard_input),
                                        .environment = std::move(environment)});
}

program_result holdfast_at(scripted_server const& server, std::vector<std::string> arguments,
                           std::string standard_input = {}) {
  return holdfast(std::move(arguments), std::move(standard_input), {{"HOLDFAST_URL", server.url()}});
}

std::string body_of(scripted_server::request const& request) {
  return request.text.substr(request.text.find("\r\n\r\n") + 4);
}

program_result on_terminal(scripted_server const& server, std::vector<std::string> arguments) {
  return run_program(HOLDFAST_PROGRAM, {.arguments = std::move(arguments),
                                        .standard_input = {},
                                        .environment = {{"HOLDFAST_URL", server.url()}},
                                        .out_is_terminal = true});
}

TEST(cli_get, prints_the_value_byte_for_byte_into_a_pipe) {
  scripted_server server(found);
  auto const got = holdfast_at(server, {"get", "my-key"});
  EXPECT_EQ(got.exit_status, 0);
  EXPECT_EQ(got.out, "42");
  EXPECT_EQ(got.err, "");
}

TEST(cli_get, prints_the_value_on_a_line_of_its_own_on_a_terminal) {
  scripted_server server(found);
  EXPECT_EQ(on_terminal(server, {"get", "my-key"}).out, "42\r\n");
  EXPECT_EQ(on_terminal(server, {"get", "a", "--exact"}).out, "42");
  EXPECT_EQ(on_terminal(server, {"get", "a", "-n"}).out, "42");
  scripted_server with_line_feed(sound_answer("200 OK", "Content-Type: application/json\r\n", "[\n1]\n"));
  EXPECT_EQ(on_terminal(with_line_feed, {"get", "a"}).out, "[\r\n1]\r\n");
}

// The client stored 70 MB, whose answer it then refused as too large.
TEST(cli_get, prints_values_of_any_size) {
  std::string const large = '"' + std::string(std::size_t(70) << 20, 'x') + '"';
  scripted_server server(sound_answer("200 OK", "Content-Type: application/json\r\n", large));
  EXPECT_TRUE(holdfast_at(server, {"get", "a"}).out == large);
}

TEST(cli_get, shows_status_revision_and_timing_before_the_value) {
  scripted_server server(found);
  auto const got = holdfast_at(server, {"get", "a", "-i"});
  EXPECT_EQ(got.exit_status, 0);
  EXPECT_THAT(got.out, AllOf(StartsWith("status:   200 OK\nrevision: 7\netag:     \"a-7\"\nwait:     1.500 ms\n"
                                        "hold:     2.250 ms\ntotal:    "),
                             EndsWith(" ms\n\n42")));
}

TEST(cli_get, tells_title_and_detail_of_a_refusal_and_exits_1) {
  scripted_server server(missing);
  auto const got = holdfast_at(server, {"get", "a"});
  EXPECT_EQ(got.exit_status, 1);
  EXPECT_EQ(got.out, "");
  EXPECT_EQ(got.err, "holdfast: There is no such key\n  PUT one\n");
}

TEST(cli_get, shows_the_status_of_a_refusal_too) {
  scripted_server server(missing);
  auto const got = holdfast_at(server, {"get", "a", "-i"});
  EXPECT_EQ(got.exit_status, 1);
  EXPECT_THAT(got.out, StartsWith("status:   404 Not Found\nwait:     1.000 ms\nhold:     0.000 ms\ntotal:    "));
}

TEST(cli_get, passes_hold_and_lock_timeout_on) {
  scripted_server server(found);
  ASSERT_EQ(holdfast_at(server, {"get", "a", "--hold", "500ms", "--lock-timeout=0"}).exit_status, 0);
  EXPECT_THAT(server.requests().at(0).text, StartsWith("GET /v1/kv/a?hold=500ms&lock-timeout=0 HTTP/1.1\r\n"));
}

TEST(cli_get, takes_a_key_that_is_the_name_of_a_command) {
  scripted_server server(found);
  for (auto const* key : {"get", "put", "del", "load"}) EXPECT_EQ(holdfast_at(server, {"get", key}).out, "42") << key;
}

TEST(cli_put, takes_the_value_from_the_command_line) {
  scripted_server server(stored);
  auto const put = holdfast_at(server, {"put", "greeting", "\"hello\""});
  EXPECT_EQ(put.exit_status, 0);
  EXPECT_EQ(put.out, "");
  EXPECT_EQ(put.err, "");
  EXPECT_EQ(body_of(server.requests().at(0)), "\"hello\"");
}

TEST(cli_put, takes_a_negative_number_for_a_value_and_not_for_an_option) {
  scripted_server server(stored);
  ASSERT_EQ(holdfast_at(server, {"put", "t", "-5", "--hold", "0"}).exit_status, 0);
  EXPECT_EQ(body_of(server.requests().at(0)), "-5");
  ASSERT_EQ(holdfast_at(server, {"put", "t", "--", "-5.5e3"}).exit_status, 0);
  EXPECT_EQ(body_of(server.requests().at(1)), "-5.5e3");
}

// Negative numbers were moved behind the other words, so that key and value changed places.
TEST(cli_put, takes_a_negative_number_for_a_key) {
  scripted_server server(stored);
  ASSERT_EQ(holdfast_at(server, {"put", "-1001234567890", "\"team chat\""}).exit_status, 0);
  ASSERT_EQ(holdfast_at(server, {"put", "-40", "-12", "--hold", "1ms"}).exit_status, 0);
  EXPECT_THAT(server.requests().at(0).text,
              AllOf(StartsWith("PUT /v1/kv/-1001234567890 HTTP"), EndsWith("\r\n\r\n\"team chat\"")));
  EXPECT_THAT(server.requests().at(1).text, AllOf(StartsWith("PUT /v1/kv/-40?hold=1ms HTTP"), EndsWith("\r\n\r\n-12")));
}

TEST(cli_put, takes_the_value_from_standard_input_byte_for_byte) {
  scripted_server server(stored);
  ASSERT_EQ(holdfast_at(server, {"put", "a"}, "[1,\n2]\n").exit_status, 0);
  ASSERT_EQ(holdfast_at(server, {"put", "a", "--file", "-"}, "[3]").exit_status, 0);
  EXPECT_EQ(body_of(server.requests().at(0)), "[1,\n2]\n");
  EXPECT_EQ(body_of(server.requests().at(1)), "[3]");
}

TEST(cli_put, takes_the_value_from_a_file) {
  auto const path = testing::TempDir() + "holdfast_cli_put_value.json";
  std::ofstream(path) << "{\"a\": 1}\n";
  scripted_server server(stored);
  ASSERT_EQ(holdfast_at(server, {"put", "a", "--file", path}).exit_status, 0);
  EXPECT_EQ(body_of(server.requests().at(0)), "{\"a\": 1}\n");
  std::remove(path.c_str());
}

TEST(cli_put, says_which_file_it_can_not_read) {
  scripted_server server(stored);
  for (auto const* path : {"/no/such/file", "/"}) {
    auto const put = holdfast_at(server, {"put", "a", "--file", path});
    EXPECT_EQ(put.exit_status, 2) << path;
    EXPECT_THAT(put.err, StartsWith("holdfast: can't read '" + std::string(path) + "': "));
  }
  EXPECT_EQ(server.requests().size(), 0U);
}

TEST(cli_put, tells_how_to_quote_when_the_server_finds_no_json) {
  scripted_server server(sound_answer("400 Bad Request", "Content-Type: application/problem+json\r\n",
                                      R"({"title":"Not JSON","status":400,"detail":"at 1","code":"invalid_json"})"));
  auto const put = holdfast_at(server, {"put", "greeting", "hello"});
  EXPECT_EQ(put.exit_status, 1);
  EXPECT_THAT(put.err, HasSubstr(R"('"hello"')"));
}

TEST(cli_put, shows_whether_the_key_is_new) {
  scripted_server server(stored);
  EXPECT_THAT(holdfast_at(server, {"put", "a", "1", "-i"}).out, StartsWith("status:   201 Created\nrevision: 8\n"));
}

TEST(cli_del, says_nothing_when_it_removed_the_key_and_exits_1_when_there_was_none) {
  scripted_server server("HTTP/1.1 204 No Content\r\n\r\n");
  auto const removed = holdfast_at(server, {"del", "a"});
  EXPECT_EQ(removed.exit_status, 0);
  EXPECT_EQ(removed.out + removed.err, "");
  scripted_server empty(missing);
  EXPECT_EQ(holdfast_at(empty, {"del", "a"}).exit_status, 1);
  for (auto const* other_name : {"delete", "rm"}) EXPECT_EQ(holdfast_at(server, {other_name, "a"}).exit_status, 0);
}

TEST(cli_server, may_be_named_before_or_after_the_command_or_by_the_environment) {
  scripted_server server(found);
  EXPECT_EQ(holdfast({"--server", server.url(), "get", "a"}).exit_status, 0);
  EXPECT_EQ(holdfast({"get", "a", "--server", server.url()}).exit_status, 0);
  EXPECT_EQ(holdfast({"get", "--server=" + server.url(), "a"}).exit_status, 0);
  EXPECT_EQ(holdfast({"get", "a"}, {}, {{"HOLDFAST_URL", server.url()}}).exit_status, 0);
}

TEST(cli_server, may_be_one_of_several) {
  scripted_server server(found);
  auto const gone = std::string("http://127.0.0.1:1");
  EXPECT_EQ(holdfast({"--server", gone, "--server", server.url(), "get", "a"}).exit_status, 0);
  EXPECT_EQ(holdfast({"--server", gone + ',' + server.url(), "get", "a"}).exit_status, 0);
  EXPECT_EQ(holdfast({"get", "a"}, {}, {{"HOLDFAST_URL", gone + ',' + server.url()}}).exit_status, 0);
  auto const none = holdfast({"--server", gone + ",127.0.0.1:2", "get", "a"});
  EXPECT_EQ(none.exit_status, 3);
  EXPECT_THAT(none.err, AllOf(HasSubstr("127.0.0.1:1:"), HasSubstr("127.0.0.1:2:")));
}

TEST(cli_server, exits_3_when_it_is_unreachable) {
  auto const got = holdfast({"get", "a"});
  EXPECT_EQ(got.exit_status, 3);
  EXPECT_THAT(got.err, AllOf(HasSubstr("http://127.0.0.1:1: connection refused"), HasSubstr("holdfast-server")));
}

// It was told as unreachable, which it wasn't.
TEST(cli_server, exits_7_when_it_answers_too_late) {
  scripted_server server("", scripted_answer::ending::stall);
  auto const got = holdfast_at(server, {"get", "a", "--timeout", "50ms"});
  EXPECT_EQ(got.exit_status, 7);
  EXPECT_THAT(got.err, HasSubstr("no answer within 50ms"));
}

TEST(cli_server, exits_3_when_it_is_no_holdfast_server) {
  scripted_server server(sound_answer("200 OK", "Content-Type: text/html\r\n", "<html>"));
  auto const got = holdfast_at(server, {"get", "a"});
  EXPECT_EQ(got.exit_status, 3);
  EXPECT_EQ(got.out, "");
  EXPECT_THAT(got.err, HasSubstr("is that a Holdfast server?"));
}

struct mistake {
  char const* name;
  std::vector<std::string> arguments;
  std::string says;
};

void PrintTo(mistake const& made, std::ostream* out) {
  *out << made.name;
}

class cli_mistakes : public testing::TestWithParam<mistake> {};

TEST_P(cli_mistakes, exit_2_and_say_what_would_be_right) {
  auto const ended = holdfast(GetParam().arguments);
  EXPECT_EQ(ended.exit_status, 2);
  EXPECT_EQ(ended.out, "");
  EXPECT_THAT(ended.err, AllOf(StartsWith("holdfast: "), HasSubstr(GetParam().says)));
}

INSTANTIATE_TEST_SUITE_P(
    cli, cli_mistakes,
    testing::Values(mistake{"no_command", {}, "a command is missing; there are get, put, del, patch,"},
                    mistake{"unknown_command", {"fetch", "a"}, "there is no command 'fetch'\nThere are get, put,"},
                    mistake{"slip_in_a_command", {"gte", "a"}, "no command 'gte'; did you mean 'get'?"},
                    mistake{"slip_in_an_alias", {"deleet", "a"}, "did you mean 'delete'?"},
                    mistake{"slip_in_a_command_of_lock", {"lock", "tpo"}, "did you mean 'top'?\nThere are events, top"},
                    mistake{"no_command_of_lock", {"lock"}, "a command of lock is missing; there are events, top"},
                    mistake{"help_about_nothing", {"help", "lok"}, "did you mean 'lock'?"},
                    mistake{"many_arguments", {"get", "a", "b", "--bold", "c"}, "not expected: b --bold c\n"},
                    mistake{"slip_in_a_flag", {"get", "a", "--hodl", "1s"}, "Did you mean --hold instead of --hodl?"},
                    mistake{"minus_for_a_count", {"lock", "events", "--from", "-5"}, "'-5' is not the id of an event"},
                    mistake{"minus_for_a_seed", {"load", "--seed", "-5"}, "'-5' is not a whole number"},
                    mistake{"minus_for_connections", {"load", "-c", "-5"}, "whole number from 1 to 100000"},
                    mistake{"no_lines", {"lock", "events", "-n", "0"}, "at least 1"},
                    mistake{"busy_screen", {"lock", "top", "--interval", "0"}, "less than 50ms"},
                    mistake{"endless_ttl", {"put", "a", "1", "--ttl", "101y"}, "such as 30s"},
                    mistake{"long_ttl", {"put", "a", "1", "--ttl", "36526d"}, "the longest is 100 years"},
                    mistake{"no_ttl", {"put", "a", "1", "--ttl", "0s"}, "it is 0"},
                    mistake{"touch_without_ttl", {"touch", "a"}, "--ttl is required"},
                    mistake{"both_conditions", {"put", "a", "1", "--create", "--if-match", "x"}, "excludes"},
                    mistake{"port_of_no_number", {"get", "a", "--server", "80800"}, "1 to 65535"},
                    mistake{"no_key", {"get"}, "KEY is required\nTry 'holdfast get --help'"},
                    mistake{"too_many_arguments", {"get", "a", "b"}, "not expected: b"},
                    mistake{"unknown_option", {"get", "a", "--bold", "1s"}, "--bold"},
                    mistake{"duration_without_unit", {"get", "a", "--hold", "10"}, "10ms or 10s"},
                    mistake{"negative_duration", {"get", "a", "--hold", "-5"}, "'-5' is not a duration"},
                    mistake{"no_duration", {"get", "a", "--hold"}, "--hold"},
                    mistake{"word_for_a_duration", {"get", "a", "--timeout", "soon"}, "such as 250us"},
                    mistake{"two_values", {"put", "a", "1", "--file", "x"}, "excludes"},
                    mistake{"ftp", {"get", "a", "--server", "ftp://localhost"}, "https://"},
                    mistake{"word_for_a_port", {"get", "a", "--server", "localhost:port"}, "1 to 65535"},
                    mistake{"control_character", {"get", "a\nb"}, "control character"},
                    mistake{"empty_key", {"get", ""}, "key"},
                    mistake{"long_key", {"get", std::string(1025, 'a')}, "1024"}),
    [](auto const& test) { return std::string(test.param.name); });

TEST(cli_mistakes_in_the_environment, exit_2_and_name_the_variable) {
  auto const ended = holdfast({"get", "a"}, {}, {{"HOLDFAST_URL", "ftp://localhost"}});
  EXPECT_EQ(ended.exit_status, 2);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("HOLDFAST_URL"), HasSubstr("https://")));
}

std::string field_sent(scripted_server const& server, std::string const& name) {
  auto const text = server.requests().at(0).text;
  auto const at = text.find("\r\n" + name + ": ");
  return at == std::string::npos ? ""
                                 : text.substr(at + name.size() + 4, text.find("\r\n", at + 2) - at - name.size() - 4);
}

TEST(cli_token, is_taken_from_a_file_or_the_environment) {
  auto const file = testing::TempDir() + "cli_token." + std::to_string(::getpid());
  std::ofstream(file) << "hf_of-file\n";
  scripted_server with_file(found);
  EXPECT_EQ(holdfast({"get", "a", "--token-file", file}, {},
                     {{"HOLDFAST_URL", with_file.url()}, {"HOLDFAST_TOKEN", "hf_of-variable"}})
                .exit_status,
            0);
  EXPECT_EQ(field_sent(with_file, "Authorization"), "Bearer hf_of-file");
  scripted_server with_variable(found);
  EXPECT_EQ(
      holdfast({"get", "a"}, {}, {{"HOLDFAST_URL", with_variable.url()}, {"HOLDFAST_TOKEN", "hf_of-variable"}}).err,
      "");
  EXPECT_EQ(field_sent(with_variable, "Authorization"), "Bearer hf_of-variable");
  scripted_server without(found);
  EXPECT_EQ(holdfast_at(without, {"get", "a"}).exit_status, 0);
  EXPECT_EQ(field_sent(without, "Authorization"), "");
  std::remove(file.c_str());
}

TEST(cli_token, that_is_none_is_refused_and_never_shown) {
  auto const ended = holdfast({"get", "a"}, {}, {{"HOLDFAST_TOKEN", "two words"}});
  EXPECT_EQ(ended.exit_status, 2);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("HOLDFAST_TOKEN holds no token"), Not(HasSubstr("two words"))));
  EXPECT_EQ(holdfast({"get", "a", "--token-file", "/nowhere/token"}).exit_status, 2);
}

TEST(cli_token, that_is_missing_is_told_how_to_give) {
  scripted_server server(sound_answer("401 Unauthorized", "Content-Type: application/problem+json\r\n",
                                      R"({"title":"A valid token is needed","code":"token_needed","status":401})"));
  auto const refused = holdfast_at(server, {"get", "a"});
  EXPECT_EQ(refused.exit_status, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("--token-file"), HasSubstr("HOLDFAST_TOKEN")));
}

// Whoever misspells a variable should not have to wonder why nothing changes. Those of the server may be there.
TEST(cli_environment, is_told_what_is_no_variable) {
  scripted_server server(found);
  auto const got =
      holdfast({"get", "a"}, {}, {{"HOLDFAST_URL", server.url()}, {"HOLDFAST_SERVER", "x"}, {"HOLDFAST_LISTEN", "x"}});
  EXPECT_EQ(got.exit_status, 0);
  EXPECT_EQ(got.err, "holdfast: there is no variable HOLDFAST_SERVER; did you mean HOLDFAST_URL?\n");
}

std::vector<std::vector<std::string>> const all_commands{
    {},          {"get"},   {"put"},    {"del"},       {"patch"}, {"incr"},           {"touch"},       {"list"},
    {"txn"},     {"watch"}, {"export"}, {"import"},    {"lock"},  {"lock", "events"}, {"lock", "top"}, {"load"},
    {"compare"}, {"help"},  {"locks"},  {"with-lock"}, {"man"}};

TEST(cli_help, goes_to_standard_output_and_fits_eighty_columns_a_line_for_each_flag) {
  for (auto command : all_commands) {
    command.emplace_back("--help");
    auto const help = holdfast(command);
    EXPECT_EQ(help.exit_status, 0);
    EXPECT_EQ(help.err, "");
    EXPECT_THAT(help.out,
                AllOf(HasSubstr("\nUsage: holdfast"), HasSubstr("\nExamples\n  holdfast "), HasSubstr("--server URL")));
    std::istringstream lines(help.out);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(line.size(), 80U) << line;
      EXPECT_FALSE(line.starts_with("             ")) << "more than one line for a flag: " << line;
    }
  }
}

TEST(cli_help, comes_by_the_word_help_too_and_then_says_all) {
  for (auto command : all_commands) {
    command.insert(command.begin(), "help");
    auto const manual = holdfast(command);
    EXPECT_EQ(manual.exit_status, 0);
    EXPECT_THAT(manual.out, HasSubstr("\nUsage: holdfast"));
  }
  EXPECT_THAT(holdfast({"help", "load"}).out, HasSubstr("--find-max doubles the rate"));
  EXPECT_THAT(holdfast({"load", "--help"}).out, testing::Not(HasSubstr("--find-max doubles the rate")));
}

TEST(cli_help, lists_each_exit_status_once) {
  auto const help = holdfast({"--help"}).out;
  for (auto const* status : {"  0    done", "  1    ", "  2    ", "  3    no server", "  4    load", "  5    load",
                             "  6    load", "  7    timed out", "  8    a condition", "  130  ", "  141  "})
    EXPECT_THAT(help, HasSubstr(std::string("\n") + status));
}

TEST(cli_help, is_an_error_where_it_can_not_be_written) {
  auto const ended = run_program(
      "/bin/sh",
      {.arguments = {"-c", HOLDFAST_PROGRAM " load --help >/dev/full"}, .standard_input = {}, .environment = {}});
  EXPECT_EQ(ended.exit_status, 1);
  EXPECT_THAT(ended.err, HasSubstr("can't write to standard output"));
}

TEST(cli_version, is_one_line) {
  for (auto const* word : {"--version", "version"}) {
    auto const version = holdfast({word});
    EXPECT_EQ(version.exit_status, 0);
    EXPECT_THAT(version.out, testing::MatchesRegex("holdfast [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  }
}

}  // namespace
}  // namespace holdfast::tests
