#include "server/api/event_stream.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr std::int64_t second_ns = 1'000'000'000;

struct one_consumer : ::testing::Test {
  void pass(int times, std::string_view key = "k") {
    for (int i = 0; i < times; ++i)
      source.recorders[0]->passed({}, lock_operation::get, key, source.started_at + 1us, source.started_at + 2us);
  }

  /// What append_news() writes until there is nothing more.
  static std::vector<json> all(event_stream& stream, std::int64_t now_ns) {
    std::string text;
    for (auto more = true; more;) more = stream.append_news(text, now_ns);
    std::vector<json> told;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) told.push_back(json::parse(line));
    return told;
  }

  insight source{1, 0xabc};
  live_settings live{true, std::chrono::nanoseconds(0), std::chrono::milliseconds(350)};
};

TEST_F(one_consumer, is_greeted_with_the_clock_and_the_settings) {
  event_stream stream(source, live, event_format::ndjson, {});
  std::string text;
  stream.append_hello(text, 5);
  auto const hello = json::parse(text);
  EXPECT_TRUE(text.starts_with("{\"type\":\"hello\",")) << text;
  EXPECT_EQ(hello["now_ns"], 5);
  EXPECT_EQ(hello["start"], "abc");
  EXPECT_EQ(hello["settings"]["read_hold_ms"], 0);
  EXPECT_EQ(hello["settings"]["writer_period_ms"], 350);
  EXPECT_EQ(hello["settings"]["live"], true);
}

TEST_F(one_consumer, is_told_what_comes_after_it_and_nothing_twice) {
  pass(3, "before");
  event_stream stream(source, live, event_format::ndjson, {});
  pass(2, "after");
  auto const told = all(stream, 1);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0]["key"], "after");
  EXPECT_EQ(told[0]["seq"], 4);
  EXPECT_TRUE(all(stream, 2).empty());
}

TEST_F(one_consumer, is_told_of_the_commits_of_its_time_together) {
  source.commits.add({1, 2, 30});
  event_stream later(source, live, event_format::ndjson, {});
  event_stream from_the_beginning(source, live, event_format::ndjson, 0);
  source.commits.add({3, 5, 40});
  source.commits.add({6, 7, 1});
  auto const told = all(later, 1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0], json::parse(R"({"type":"commits","commits":[[3,5,40],[6,7,1]]})"));
  EXPECT_TRUE(all(later, 2).empty());
  EXPECT_EQ(all(from_the_beginning, 1)[0]["commits"].size(), 3U);
}

TEST_F(one_consumer, that_is_slow_misses_the_oldest_commits_and_gets_a_bounded_message_each_time) {
  event_stream stream(source, live, event_format::ndjson, {});
  auto const many = static_cast<std::int64_t>(commit_log::commits_max) + 10;
  for (std::int64_t i = 0; i < many; ++i) source.commits.add({i, i + 1, 1});
  auto const told = all(stream, 1);
  EXPECT_EQ(told.size(), commit_log::commits_max / event_stream::commits_at_once);
  EXPECT_EQ(told[0]["commits"][0][0], 10);
  EXPECT_EQ(told[0]["commits"].size(), event_stream::commits_at_once);
}

TEST_F(one_consumer, resumes_behind_the_last_event_that_it_has_seen) {
  pass(5);
  event_stream stream(source, live, event_format::ndjson, 2);
  auto const told = all(stream, 1);
  ASSERT_EQ(told.size(), 3U);
  EXPECT_EQ(told[0]["seq"], 3);
}

TEST_F(one_consumer, of_a_former_server_begins_with_what_comes_now) {
  pass(5);
  event_stream stream(source, live, event_format::ndjson, 1'000'000);
  EXPECT_TRUE(all(stream, 1).empty());
  pass(1);
  EXPECT_EQ(all(stream, 2).size(), 1U);
}

TEST_F(one_consumer, gets_server_sent_events_with_id_and_type) {
  event_stream stream(source, live, event_format::sse, {});
  pass(1, "a\"b");
  std::string text;
  stream.append_news(text, 1);
  EXPECT_TRUE(text.starts_with("id: abc-1\nevent: done\ndata: {\"type\":\"done\",")) << text;
  EXPECT_TRUE(text.ends_with("}\n\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4);
}

TEST_F(one_consumer, that_cannot_keep_up_is_told_how_much_it_missed) {
  event_stream stream(source, live, event_format::ndjson, {});
  std::uint64_t got = 0, dropped = 0;
  constexpr int rounds = 20, events = 10'000;
  for (int i = 1; i <= rounds; ++i) {
    pass(events);
    for (auto const& one : all(stream, i * second_ns / 20)) {
      if (one["type"] == "dropped")
        dropped += one["count"].get<std::uint64_t>();
      else
        ++got;
    }
  }
  EXPECT_EQ(got + dropped, std::uint64_t(rounds) * events);
  EXPECT_GT(dropped, 0U);
  EXPECT_LE(got, lock_feed::events_max + event_stream::events_per_second_max);
  EXPECT_EQ(source.feed.dropped(), dropped);
}

TEST_F(one_consumer, hears_a_heartbeat_where_nothing_happens) {
  event_stream stream(source, live, event_format::ndjson, {});
  std::string hello;
  stream.append_hello(hello, 0);
  EXPECT_TRUE(all(stream, 5 * second_ns - 1).empty());
  auto const told = all(stream, 5 * second_ns);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0]["type"], "heartbeat");
  EXPECT_EQ(told[0]["now_ns"], 5 * second_ns);
  EXPECT_TRUE(all(stream, 5 * second_ns + 1).empty());
}

TEST_F(one_consumer, hears_of_new_settings) {
  event_stream stream(source, live, event_format::ndjson, {});
  live.change(1500ms, {});
  auto const told = all(stream, 1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0]["type"], "settings");
  EXPECT_EQ(told[0]["settings"]["read_hold_ms"], 1500);
  EXPECT_EQ(told[0]["settings"]["writer_period_ms"], 350);
}

TEST_F(one_consumer, gets_bounded_pieces_of_what_has_piled_up) {
  event_stream stream(source, live, event_format::ndjson, {});
  pass(2000, std::string(1024, 'k'));
  std::string text;
  EXPECT_TRUE(stream.append_news(text, 1));
  EXPECT_LE(text.size(), 2 * event_stream::bytes_at_once);
}

}  // namespace
}  // namespace holdfast::server
