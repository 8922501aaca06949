// Changes as they happen: GET /v1/watch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/stopwatch.hpp"

namespace holdfast::tests {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

/// One event, in either format.
struct watch_event {
  std::string id, name;
  json data;

  /// `put users/1 = 1`.
  [[nodiscard]] std::string told() const {
    std::string text = name;
    if (data.contains("key")) text += ' ' + data["key"].get<std::string>();
    if (data.contains("value")) text += " = " + data["value"].dump();
    return text;
  }
  [[nodiscard]] std::uint64_t revision() const { return data["revision"]; }
};

/// A watching client. It uses HTTP/1.0, so that events are not split into chunks.
class follower {
 public:
  explicit follower(std::uint16_t port, std::string const& query = {}, std::string const& fields = {},
                    int receive_buffer_bytes = 0)
      : client_(port, receive_buffer_bytes), is_ndjson_(query.find("ndjson") != std::string::npos) {
    client_.send("GET /v1/watch?" + query + " HTTP/1.0\r\nHost: test\r\n" + fields + "\r\n");
    auto const text = client_.receive_until("\r\n\r\n");
    head = parse_reply_head(std::string_view(text).substr(0, text.size() - 2));
  }

  watch_event next() {
    watch_event event;
    if (is_ndjson_) {
      event.data = json::parse(client_.receive_until("\n"));
      event.name = event.data["event"];
      event.id = event.data.value("id", "");
      return event;
    }
    auto const text = client_.receive_until("\n\n");
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = text.find('\n', begin)) != std::string::npos && end != begin; begin = end + 1) {
      auto const line = text.substr(begin, end - begin);
      auto const colon = line.find(": ");
      auto const field = line.substr(0, colon), value = line.substr(colon + 2);
      if (field == "id")
        event.id = value;
      else if (field == "event")
        event.name = value;
      else if (field == "data")
        event.data = json::parse(value);
      else
        ADD_FAILURE() << "a line of another kind: " << line;
    }
    return event;
  }
  /// The next event other than `progress`.
  watch_event next_news() {
    for (;;)
      if (auto event = next(); event.name != "progress") return event;
  }

  raw_client& client() noexcept { return client_; }

  raw_reply head;

 private:
  raw_client client_;
  bool const is_ndjson_;
};

struct watch : ::testing::Test {
  raw_reply put(std::string const& key, std::string const& value = "1") {
    return client.ask(request("PUT", "/v1/kv/" + key, value));
  }
  void del(std::string const& key) { client.ask(request("DELETE", "/v1/kv/" + key)); }
  raw_reply refused(std::string const& query, std::string const& fields = {}) {
    return raw_client(server.port()).ask(request("GET", "/v1/watch?" + query, {}, fields));
  }
  /// The part of the ids that identifies this database.
  std::string database() {
    auto const tag = put("which").field("etag");
    return tag.substr(1, tag.find('-') - 1);
  }

  /// A server with a short history.
  static server::settings with_short_history() {
    auto settings = running_server::test_settings();
    settings.memory_bytes_max = 4 * 1024 * 1024;  // of which the history gets 192 KiB
    return settings;
  }

  running_server server;
  raw_client client{server.port()};
};

// A watch that ended before its first event could not be resumed, and was told `lost` although it had missed nothing.
TEST_F(watch, tells_at_once_where_it_begins_unless_it_was_told_where) {
  put("elsewhere");
  follower begins(server.port());
  auto const begin = begins.next();
  EXPECT_EQ(begin.name, "progress");
  EXPECT_EQ(begin.revision(), 1U);
  put("a", "2");
  EXPECT_EQ(follower(server.port(), "from=" + begin.id).next().told(), "put a = 2");
  EXPECT_EQ(follower(server.port(), "initial=true").next().name, "put");
}

// Events for a prefix without changes, so that it can be resumed and a dead connection is noticed.
TEST_F(watch, tells_every_five_seconds_how_far_it_has_come_although_nothing_happened_here) {
  follower idle(server.port(), "prefix=idle/&from=0");
  stopwatch const since;
  put("elsewhere");
  auto const progress = idle.next();
  EXPECT_EQ(progress.name, "progress");
  EXPECT_GE(since.elapsed_ms(), 4000);
  EXPECT_LE(since.elapsed_ms(), 9000);
  EXPECT_EQ(progress.id, database() + "-1");
}

