#include "server/insight/source_names.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "server/insight/insight.hpp"
#include "server/insight/lock_json.hpp"

namespace holdfast::server {
namespace {

using nlohmann::json;

peer_address address(std::uint16_t name) {
  return {.bytes = {10, 0, 0, 7}, .port = 5123, .is = peer_address::kind::v4, .name = name};
}

std::string shown(std::string_view source, std::string_view user_agent) {
  source_names names;
  return names.text_of(address(names.number_of(source, user_agent)));
}

TEST(source_names, a_source_is_shown_by_the_name_that_it_gives_itself) {
  EXPECT_EQ(shown("reader 1", "curl/7.88.1"), "reader 1");
}

TEST(source_names, one_without_a_name_is_shown_by_its_program_and_port) {
  EXPECT_EQ(shown("", "curl/7.88.1"), "curl:5123");
  EXPECT_EQ(shown("", "node"), "node:5123");
  EXPECT_EQ(shown("", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"), "Firefox:5123");
  EXPECT_EQ(shown("", "Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"),
            "Chrome:5123");
  EXPECT_EQ(shown("", "Mozilla/5.0 AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36 Edg/131.0"), "Edg:5123");
}

TEST(source_names, one_that_says_nothing_is_shown_by_its_address) {
  EXPECT_EQ(shown("", ""), "10.0.0.7:5123");
  EXPECT_EQ(shown("", "/1.0"), "10.0.0.7:5123");
}

TEST(source_names, nobody_passes_for_a_part_of_the_server_or_breaks_a_line) {
  EXPECT_EQ(shown("writer", ""), "10.0.0.7:5123");
  EXPECT_EQ(shown("expiry", "curl/8"), "curl:5123");
  EXPECT_EQ(shown("a\tb", ""), "10.0.0.7:5123");
  EXPECT_EQ(shown("\xff\xfe", ""), "10.0.0.7:5123");
  EXPECT_EQ(shown(std::string(65, 'x'), ""), "10.0.0.7:5123");
  EXPECT_EQ(shown(std::string(64, 'x'), ""), std::string(64, 'x'));
}

TEST(source_names, the_same_name_has_the_same_number_and_too_many_names_have_none) {
  source_names names;
  auto const first = names.number_of("a", "");
  EXPECT_NE(first, 0);
  EXPECT_EQ(names.number_of("a", "curl/8"), first);
  EXPECT_NE(names.number_of("", "a/1"), first) << "a name of a program is shown with its port";
  for (std::size_t i = 0; i < 2 * source_names::names_max; ++i) names.number_of("name " + std::to_string(i), "");
  EXPECT_EQ(names.number_of("one more", ""), 0);
  EXPECT_EQ(names.number_of("a", ""), first);
  EXPECT_EQ(names.text_of(address(0)), "10.0.0.7:5123");
}

TEST(source_names, events_and_the_state_of_the_lock_have_both_name_and_address) {
  insight watched(1, 0xab);
  auto& recorder = *watched.recorders[0];
  auto const reader = address(watched.names.number_of("reader 1", ""));
  auto const now = watched.started_at;
  recorder.passed(reader, lock_operation::get, "k", now, now + std::chrono::microseconds(5));
  recorder.passed(address(0), lock_operation::get, "k", now, now + std::chrono::microseconds(9));
  std::string text;
  std::uint64_t next = 1;
  watched.feed.take(next, {.events_max = 1, .bytes_max = 10'000, .backlog_max = 10}, event_format::ndjson, text);
  auto const told = json::parse(text);
  EXPECT_EQ(told["source"], "reader 1");
  EXPECT_EQ(told["address"], "10.0.0.7:5123");
  text.clear();
  watched.feed.take(next, {.events_max = 1, .bytes_max = 10'000, .backlog_max = 10}, event_format::ndjson, text);
  EXPECT_EQ(json::parse(text)["source"], "10.0.0.7:5123");
  EXPECT_FALSE(json::parse(text).contains("address"));

  lock_visit holder({&recorder, reader, lock_operation::get}, "k", now);
  holder.granted(now, std::chrono::seconds(1));
  auto const state = json::parse(
      lock_state_json(watched.present({.entries_max = 10, .bytes_max = 1000}), 5, 0xab, 10, &watched.names));
  EXPECT_EQ(state["owner"]["source"], "reader 1");
  EXPECT_EQ(state["owner"]["address"], "10.0.0.7:5123");
  holder.released(now);
}

}  // namespace
}  // namespace holdfast::server
