// The program `holdfast` as its users see it: arguments, environment, standard streams, exit status.
#include <gmock/gmock.h>

#include <cstdio>
#include <fstream>

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

TEST(cli_get, prints_the_value_on_a_line) {
  scripted_server server(found);
  auto const got = holdfast_at(server, {"get", "my-key"});
  EXPECT_EQ(got.exit_status, 0);
  EXPECT_EQ(got.out, "42\n");
  EXPECT_EQ(got.err, "");
}

TEST(cli_get, adds_no_second_line_feed) {
  scripted_server server(sound_answer("200 OK", "Content-Type: application/json\r\n", "[\n1]\n"));
  EXPECT_EQ(holdfast_at(server, {"get", "a"}).out, "[\n1]\n");
}

TEST(cli_get, prints_the_bytes_alone_when_asked_for_them) {
  scripted_server server(found);
  EXPECT_EQ(holdfast_at(server, {"get", "a", "--exact"}).out, "42");
  EXPECT_EQ(holdfast_at(server, {"get", "a", "-n"}).out, "42");
}

TEST(cli_get, shows_status_revision_and_timing_before_the_value) {
  scripted_server server(found);
  auto const got = holdfast_at(server, {"get", "a", "-i"});
  EXPECT_EQ(got.exit_status, 0);
  EXPECT_THAT(got.out, AllOf(StartsWith("status:   200 OK\nrevision: 7\netag:     \"a-7\"\nwait:     1.500 ms\n"
                                        "hold:     2.250 ms\ntotal:    "),
                             EndsWith(" ms\n\n42\n")));
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
  for (auto const* key : {"get", "put", "del", "load"}) EXPECT_EQ(holdfast_at(server, {"get", key}).out, "42\n") << key;
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
}

TEST(cli_server, may_be_named_before_or_after_the_command_or_by_the_environment) {
  scripted_server server(found);
  EXPECT_EQ(holdfast({"--server", server.url(), "get", "a"}).exit_status, 0);
  EXPECT_EQ(holdfast({"get", "a", "--server", server.url()}).exit_status, 0);
  EXPECT_EQ(holdfast({"get", "--server=" + server.url(), "a"}).exit_status, 0);
  EXPECT_EQ(holdfast({"get", "a"}, {}, {{"HOLDFAST_URL", server.url()}}).exit_status, 0);
}

TEST(cli_server, exits_3_when_it_is_unreachable) {
  auto const got = holdfast({"get", "a"});
  EXPECT_EQ(got.exit_status, 3);
  EXPECT_THAT(got.err, AllOf(HasSubstr("http://127.0.0.1:1: connection refused"), HasSubstr("holdfast-server")));
}

TEST(cli_server, exits_3_when_it_answers_too_late) {
  scripted_server server("", scripted_answer::ending::stall);
  auto const got = holdfast_at(server, {"get", "a", "--timeout", "50ms"});
  EXPECT_EQ(got.exit_status, 3);
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
    testing::Values(mistake{"no_command", {}, "there are get put del load"},
                    mistake{"unknown_command", {"fetch", "a"}, "there is no command 'fetch'"},
                    mistake{"no_key", {"get"}, "KEY is required\nTry 'holdfast get --help'"},
                    mistake{"too_many_arguments", {"get", "a", "b"}, "not expected: b"},
                    mistake{"unknown_option", {"get", "a", "--bold", "1s"}, "--bold"},
                    mistake{"duration_without_unit", {"get", "a", "--hold", "10"}, "10ms or 10s"},
                    mistake{"negative_duration", {"get", "a", "--hold", "-5"}, "'-5' is not a duration"},
                    mistake{"no_duration", {"get", "a", "--hold"}, "--hold"},
                    mistake{"word_for_a_duration", {"get", "a", "--timeout", "soon"}, "such as 250us"},
                    mistake{"two_values", {"put", "a", "1", "--file", "x"}, "excludes"},
                    mistake{"https", {"get", "a", "--server", "https://localhost"}, "no TLS"},
                    mistake{"word_for_a_port", {"get", "a", "--server", "localhost:port"}, "1 to 65535"},
                    mistake{"control_character", {"get", "a\nb"}, "control character"},
                    mistake{"empty_key", {"get", ""}, "key"},
                    mistake{"long_key", {"get", std::string(1025, 'a')}, "1024"}),
    [](auto const& test) { return std::string(test.param.name); });

TEST(cli_mistakes_in_the_environment, exit_2_and_name_the_variable) {
  auto const ended = holdfast({"get", "a"}, {}, {{"HOLDFAST_URL", "https://localhost"}});
  EXPECT_EQ(ended.exit_status, 2);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("HOLDFAST_URL"), HasSubstr("no TLS")));
}

TEST(cli_help, goes_to_standard_output_with_examples) {
  for (auto const& arguments :
       std::vector<std::vector<std::string>>{{"--help"}, {"-h"}, {"get", "--help"}, {"put", "-h"}, {"del", "--help"}}) {
    auto const help = holdfast(arguments);
    EXPECT_EQ(help.exit_status, 0);
    EXPECT_EQ(help.err, "");
    EXPECT_THAT(help.out, AllOf(HasSubstr("Examples:\n  holdfast "), HasSubstr("--server")));
  }
}

TEST(cli_version, is_one_line) {
  auto const version = holdfast({"--version"});
  EXPECT_EQ(version.exit_status, 0);
  EXPECT_THAT(version.out, testing::MatchesRegex("holdfast [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

}  // namespace
}  // namespace holdfast::tests
