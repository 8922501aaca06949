// The periodic writer waits in the queue like a client, and clients can observe this.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <vector>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/stopwatch.hpp"

namespace holdfast::tests {
namespace {

using namespace std::chrono_literals;

struct periodic_writer : ::testing::Test {
  void start(std::chrono::nanoseconds period) {
    auto settings = running_server::test_settings();
    settings.writer_period = period;
    server.emplace(settings);
    client.emplace(server->port());
  }

  /// The writer's last value, in milliseconds.
  long value() { return value_of(client->ask(request("GET", "/v1/kv/my-key"))); }

  static long value_of(raw_reply const& reply) {
    if (reply.status != 200) throw std::runtime_error("the writer has not written: " + reply.body);
    return std::stol(reply.body);
  }

  static long revision_of(raw_reply const& reply) {
    auto const tag = reply.field("etag");
    return std::stol(tag.substr(tag.find('-') + 1));
  }

  /// Returns just after the writer has written.
  long await_write() {
    while (client->ask(request("GET", "/v1/kv/my-key")).status != 200) std::this_thread::sleep_for(1ms);
    auto const before = value();
    while (value() == before) std::this_thread::sleep_for(1ms);
    return value();
  }

  std::optional<running_server> server;
  std::optional<raw_client> client;
};

TEST_F(periodic_writer, writes_the_milliseconds_since_the_start_as_bare_json) {
  stopwatch const watch;
  start(20ms);
  await_write();
  auto const got = client->ask(request("GET", "/v1/kv/my-key"));
  EXPECT_THAT(got.body, ::testing::MatchesRegex("[0-9]+"));
  EXPECT_LE(std::stol(got.body), watch.elapsed_ms());
}

TEST_F(periodic_writer, keeps_its_period_where_nobody_holds) {
  start(100ms);
  auto before = await_write();
  for (int i = 0; i < 5; ++i) {
    auto const after = await_write();
    EXPECT_GE(after - before, 100);
    before = after;
  }
}

TEST_F(periodic_writer, writes_under_the_key_that_it_is_given) {
  auto settings = running_server::test_settings();
  settings.writer_period = 10ms;
  settings.writer_key = "clock/of the caf\xC3\xA9";
  running_server another(settings);
  raw_client reader(another.port());
  while (reader.ask(request("GET", "/v1/kv/clock/of%20the%20caf%C3%A9")).status != 200)
    std::this_thread::sleep_for(1ms);
  EXPECT_EQ(reader.ask(request("GET", "/v1/kv/my-key")).status, 404);
}

TEST_F(periodic_writer, writes_nothing_when_it_is_off) {
  start(0ms);
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(client->ask(request("GET", "/v1/kv/my-key")).status, 404);
}

TEST_F(periodic_writer, writes_about_once_in_each_hold_of_a_reader_that_asks_again_at_once) {
  start(50ms);
  await_write();
  std::string turns;
  for (int i = 0; i < 5; ++i) turns += request("GET", "/v1/kv/my-key?hold=500ms");
  client->send(turns);
  auto before = client->receive();
  auto const first_revision = revision_of(before);
  for (int i = 1; i < 5; ++i) {
    auto const reply = client->receive();
    EXPECT_GE(value_of(reply) - value_of(before), 500) << i;
    EXPECT_GT(revision_of(reply), revision_of(before)) << i;
    before = reply;
  }
  // Without holds it would have written forty times.
  EXPECT_LE(revision_of(before) - first_revision, 8);
}

TEST_F(periodic_writer, writes_once_in_three_holds_of_three_readers_that_ask_again_at_once) {
  start(50ms);
  await_write();
  std::string turns;
  for (int i = 0; i < 4; ++i) turns += request("GET", "/v1/kv/my-key?hold=200ms");
  std::vector<raw_client> readers;
  for (int i = 0; i < 3; ++i) server->ask_for_lock(readers.emplace_back(server->port()), turns);
  std::vector<long> values;
  for (int i = 0; i < 4; ++i) values.push_back(value_of(readers[0].receive()));
  // Between two turns of the first reader, the other two and the writer each have one.
  for (int i = 1; i < 4; ++i) EXPECT_GE(values[i] - values[i - 1], 400) << i;
  for (int i = 2; i < 4; ++i) EXPECT_GE(values[i] - values[i - 1], 600) << i;
}

TEST_F(periodic_writer, readers_that_all_ask_before_it_read_the_same_value_and_it_comes_after_them) {
  start(1s);
  for (int attempt = 0; attempt < 5; ++attempt) {
    stopwatch const watch;
    auto const before = await_write();
    stopwatch const since_write;
    std::vector<raw_client> readers;
    for (int i = 0; i < 3; ++i)
      server->ask_for_lock(readers.emplace_back(server->port()), request("GET", "/v1/kv/my-key?hold=400ms"));
    if (since_write.elapsed_ms() > 800) continue;  // too late to precede the writer, because the machine was busy
    for (auto& reader : readers) EXPECT_EQ(value_of(reader.receive()), before);
    // It has been in the queue since a second after its last turn, so it precedes later requests.
    auto const after = value();
    EXPECT_GE(after - before, 1200);
    return;
  }
  FAIL() << "the machine was too busy to ask three times within a second";
}

TEST_F(periodic_writer, readers_that_come_one_after_another_see_it_in_between) {
  // The example of the tutorial in real time: three readers that each hold for one second, started 0.8 s apart.
  start(350ms);
  await_write();
  std::vector<raw_client> readers;
  for (int i = 0; i < 3; ++i) readers.emplace_back(server->port());
  stopwatch const watch;
  for (int i = 0; i < 3; ++i) {
    std::this_thread::sleep_for(800ms * i - std::chrono::milliseconds(static_cast<int>(watch.elapsed_ms())));
    readers[i].send(request("GET", "/v1/kv/my-key?hold=1s"));
  }
  std::vector<long> values;
  for (int i = 0; i < 3; ++i) {
    values.push_back(value_of(readers[i].receive()));
    EXPECT_GE(watch.elapsed_ms(), 1000 * (i + 1)) << i;
    EXPECT_LT(watch.elapsed_ms(), 1000 * (i + 1) + 700) << i;
  }
  for (int i = 1; i < 3; ++i) {
    EXPECT_GE(values[i] - values[i - 1], 1000) << i;
    EXPECT_LT(values[i] - values[i - 1], 1350 + 700) << i;
  }
}

TEST_F(periodic_writer, its_value_is_taken_when_the_lock_is_granted) {
  start(50ms);
  await_write();
  stopwatch const watch;
  raw_client holder(server->port());
  auto const before = value();
  auto const held = holder.ask(request("GET", "/v1/kv/my-key?hold=500ms"));
  EXPECT_GE(value_of(held), before);
  // It requested the lock some 450 ms before the grant.
  EXPECT_GE(value() - value_of(held), 500);
}

}  // namespace
}  // namespace holdfast::tests