TEST_F(watch, tells_each_change_with_key_revision_previous_revision_and_value) {
  put("a", "0");
  follower all(server.port());
  EXPECT_EQ(all.head.status, 200);
  EXPECT_EQ(all.head.field("content-type"), "text/event-stream");
  EXPECT_EQ(all.head.field("cache-control"), "no-store");
  put("a", "{\"x\":\n [1, 2]}");
  put("b?ttl=30ms", "2");
  del("a");
  auto const first = all.next_news();
  EXPECT_THAT(first.id, MatchesRegex("[0-9a-f]+-2"));
  EXPECT_EQ(first.name, "put");
  EXPECT_EQ(first.data, (json{{"key", "a"}, {"revision", 2}, {"previous", 1}, {"value", {{"x", {1, 2}}}}}));
  auto const second = all.next_news();
  EXPECT_EQ(second.told(), "put b = 2");
  EXPECT_EQ(second.data["previous"], 0);
  EXPECT_LE(second.data["ttl"].get<double>(), 0.03);
  auto removal = all.next_news(), expiry = all.next_news();
  if (removal.name == "expire") std::swap(removal, expiry);
  EXPECT_EQ(removal.told(), "delete a");
  EXPECT_EQ(removal.data["previous"], 2);
  EXPECT_EQ(expiry.told(), "expire b") << "never told as a delete";
  EXPECT_EQ(expiry.data["previous"], 3);
}

TEST_F(watch, tells_the_same_as_lines_of_json) {
  follower all(server.port(), "format=ndjson");
  EXPECT_EQ(all.head.field("content-type"), "application/x-ndjson");
  put("a", "{\"x\":\n1}");
  auto const event = all.next_news();
  EXPECT_THAT(event.id, MatchesRegex("[0-9a-f]+-1"));
  EXPECT_EQ(event.told(), R"(put a = {"x":1})");
  EXPECT_EQ(event.data["previous"], 0);
}

TEST_F(watch, of_http_1_1_comes_in_chunks_and_ends_with_the_last_one_when_the_server_drains) {
  raw_client one(server.port());
  one.send(request("GET", "/v1/watch?format=ndjson"));
  one.receive_until("\r\n\r\n");
  put("a");
  auto answer = one.receive_until("\n");
  answer += one.receive_until("\"a\"");
  server.stop();
  EXPECT_THAT(one.receive_rest(), ::testing::EndsWith("0\r\n\r\n"));
  EXPECT_TRUE(server.ends_within(20s));
}

TEST_F(watch, is_of_a_key_or_of_a_prefix) {
  follower key(server.port(), "key=a%2F1"), prefix(server.port(), "prefix=a/");
  for (auto const* one : {"a", "a/10", "b", "a/1"}) put(one);
  EXPECT_EQ(key.next_news().told(), "put a/1 = 1");
  EXPECT_EQ(prefix.next_news().told(), "put a/10 = 1");
  EXPECT_EQ(prefix.next_news().told(), "put a/1 = 1");
}

TEST_F(watch, tells_every_kind_of_change) {
  put("n", "1");
  follower all(server.port());
  client.ask(request("POST", "/v1/kv/n?increment=4"));
  client.ask(request("PATCH", "/v1/kv/n", "7", "Content-Type: application/merge-patch+json\r\n"));
  client.ask(request("POST", "/v1/kv/n?ttl=1h"));
  client.ask(request("POST", "/v1/txn",
                     R"({"operations":[{"put":"t/1","value":1},{"put":"t/2","value":2},{"put":"t/1","value":3}]})"));
  client.ask(request("POST", "/v1/txn", R"({"operations":[{"put":"t/3","value":1},{"touch":"none","ttl":"1s"}]})"));
  client.ask(request("DELETE", "/v1/kv?prefix=t/"));
  client.ask(request("POST", "/v1/import", "{\"key\":\"i\",\"value\":1}\n{\"key\":\"n\",\"deleted\":true}\n"));
  std::vector<std::string> told;
  for (std::uint64_t i = 2; i <= 10; ++i) {
    auto const event = all.next_news();
    EXPECT_EQ(event.revision(), i) << "a touch is no event, nor is what was undone";
    told.push_back(event.told());
  }
  EXPECT_EQ(told, (std::vector<std::string>{"put n = 5", "put n = 7", "put t/1 = 1", "put t/2 = 2", "put t/1 = 3",
                                            "delete t/1", "delete t/2", "put i = 1", "delete n"}));
}

