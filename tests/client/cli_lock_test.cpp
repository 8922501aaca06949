// `holdfast lock` as its users see it.
#include <gmock/gmock.h>

#include "tests/client/program.hpp"
#include "tests/client/scripted_server.hpp"

namespace holdfast::tests {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

program_result holdfast_at(std::string const& url, std::vector<std::string> arguments) {
  return run_program(HOLDFAST_PROGRAM,
                     {.arguments = std::move(arguments), .standard_input = {}, .environment = {{"HOLDFAST_URL", url}}});
}

std::string const stream_head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n";

std::string hello_of(std::string const& life) {
  return R"({"type":"hello","start":")" + life + "\"}\n";
}

std::string const lost_event = R"({"type":"lost","start":"b"})"
                               "\n";

std::string asked_event(int number) {
  return R"({"type":"asked","seq":)" + std::to_string(number) +
         R"(,"source":"writer","operation":"PUT","key":"k","position":1,"asked_ns":1500000000})" + "\n";
}

TEST(cli_lock_events, prints_a_line_for_each_event) {
  scripted_server server(stream_head + hello_of("a") + asked_event(1), scripted_answer::ending::stall);
  auto const got = holdfast_at(server.url(), {"lock", "events", "-n", "1"});
  EXPECT_EQ(got.exit_status, 0) << got.err;
  EXPECT_EQ(got.out, "     1.500 s  writer  PUT k  waits at position 1\n");
}

// It ended with 0 and without a word when the server died.
TEST(cli_lock_events, goes_on_behind_the_last_event_when_the_connection_breaks) {
  scripted_server server([](scripted_server::request const& asked) -> scripted_answer {
    if (asked.connection == 0) return {stream_head + hello_of("a") + asked_event(6), scripted_answer::ending::close};
    return {stream_head + hello_of("a") + asked_event(7), scripted_answer::ending::stall};
  });
  auto const got = holdfast_at(server.url(), {"lock", "events", "--json", "-n", "4"});
  EXPECT_EQ(got.exit_status, 0) << got.err;
  EXPECT_EQ(got.out, hello_of("a") + asked_event(6) + hello_of("a") + asked_event(7));
  EXPECT_THAT(got.err, AllOf(HasSubstr("the server ended the stream; trying again\n"), HasSubstr("connected again")));
  EXPECT_THAT(server.requests().at(1).text, StartsWith("GET /v1/lock/events?format=ndjson&from=a-6 HTTP/1.0\r\n"));
}

// The numbers of a new process begin anew, so that those before would hide its first events.
TEST(cli_lock_events, goes_on_with_the_first_event_of_a_server_that_was_restarted) {
  scripted_server server([](scripted_server::request const& asked) -> scripted_answer {
    if (asked.connection == 0) return {stream_head + hello_of("a") + asked_event(30), scripted_answer::ending::close};
    if (asked.connection == 1) return {stream_head + hello_of("b") + lost_event, scripted_answer::ending::close};
    return {stream_head + hello_of("b") + asked_event(1), scripted_answer::ending::stall};
  });
  auto const got = holdfast_at(server.url(), {"lock", "events", "-n", "3"});
  EXPECT_EQ(got.exit_status, 0) << got.err;
  EXPECT_THAT(got.out, HasSubstr("(events are missing here: the server was restarted)\n"));
  EXPECT_THAT(got.err, HasSubstr("the server was restarted"));
  EXPECT_THAT(server.requests().at(1).text, StartsWith("GET /v1/lock/events?format=ndjson&from=a-30 HTTP"));
  EXPECT_THAT(server.requests().at(2).text, StartsWith("GET /v1/lock/events?format=ndjson&from=b-0 HTTP"));
}

TEST(cli_lock_events, refuses_what_is_no_id_of_an_event) {
  for (auto const* id : {"", "x", "-1", "a-b", "3f-17-2"}) {
    auto const got = holdfast_at("http://127.0.0.1:1", {"lock", "events", std::string("--from=") + id});
    EXPECT_EQ(got.exit_status, 2) << id;
    EXPECT_THAT(got.err, HasSubstr("--from")) << id;
  }
}

TEST(cli_lock_events, is_no_success_when_the_server_stays_away) {
  scripted_server server([](scripted_server::request const& asked) -> scripted_answer {
    if (asked.connection == 0) return {stream_head + hello_of("a") + asked_event(6), scripted_answer::ending::close};
    return {"", scripted_answer::ending::close};
  });
  auto const got = holdfast_at(server.url(), {"lock", "events", "--timeout", "200ms"});
  EXPECT_EQ(got.exit_status, 3);
  EXPECT_THAT(got.err,
              AllOf(HasSubstr("the connection ended without an answer"), HasSubstr("--from a-6 goes on from here")));
}

TEST(cli_lock_events, gives_a_silent_server_no_longer_than_its_timeout) {
  scripted_server server("", scripted_answer::ending::stall);
  auto const got = holdfast_at(server.url(), {"lock", "events", "-n", "1", "--timeout", "100ms"});
  EXPECT_EQ(got.exit_status, 7);
  EXPECT_THAT(got.err, HasSubstr("nothing came within 100ms"));
}

