// Watchers against a server that tells them what the test wants.
#include "client/load/watch_pool.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include "tests/client/scripted_server.hpp"

namespace holdfast::client::load {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using tests::scripted_answer;
using tests::scripted_server;
using ending = scripted_answer::ending;

constexpr auto head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n";

std::string put(unsigned key, unsigned revision, unsigned previous) {
  char value[64];
  std::snprintf(value, sizeof value, "%08x%016x", key, revision);
  return R"({"event":"put","id":"a1-)" + std::to_string(revision) + R"(","key":"load-1/)" + std::to_string(key) +
         R"(","revision":)" + std::to_string(revision) + R"(,"previous":)" + std::to_string(previous) +
         R"(,"value":")" + value + "\"}\n";
}

watch_report watch(scripted_server const& server, std::uint64_t from, unsigned watchers = 1) {
  watch_pool pool({.server = parse_server_url(server.url()).value(),
                   .prefix = "load-1/",
                   .from = from,
                   .watchers = watchers,
                   .keeps_events = true});
  auto const limit = std::chrono::steady_clock::now() + 10s;
  while (!pool.is_settled() && std::chrono::steady_clock::now() < limit) std::this_thread::sleep_for(1ms);
  return pool.finish();
}

TEST(watch_pool, keeps_what_it_is_told) {
  auto const server = std::make_unique<scripted_server>(
      head + put(7, 3, 0) + R"({"event":"progress","id":"a1-3","revision":3})" + "\n" +
          R"({"event":"delete","key":"load-1/7","revision":5,"previous":3})" + "\n" +
          R"({"event":"expire","key":"load-1/c2","revision":6,"previous":2})" + "\n",
      ending::stall);
  auto const report = watch(*server, 2);
  EXPECT_TRUE(report.is_right()) << report.first_wrong << report.failure;
  EXPECT_EQ(report.events, 3U);
  ASSERT_EQ(report.logs.size(), 1U);
  ASSERT_EQ(report.logs[0].size(), 1U);
  auto const& events = report.logs[0][0].events;
  EXPECT_EQ(report.logs[0][0].from, 2U);
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].stated.value, 3U);
  EXPECT_EQ(events[1].stated.what, verify::fact::kind::gone);
  EXPECT_EQ(events[2].stated.what, verify::fact::kind::expire);
  EXPECT_EQ(events[2].stated.key, 2 | verify::counter_keys);
  EXPECT_THAT(server->requests()[0].text, HasSubstr("GET /v1/watch?prefix=load-1/&format=ndjson&from=2 "));
}

TEST(watch_pool, finds_events_that_come_twice_too_late_or_not_at_all) {
  for (auto const& [lines, wrong] :
       {std::pair(put(7, 3, 0) + put(7, 3, 0), "change 3 of key 7 came twice"),
        {put(7, 5, 0) + put(8, 4, 0), "change 4 of key 8 came after change 5"},
        {put(7, 3, 0) + put(7, 6, 5), "change 6 of key 7 follows change 5 of it, which did not come"},
        {put(7, 2, 0), "change 2 of key 7 came twice"}}) {  // it has that already
    auto const report = watch(scripted_server(head + lines, ending::stall), 2);
    EXPECT_EQ(report.wrong, 1U);
    EXPECT_EQ(report.first_wrong, wrong);
  }
}

TEST(watch_pool, resumes_behind_the_last_event_when_a_stream_ends) {
  scripted_server const server([](auto const& request) {
    if (request.text.find("from=2 ") != std::string::npos)
      return scripted_answer{.bytes = head + put(7, 3, 0), .then = ending::close};
    if (request.text.find("from=3 ") != std::string::npos)
      return scripted_answer{.bytes = head + put(7, 4, 3), .then = ending::close};
    return scripted_answer{.bytes = head, .then = ending::stall};
  });
  auto const report = watch(server, 2);
  EXPECT_TRUE(report.is_right()) << report.first_wrong;
  EXPECT_EQ(report.events, 2U);
  EXPECT_EQ(report.reconnects, 2U);
}

TEST(watch_pool, begins_anew_where_the_server_says_that_changes_were_lost) {
  auto const report = watch(
      scripted_server(head + put(7, 3, 0) + R"({"event":"lost","id":"a1-9"})" + "\n" + put(7, 12, 10), ending::stall),
      2);
  EXPECT_TRUE(report.is_right()) << report.first_wrong;
  EXPECT_EQ(report.lost, 1U);
  ASSERT_EQ(report.logs[0].size(), 2U);
  EXPECT_EQ(report.logs[0][1].from, 9U);
}

TEST(watch_pool, says_why_it_can_not_begin) {
  auto const report =
      watch(scripted_server(tests::sound_answer("404 Not Found", "Content-Type: application/problem+json\r\n",
                                                R"({"code":"not_found","title":"There is nothing here."})"
                                                "\n"),
                            ending::close),
            2, 3);
  EXPECT_FALSE(report.is_right());
  EXPECT_THAT(report.failure, HasSubstr("There is nothing here."));
}

// A stream that was just being opened, or about to be, had nothing to close: the run hung at its end.
TEST(watch_pool, ends_whatever_its_streams_are_doing) {
  scripted_server const server(head, ending::close);
  for (int i = 0; i < 10; ++i) {
    watch_pool pool({.server = parse_server_url(server.url()).value(), .prefix = "load-1/", .from = 0, .watchers = 4});
    std::this_thread::sleep_for(std::chrono::milliseconds(i * 7));
    EXPECT_TRUE(pool.finish().is_right());
  }
}

}  // namespace
}  // namespace holdfast::client::load