// --- what there is already -----------------------------------------------------------------------------------------

TEST_F(watch, initial_first_tells_what_there_is_and_then_that_it_is_live) {
  put("a/2", "2");
  put("a/1?ttl=1h", "1");
  put("b");
  follower all(server.port(), "prefix=a/&initial"), key(server.port(), "key=a/1&initial=true"),
      none(server.port(), "key=none&initial=true");
  auto const first = all.next_news();
  EXPECT_EQ(first.told(), "put a/1 = 1");
  EXPECT_EQ(first.revision(), 2U);
  EXPECT_EQ(first.id, "") << "who breaks off here begins anew";
  EXPECT_TRUE(first.data.contains("ttl"));
  EXPECT_EQ(all.next_news().told(), "put a/2 = 2");
  auto const live = all.next_news();
  EXPECT_EQ(live.name, "live");
  EXPECT_EQ(live.revision(), 3U);
  EXPECT_THAT(live.id, MatchesRegex("[0-9a-f]+-3"));
  EXPECT_EQ(key.next_news().told(), "put a/1 = 1");
  EXPECT_EQ(key.next_news().name, "live");
  EXPECT_EQ(none.next_news().name, "live");
  put("a/1", "3");
  EXPECT_EQ(all.next_news().told(), "put a/1 = 3");
  EXPECT_EQ(key.next_news().told(), "put a/1 = 3");
}

// Several pages of keys, while two threads change them: the initial values and the changes that follow produce the
// final state.
TEST_F(watch, between_what_there_is_and_what_comes_there_is_no_gap) {
  for (int i = 0; i < 1200; ++i) put("k/" + std::to_string(1000 + i), "0");
  std::atomic<bool> stop{false};
  std::vector<std::thread> writers;
  for (int i = 0; i < 2; ++i)
    writers.emplace_back([&, i] {
      raw_client one(server.port());
      std::mt19937 random(static_cast<unsigned>(i));
      for (int value = 1; !stop; ++value) {
        auto const path = "/v1/kv/k/" + std::to_string(1000 + random() % 1300);
        one.ask(random() % 4 == 0 ? request("DELETE", path) : request("PUT", path, std::to_string(value)));
      }
    });
  std::map<std::string, std::pair<std::uint64_t, json>> seen;
  std::uint64_t last = 0;
  follower all(server.port(), "prefix=k/&initial=true&format=ndjson");
  auto is_live = false;
  int changes = 0;
  auto const take = [&](watch_event const& event) {
    if (event.name == "live") {
      is_live = true;
      return;
    }
    if (event.name == "progress") return;
    ASSERT_THAT(event.name, ::testing::AnyOf("put", "delete"));
    auto const& key = event.data["key"].get_ref<std::string const&>();
    if (is_live) {
      EXPECT_GT(event.revision(), last);
      last = event.revision();
      auto const before = seen.find(key);
      EXPECT_EQ(event.data["previous"], before != seen.end() ? before->second.first : 0) << key;
      ++changes;
    }
    if (event.name == "put") {
      seen[key] = {event.revision(), event.data["value"]};
    } else {
      seen.erase(key);
    }
  };
  while (changes < 300) take(all.next());
  stop = true;
  for (auto& one : writers) one.join();
  auto const end = std::stoull(put("k/end").field("holdfast-revision"));
  while (last < end) take(all.next());
  std::size_t count = 0;
  for (std::string after;;) {
    auto const page = json::parse(client.ask(request("GET", "/v1/kv?prefix=k/&limit=1000&values=true" + after)).body);
    for (auto const& one : page["entries"]) {
      ++count;
      EXPECT_EQ(seen[one["key"]], (std::pair<std::uint64_t, json>{one["revision"], one["value"]})) << one;
    }
    if (!page.contains("next")) break;
    after = "&after=" + page["next"].get<std::string>();
  }
  EXPECT_EQ(seen.size(), count);
}

