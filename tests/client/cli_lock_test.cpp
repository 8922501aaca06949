// `holdfast lock` as its users see it.
#include <gmock/gmock.h>

#include "tests/client/program.hpp"
#include "tests/client/scripted_server.hpp"

namespace holdfast::tests {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

program_result holdfast_at(std::string const& url, std::vector<std::string> arguments) {
  return run_program(HOLDFAST_PROGRAM,
                     {.arguments = std::move(arguments), .standard_input = {}, .environment = {{"HOLDFAST_URL", url}}});
}

std::string const stream_head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n";

TEST(cli_lock_events, prints_lines_until_the_server_ends) {
  scripted_server server(
      stream_head +
          "{\"type\":\"hello\"}\n{\"type\":\"asked\",\"source\":\"writer\",\"operation\":\"PUT\",\"key\":"
          "\"k\",\"position\":1,\"asked_ns\":1500000000}\n",
      scripted_answer::ending::close);
  auto const got = holdfast_at(server.url(), {"lock", "events"});
  EXPECT_EQ(got.exit_status, 0) << got.err;
  EXPECT_EQ(got.out, "     1.500 s  writer  PUT k  waits at position 1\n");
}

TEST(cli_lock_events, prints_the_servers_json_when_asked_for_it) {
  scripted_server server(stream_head + "{\"type\":\"hello\"}\n{\"type\":\"heartbeat\"}\n",
                         scripted_answer::ending::close);
  auto const got = holdfast_at(server.url(), {"lock", "events", "--json", "--from", "7"});
  EXPECT_EQ(got.out, "{\"type\":\"hello\"}\n{\"type\":\"heartbeat\"}\n");
  ASSERT_FALSE(server.requests().empty());
  EXPECT_THAT(server.requests()[0].text, StartsWith("GET /v1/lock/events?format=ndjson&from=7 HTTP/1.0\r\n"));
}

TEST(cli_lock_events, says_why_a_server_refuses) {
  scripted_server server(
      "HTTP/1.1 501 Not Implemented\r\nContent-Type: application/problem+json\r\n\r\n"
      "{\"title\":\"The server was built without this\",\"status\":501,\"detail\":\"no\","
      "\"code\":\"not_built\"}\n",
      scripted_answer::ending::close);
  auto const got = holdfast_at(server.url(), {"lock", "events"});
  EXPECT_EQ(got.exit_status, 1);
  EXPECT_THAT(got.err, HasSubstr("built without"));
}

TEST(cli_lock_events, says_that_nobody_is_there) {
  auto const got = holdfast_at("http://127.0.0.1:1", {"lock", "events"});
  EXPECT_EQ(got.exit_status, 3);
  EXPECT_THAT(got.err, HasSubstr("is holdfast-server running there?"));
}

TEST(cli_lock_top, shows_the_queue_as_often_as_it_was_told) {
  std::string const state =
      R"({"now_ns":3000000000,"owner":{"id":7,"source":"10.0.0.7:5123","operation":"GET","key":"k","held_ms":352.1},)"
      R"("queue":[{"id":8,"source":"writer","operation":"PUT","key":"my-key","waited_ms":120.5}],"queue_length":1})"
      "\n";
  scripted_server server([&](scripted_server::request const& asked) -> scripted_answer {
    if (asked.text.starts_with("GET /v1/lock/events?"))
      return {stream_head + "{\"type\":\"hello\"}\n", scripted_answer::ending::stall};
    return {sound_answer("200 OK", "Content-Type: application/json\r\nConnection: close\r\n", state),
            scripted_answer::ending::close};
  });
  auto const got = holdfast_at(server.url(), {"lock", "top", "-n", "2", "--interval", "1ms"});
  EXPECT_EQ(got.exit_status, 0) << got.err;
  for (auto const* const part : {"holdfast lock top  http://127.0.0.1:", "10.0.0.7:5123", "352", "writer", "120"})
    EXPECT_THAT(got.out, HasSubstr(part));
  // No terminal looks on: one screen stands below the other, and nothing steers a cursor.
  auto const title = got.out.find("holdfast lock top");
  EXPECT_NE(got.out.find("holdfast lock top", title + 1), std::string::npos);
  EXPECT_EQ(got.out.find('\x1b'), std::string::npos);
}

TEST(cli_lock_top, says_that_nobody_is_there) {
  auto const got = holdfast_at("http://127.0.0.1:1", {"lock", "top"});
  EXPECT_EQ(got.exit_status, 3);
  EXPECT_THAT(got.err, HasSubstr("is holdfast-server running there?"));
}

TEST(cli_lock, needs_a_command) {
  EXPECT_EQ(holdfast_at("http://127.0.0.1:1", {"lock"}).exit_status, 2);
  EXPECT_THAT(holdfast_at("http://127.0.0.1:1", {"lock", "--help"}).out, HasSubstr("top"));
}

}  // namespace
}  // namespace holdfast::tests