TEST(cli_lock_events, ends_after_the_time_it_was_given_and_says_where_to_go_on) {
  scripted_server server(stream_head + hello_of("a") + asked_event(6), scripted_answer::ending::stall);
  auto const got = holdfast_at(server.url(), {"lock", "events", "--duration", "1s"});
  EXPECT_EQ(got.exit_status, 0);
  EXPECT_THAT(got.err, HasSubstr("--from a-6 goes on from here"));
}

// `lock events | head -n 1` stayed until the next event, which on an idle server never comes.
TEST(cli_lock_events, ends_when_its_reader_has_left) {
  scripted_server server(stream_head + hello_of("a") + asked_event(1), scripted_answer::ending::stall);
  program events(
      HOLDFAST_PROGRAM,
      {.arguments = {"lock", "events"}, .standard_input = {}, .environment = {{"HOLDFAST_URL", server.url()}}});
  ASSERT_TRUE(events.wait_for_out("waits at position 1\n"));
  events.close_out();
  EXPECT_EQ(events.wait().exit_status, 141);
}

TEST(cli_lock_events, prints_the_servers_json_when_asked_for_it) {
  scripted_server server(stream_head + "{\"type\":\"hello\"}\n{\"type\":\"heartbeat\"}\n",
                         scripted_answer::ending::stall);
  auto const got = holdfast_at(server.url(), {"lock", "events", "--json", "--from", "5f-7", "-n", "2"});
  EXPECT_EQ(got.out, "{\"type\":\"hello\"}\n{\"type\":\"heartbeat\"}\n");
  ASSERT_FALSE(server.requests().empty());
  EXPECT_THAT(server.requests()[0].text, StartsWith("GET /v1/lock/events?format=ndjson&from=5f-7 HTTP/1.0\r\n"));
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
  auto const got = holdfast_at(server.url(), {"lock", "top", "-n", "2", "--interval", "50ms"});
  EXPECT_EQ(got.exit_status, 0) << got.err;
  for (auto const* const part : {"holdfast lock top  http://127.0.0.1:", "10.0.0.7:5123", "352", "writer", "120"})
    EXPECT_THAT(got.out, HasSubstr(part));
  // No terminal looks on: one screen stands below the other, and nothing steers a cursor.
  auto const title = got.out.find("holdfast lock top");
  EXPECT_NE(got.out.find("holdfast lock top", title + 1), std::string::npos);
  EXPECT_EQ(got.out.find('\x1b'), std::string::npos);
}

// Each screen opened a connection of its own: 2,500 a second with --interval 0.
TEST(cli_lock_top, asks_over_one_connection) {
  scripted_server server([&](scripted_server::request const& asked) -> scripted_answer {
    if (asked.text.starts_with("GET /v1/lock/events?"))
      return {stream_head + hello_of("a"), scripted_answer::ending::stall};
    return {sound_answer("200 OK", "Content-Type: application/json\r\n", R"({"now_ns":1})"), {}};
  });
  EXPECT_EQ(holdfast_at(server.url(), {"lock", "top", "-n", "3", "--interval", "50ms"}).exit_status, 0);
  EXPECT_EQ(server.connections(), 2);
}

// The figures of the process before stood there, and nothing said so.
TEST(cli_lock_top, starts_anew_with_a_server_that_was_restarted) {
  std::string const done =
      R"({"type":"done","seq":1,"source":"s","operation":"GET","key":"k","position":0,"asked_ns":0,"granted_ns":0,)"
      R"("ended_ns":5000000})"
      "\n";
  scripted_server server([&](scripted_server::request const& asked) -> scripted_answer {
    if (!asked.text.starts_with("GET /v1/lock/events?"))
      return {sound_answer("200 OK", "Content-Type: application/json\r\n", R"({"now_ns":1})"), {}};
    if (asked.text.starts_with("GET /v1/lock/events?format=ndjson HTTP"))
      return {stream_head + hello_of("a") + done + done, scripted_answer::ending::close};
    return {stream_head + hello_of("b") + done, scripted_answer::ending::stall};
  });
  program top(HOLDFAST_PROGRAM, {.arguments = {"lock", "top", "--interval", "50ms"},
                                 .standard_input = {},
                                 .environment = {{"HOLDFAST_URL", server.url()}}});
  EXPECT_TRUE(
      top.wait_for_out("1 requests seen, 0 waited; longest wait 0 ns, longest hold 5.00 ms\n"
                       "the server was restarted; figures since then\n"));
  top.close_out();
  EXPECT_EQ(top.wait().exit_status, 141);
}

TEST(cli_lock_top, gives_a_silent_server_no_longer_than_its_timeout) {
  scripted_server server("", scripted_answer::ending::stall);
  EXPECT_EQ(holdfast_at(server.url(), {"lock", "top", "-n", "1", "--timeout", "100ms"}).exit_status, 7);
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