// `live` had the revision of the first page, while keys of later pages were told as of later ones: who went on from it
// heard older changes of those keys, and the same ones again.
TEST_F(watch, is_live_when_all_keys_are_told_as_of_its_revision) {
  auto const large = '"' + std::string(900'000, 'x') + '"';
  for (int i = 10; i < 40; ++i) put("k/" + std::to_string(i), large);
  follower slow(server.port(), "prefix=k/&initial=true&format=ndjson");
  EXPECT_EQ(slow.next_news().data["key"], "k/10");  // the first page has been read
  put("k/10", "1");
  put("k/39", "1");
  put("other", "1");
  put("k/39", "2");
  std::uint64_t last = 0;
  auto event = slow.next_news();
  for (; event.name != "live"; event = slow.next_news()) {
    EXPECT_EQ(event.id, "") << "who breaks off here begins anew";
    last = std::max(last, event.revision());
  }
  EXPECT_EQ(event.revision(), 34U);
  EXPECT_EQ(last, 34U) << "nothing that was told is newer";
  follower resumed(server.port(), "prefix=k/&format=ndjson&from=" + event.id);
  put("k/39", "3");
  EXPECT_EQ(resumed.next_news().told(), "put k/39 = 3");
  EXPECT_EQ(slow.next_news().told(), "put k/39 = 3");
}

// --- going on where one was ----------------------------------------------------------------------------------------

TEST_F(watch, goes_on_behind_an_id_or_a_revision) {
  put("a", "1");
  put("b", "2");
  put("a", "3");
  auto const id = database();
  EXPECT_EQ(follower(server.port(), "from=1").next_news().told(), "put b = 2");
  EXPECT_EQ(follower(server.port(), "from=0").next_news().told(), "put a = 1");
  EXPECT_EQ(follower(server.port(), "from=" + id + "-2").next_news().told(), "put a = 3");
  EXPECT_EQ(follower(server.port(), "key=a&from=1").next_news().told(), "put a = 3");
  EXPECT_EQ(follower(server.port(), "prefix=a", "Last-Event-ID: " + id + "-1\r\n").next_news().told(), "put a = 3");
  EXPECT_EQ(follower(server.port(), "from=1", "Last-Event-ID: " + id + "-2\r\n").next_news().told(), "put a = 3")
      << "a browser reconnects with the same URL, and says by the field where it was";
  EXPECT_EQ(follower(server.port(), "initial=true", "Last-Event-ID: " + id + "-2\r\n").next_news().told(), "put a = 3");
}

TEST_F(watch, the_future_is_refused) {
  put("a");
  for (auto const& from : {std::string("7"), std::string("999999999999"), database() + "-99"}) {
    auto const reply = refused("from=" + from);
    EXPECT_EQ(reply.status, 400) << from;
    EXPECT_EQ(reply.code(), "invalid_parameter") << from;
    EXPECT_THAT(reply.detail(), HasSubstr("future")) << from;
  }
}

// EventSource gives up on any status but 200, so a browser's own reconnect must be answered with it.
TEST_F(watch, of_another_database_is_410_or_lost) {
  running_server another;
  auto const foreign = raw_client(another.port()).ask(request("PUT", "/v1/kv/a", "1")).field("etag");
  auto const id = foreign.substr(1, foreign.size() - 2);
  put("a");
  auto const reply = refused("from=" + id);
  EXPECT_EQ(reply.status, 410);
  EXPECT_EQ(reply.code(), "history_compacted");
  for (auto const& last : {id, std::string("no-id"), std::string("x")}) {
    follower one(server.port(), "", "Last-Event-ID: " + last + "\r\n");
    EXPECT_EQ(one.head.status, 200) << last;
    auto const lost = one.next_news();
    EXPECT_EQ(lost.name, "lost") << last;
    put("a", "7");
    auto const next = one.next_news();
    EXPECT_EQ(next.told(), "put a = 7") << last;
    EXPECT_EQ(next.revision(), lost.revision() + 1) << last;
  }
}

// An id of this form does not identify its database. Interpreted as a future revision, it would hide all changes up to
// it.
TEST_F(watch, an_id_from_the_future_is_lost_instead_of_hiding_what_comes) {
  put("a");
  for (auto const& last : {std::string("30"), database() + "-30"}) {
    follower one(server.port(), "", "Last-Event-ID: " + last + "\r\n");
    put("a", "7");
    EXPECT_EQ(one.next_news().name, "lost") << last;
    auto event = one.next_news();
    if (event.told() != "put a = 7") event = one.next_news();
    EXPECT_EQ(event.told(), "put a = 7") << last;
  }
}

TEST_F(watch, of_a_past_that_is_forgotten_is_410_or_lost) {
  running_server another(with_short_history());
  raw_client writer(another.port());
  std::string tag;
  for (int i = 0; i < 400; ++i)
    tag = writer.ask(request("PUT", "/v1/kv/a", '"' + std::string(1000, 'x') + '"')).field("etag");
  auto const id = tag.substr(1, tag.find('-') - 1);
  auto const reply = raw_client(another.port()).ask(request("GET", "/v1/watch?from=1"));
  EXPECT_EQ(reply.status, 410);
  EXPECT_EQ(reply.code(), "history_compacted");
  EXPECT_THAT(reply.detail(), HasSubstr("initial=true"));
  follower browser(another.port(), "", "Last-Event-ID: " + id + "-1\r\n");
  EXPECT_EQ(browser.head.status, 200);
  EXPECT_EQ(browser.next_news().name, "lost");
  EXPECT_EQ(follower(another.port(), "from=399").next_news().revision(), 400U);
}

TEST_F(watch, a_bad_watch_is_refused) {
  for (auto const& [query, told] : {std::pair<std::string, std::string>{"key=a&prefix=b", "key"},
                                    {"key=", "key"},
                                    {"key=%FF", "UTF-8"},
                                    {"format=xml", "ndjson"},
                                    {"initial=maybe", "initial"},
                                    {"from=x", "from"},
                                    {"from=-1", "from"},
                                    {"from=", "from"},
                                    {"since=1", "from"},
                                    {"prefix=a&prefix=a", "twice"},
                                    {"hold=1s", "prefix"}}) {
    auto const reply = refused(query);
    EXPECT_EQ(reply.status, 400) << query;
    EXPECT_THAT(reply.detail(), HasSubstr(told)) << query;
  }
  EXPECT_EQ(raw_client(server.port()).ask(request("POST", "/v1/watch")).status, 405);
  raw_client head(server.port());
  head.send("HEAD /v1/watch HTTP/1.0\r\nHost: test\r\n\r\n");
  EXPECT_THAT(head.receive_rest(), HasSubstr("200 OK"));
}

// A client whose connection is cut at random moments, within an event or between two, while others write: it resumes
// with its last id and sees each change once, in order.
TEST_F(watch, who_is_cut_off_again_and_again_sees_each_change_once_and_in_order) {
  constexpr int cuts = 50, writers = 3;
  std::vector<std::thread> threads;
  std::vector<std::vector<std::uint64_t>> written(writers);
  std::atomic<bool> stop{false};
  auto id = database() + "-1";
  for (int i = 0; i < writers; ++i)
    threads.emplace_back([&, i] {
      raw_client one(server.port());
      for (int value = 0; !stop; ++value) {
        // Every third change does not concern the watcher.
        auto const key = value % 3 == 2 ? "other/" + std::to_string(i) : "mine/" + std::to_string(value % 5);
        auto const reply = one.ask(request("PUT", "/v1/kv/" + key, std::to_string(value)));
        if (value % 3 != 2)
          written[static_cast<std::size_t>(i)].push_back(std::stoull(reply.field("holdfast-revision")));
      }
    });
  std::vector<std::uint64_t> seen;
  std::mt19937 random(7);
  for (int i = 0; i < cuts; ++i) {
    auto const is_ndjson = random() % 2 == 0;
    follower one(server.port(), std::string("prefix=mine/") + (is_ndjson ? "&format=ndjson&from=" + id : ""),
                 is_ndjson ? "" : "Last-Event-ID: " + id + "\r\n");
    for (auto events = random() % 30; events > 0; --events) {
      auto const event = one.next();
      if (event.name == "put") seen.push_back(event.revision());
      ASSERT_NE(event.name, "lost");
      id = event.id;
    }
    if (random() % 2 == 0) one.client().receive_until("{");  // and is cut within an event
    one.client().reset();
  }
  stop = true;
  for (auto& one : threads) one.join();
  std::vector<std::uint64_t> expected;
  for (auto const& one : written) expected.insert(expected.end(), one.begin(), one.end());
  std::sort(expected.begin(), expected.end());
  follower rest(server.port(), "prefix=mine/&from=" + id);
  while (seen.empty() || seen.back() < expected.back()) seen.push_back(rest.next_news().revision());
  EXPECT_EQ(seen, expected);
  EXPECT_GT(seen.size(), 100U);
}

// --- slow consumers ------------------------------------------------------------------------------------------------

// It must delay nobody, cost bounded memory, and learn if it has missed changes.
TEST_F(watch, who_stops_reading_delays_nobody_and_gets_lost_or_everything) {
  constexpr int count = 3000;
  for (auto const is_short : {false, true}) {
    running_server another(is_short ? with_short_history() : running_server::test_settings());
    raw_client writer(another.port());
    follower slow(another.port(), "format=ndjson&from=0", "", 4096), quick(another.port(), "format=ndjson");
    auto const value = '"' + std::string(4000, 'x') + '"';
    stopwatch const time;
    for (int i = 1; i <= count; ++i) {
      ASSERT_LT(writer.ask(request("PUT", "/v1/kv/k" + std::to_string(i % 10), value)).status, 300);
      ASSERT_EQ(quick.next_news().revision(), static_cast<std::uint64_t>(i)) << "it is not delayed";
    }
    EXPECT_LT(time.elapsed_ms(), 20'000);
    std::uint64_t last = 0;
    auto was_lost = false;
    while (last < count) {
      auto const event = slow.next();
      auto const is_lost = event.name == "lost";
      EXPECT_TRUE(!is_lost || is_short) << "all of it is in the history";
      EXPECT_TRUE(is_lost || event.revision() == last + 1)
          << "a silent gap between " << last << " and " << event.revision();
      was_lost = was_lost || is_lost;
      last = event.revision();
    }
    EXPECT_EQ(last, static_cast<std::uint64_t>(count));
    EXPECT_EQ(was_lost, is_short);
  }
}

TEST_F(watch, ends_when_the_server_drains_also_for_who_does_not_read) {
  follower reads(server.port()), other(server.port(), "key=a&format=ndjson"), stuck(server.port(), "", "", 4096);
  for (int i = 0; i < 200; ++i) put("big", '"' + std::string(20'000, 'x') + '"');
  server.stop();
  reads.client().receive_rest();
  other.client().receive_rest();
  EXPECT_TRUE(server.ends_within(20s));
}

// Watchers of other keys on both threads: each gets only changes of its own key, and promptly.
TEST_F(watch, of_a_thousand_keys_each_hears_of_its_own) {
  std::vector<follower> all;
  for (int i = 0; i < 200; ++i) all.emplace_back(server.port(), "format=ndjson&key=k" + std::to_string(i));
  for (int i = 0; i < 200; ++i) put("k" + std::to_string(i), std::to_string(i));
  for (int i = 0; i < 200; ++i)
    EXPECT_EQ(all[static_cast<std::size_t>(i)].next_news().told(),
              "put k" + std::to_string(i) + " = " + std::to_string(i));
}

}  // namespace
}  // namespace holdfast::tests
