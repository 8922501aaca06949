// What the server shows of its lock, over a real socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>
#include <vector>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"

namespace holdfast::tests {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::vector<json> lines_of(std::string const& text) {
  std::vector<json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  return lines;
}

json state_of(running_server const& server) {
  return json::parse(raw_client(server.port()).ask(request("GET", "/v1/lock")).body);
}

/// Including the request that asks.
int connections_of(running_server const& server) {
  auto const text = raw_client(server.port()).ask(request("GET", "/metrics")).body;
  std::string const name = "\nholdfast_connections ";
  return std::stoi(text.substr(text.find(name) + name.size()));
}

TEST(insight, every_answer_to_an_operation_names_its_request_and_its_position) {
  running_server server;
  raw_client client(server.port());
  for (auto const& bytes :
       {request("PUT", "/v1/kv/a", "1"), request("GET", "/v1/kv/a"), request("HEAD", "/v1/kv/a"),
        request("GET", "/v1/kv/none"), request("GET", "/v1/kv/a?hold=1ms"), request("DELETE", "/v1/kv/a")}) {
    auto const reply = client.ask(bytes);
    EXPECT_THAT(reply.field("holdfast-request-id"), MatchesRegex("[0-9a-f]+-[0-9]+")) << bytes;
    EXPECT_THAT(reply.field("server-timing"), MatchesRegex("wait;dur=[0-9.]+;desc=\"position 0\", hold;dur=[0-9.]+"))
        << bytes;
  }
  EXPECT_FALSE(client.ask(request("GET", "/livez")).has("holdfast-request-id"));
  EXPECT_FALSE(client.ask(request("PUT", "/v1/kv/a", "{")).has("holdfast-request-id"));
}

TEST(insight, the_position_on_arrival_counts_those_before) {
  running_server server;
  raw_client holder(server.port());
  server.ask_for_lock(holder, request("GET", "/v1/kv/a?hold=60s"));
  std::vector<raw_client> waiters;
  for (int i = 0; i < 3; ++i) server.ask_for_lock(waiters.emplace_back(server.port()), request("GET", "/v1/kv/a"));
  auto const once = raw_client(server.port()).ask(request("GET", "/v1/kv/a?lock-timeout=0"));
  EXPECT_THAT(once.field("server-timing"), HasSubstr("position 4"));
  EXPECT_TRUE(once.has("holdfast-request-id"));
  holder.close();
  for (int i = 0; i < 3; ++i)
    EXPECT_THAT(waiters[i].receive().field("server-timing"), HasSubstr("position " + std::to_string(i + 1)));
}

TEST(insight, the_state_shows_who_holds_and_who_waits_in_order) {
  running_server server;
  EXPECT_TRUE(state_of(server)["owner"].is_null());
  raw_client holder(server.port()), writer(server.port()), reader(server.port());
  server.ask_for_lock(holder, request("GET", "/v1/kv/a?hold=60s"));
  server.ask_for_lock(writer, request("PUT", "/v1/kv/b%20c", "1"));
  server.ask_for_lock(reader, request("HEAD", "/v1/kv/d"));
  auto const state = state_of(server);
  EXPECT_EQ(state["owner"]["operation"], "GET");
  EXPECT_EQ(state["owner"]["key"], "a");
  EXPECT_GT(state["owner"]["held_ms"], 0.0);
  EXPECT_EQ(state["queue_length"], 2);
  EXPECT_EQ(state["queue"][0]["operation"], "PUT");
  EXPECT_EQ(state["queue"][0]["key"], "b c");
  EXPECT_GE(state["queue"][0]["waited_ms"], state["queue"][1]["waited_ms"]);
  EXPECT_EQ(state["queue"][1]["operation"], "HEAD");
  EXPECT_THAT(state["queue"][1]["source"].get<std::string>(), MatchesRegex("127\\.0\\.0\\.1:[0-9]+"));

  auto const limited = json::parse(raw_client(server.port()).ask(request("GET", "/v1/lock?limit=1")).body);
  EXPECT_EQ(limited["queue"].size(), 1U);
  EXPECT_EQ(limited["queue_length"], 2);

  holder.close();
  EXPECT_EQ(writer.receive().status, 201);
  EXPECT_EQ(reader.receive(true).status, 404);
  EXPECT_EQ(state_of(server)["queue_length"], 0);
}

// Clients behind one address, or readers of a browser that share a connection, could not be distinguished.
TEST(insight, a_client_is_shown_by_the_name_that_it_sends_with_each_request) {
  running_server server;
  raw_client client(server.port());
  auto const shown = [&](std::string_view fields) {
    raw_client holder(server.port());
    server.ask_for_lock(holder, request("GET", "/v1/kv/a?hold=60s", {}, fields));
    auto const owner = state_of(server)["owner"];
    holder.close();
    while (!state_of(server)["owner"].is_null()) std::this_thread::yield();
    return owner;
  };
  auto const named = shown("Holdfast-Source: reader 1\r\nUser-Agent: curl/7.88.1\r\n");
  EXPECT_EQ(named["source"], "reader 1");
  EXPECT_THAT(named["address"].get<std::string>(), MatchesRegex("127\\.0\\.0\\.1:[0-9]+"));
  EXPECT_THAT(shown("User-Agent: curl/7.88.1\r\n")["source"].get<std::string>(), MatchesRegex("curl:[0-9]+"));
  EXPECT_THAT(shown("Holdfast-Source: writer\r\n")["source"].get<std::string>(),
              MatchesRegex("127\\.0\\.0\\.1:[0-9]+"));

  // One connection may carry requests of several sources, even if the bytes of a header repeat.
  for (auto const* name : {"a", "b", "b", "a"})
    client.ask(request("GET", "/v1/kv/b", {}, "Holdfast-Source: " + std::string(name) + "\r\n"));
  client.ask(request("GET", "/v1/kv/b"));
  raw_client reader(server.port());
  reader.send(request("GET", "/v1/lock/trace", {}, "Connection: close\r\n"));
  auto const events = reader.receive_rest();
  for (auto const* track : {R"("name":"a")", R"("name":"b")", R"("name":"127.0.0.1:)"})
    EXPECT_THAT(events, HasSubstr(track));
}

// Each consumer costs memory and time, and nothing else limits their number.
TEST(insight, has_room_for_so_many_consumers_and_refuses_one_more) {
  running_server server;
  std::vector<raw_client> consumers;
  for (int i = 0; i < 64; ++i)
    server.ask_for_lock(consumers.emplace_back(server.port()), request("GET", "/v1/lock/events?format=ndjson"));
  raw_client late(server.port());
  auto const refused = late.ask(request("GET", "/v1/lock/trace"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.code(), "overloaded");
  EXPECT_EQ(late.ask(request("GET", "/v1/lock")).status, 200) << "and the connection goes on";
  consumers.pop_back();
  std::string head;
  for (int i = 0; i < 1'000 && !head.starts_with("HTTP/1.1 200 "); ++i) {
    server.settle();  // until the hang-up is noticed
    raw_client next(server.port());
    next.send(request("GET", "/v1/lock/trace?duration=0"));
    head = next.receive_until("\r\n\r\n");
  }
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200 ")) << head;
}

TEST(insight, the_events_and_the_answers_tell_the_same_times) {
  running_server server;
  raw_client watcher(server.port());
  server.ask_for_lock(watcher, request("GET", "/v1/lock/events?format=ndjson"));
  std::map<std::string, raw_reply> answers;
  std::vector<raw_client> clients;
  for (int i = 0; i < 20; ++i) {
    auto& client = clients.emplace_back(server.port());
    client.send(request("GET", i % 2 != 0 ? "/v1/kv/a?hold=3ms" : "/v1/kv/a"));
  }
  for (auto& client : clients) {
    auto reply = client.receive();
    answers.emplace(reply.field("holdfast-request-id"), std::move(reply));
  }
  EXPECT_EQ(answers.size(), 20U);
  server.stop();
  std::size_t seen = 0;
  std::int64_t last_ended_ns = 0;
  for (auto const& event : lines_of(content_of(watcher.receive_rest()))) {
    if (event["type"] != "done") continue;
    ++seen;
    auto const& answer = answers.at(event["request_id"]);
    constexpr double rounding_ms = 0.00051;
    auto const wait_ms = (event["granted_ns"].get<double>() - event["asked_ns"].get<double>()) / 1e6;
    auto const hold_ms = (event["ended_ns"].get<double>() - event["granted_ns"].get<double>()) / 1e6;
    EXPECT_NEAR(answer.wait_ms(), wait_ms, rounding_ms);
    EXPECT_NEAR(answer.hold_ms(), hold_ms, rounding_ms);
    EXPECT_THAT(answer.field("server-timing"), HasSubstr("position " + event["position"].dump() + '"'));
    // The clocks of two cores may differ by less than this.
    constexpr std::int64_t skew_ns = 1000;
    EXPECT_GE(event["granted_ns"].get<std::int64_t>() + skew_ns, last_ended_ns) << "no two own the lock at once";
    last_ended_ns = event["ended_ns"];
  }
  EXPECT_EQ(seen, 20U);
}

/// A sample of /metrics in billionths.
std::int64_t nano_of(std::string const& metrics, std::string const& sample) {
  auto const at = metrics.find('\n' + sample + ' ');
  if (at == std::string::npos) throw std::runtime_error("there is no " + sample);
  auto const begin = at + sample.size() + 2;
  auto const text = metrics.substr(begin, metrics.find('\n', begin) - begin);
  auto const point = std::min(text.find('.'), text.size());
  auto fraction = point < text.size() ? text.substr(point + 1) : std::string();
  fraction.resize(9, '0');
  return std::stoll(text.substr(0, point)) * 1'000'000'000 + std::stoll(fraction);
}

TEST(insight, events_and_metrics_agree_to_the_nanosecond) {
  running_server server;
  raw_client watcher(server.port()), gone(server.port());
  server.ask_for_lock(watcher, request("GET", "/v1/lock/events?format=ndjson"));
  std::vector<raw_client> clients;
  for (int i = 0; i < 8; ++i) clients.emplace_back(server.port());
  std::vector<std::string> const requests{request("GET", "/v1/kv/a"),
                                          request("GET", "/v1/kv/a?hold=300us"),
                                          request("PUT", "/v1/kv/a", "1"),
                                          request("DELETE", "/v1/kv/a"),
                                          request("GET", "/v1/kv/a?lock-timeout=50us"),
                                          request("PUT", "/v1/kv/b?hold=1ms", "2"),
                                          request("DELETE", "/v1/kv/b?hold=1us")};
  std::size_t next = 0;
  for (int round = 0; round < 40; ++round) {
    for (auto& client : clients) client.send(requests[next++ % requests.size()]);
    for (auto& client : clients) client.receive();
  }
  server.ask_for_lock(clients[0], request("GET", "/v1/kv/a?hold=60s"));
  server.ask_for_lock(gone, request("GET", "/v1/kv/a"));
  gone.close();
  while (state_of(server)["queue_length"] != 0) server.settle();
  clients[0].close();
  while (!state_of(server)["owner"].is_null()) server.settle();
  auto const metrics = raw_client(server.port()).ask(request("GET", "/metrics")).body;
  server.stop();

  std::map<std::string, std::int64_t> seen;
  constexpr std::int64_t one = 1'000'000'000;
  for (auto const& event : lines_of(content_of(watcher.receive_rest()))) {
    ASSERT_NE(event["type"], "dropped");
    if (event["type"] != "done") continue;
    auto const label = "{operation=" + event["operation"].dump() + "}";
    std::string const outcome = event["outcome"];
    if (event["granted_ns"].is_null()) {
      seen[outcome == "timed_out" ? "holdfast_lock_timeouts_total"
                                  : "holdfast_lock_cancellations_total{reason=\"" + outcome + "\"}"] += one;
      continue;
    }
    std::int64_t const asked_ns = event["asked_ns"], granted_ns = event["granted_ns"], ended_ns = event["ended_ns"];
    seen["holdfast_lock_wait_seconds_sum" + label] += granted_ns - asked_ns;
    seen["holdfast_lock_hold_seconds_sum" + label] += ended_ns - granted_ns;
    seen["holdfast_lock_wait_seconds_count" + label] += one;
    seen["holdfast_lock_acquisitions_total" + label] += one;
    if (event["position"] != 0) seen["holdfast_lock_contended_acquisitions_total"] += one;
    if (outcome != "released") seen["holdfast_lock_holds_cut_short_total"] += one;
  }
  EXPECT_EQ(seen.size(), 3U * 4U + 4U) << "some of everything";
  for (auto const& [sample, value] : seen) EXPECT_EQ(nano_of(metrics, sample), value) << sample;
}

// A GET of a large value was listed twice: tried by the fast path, and again by the handler that can send it.
TEST(insight, a_request_for_a_value_of_any_size_stands_there_once) {
  running_server server;
  raw_client watcher(server.port()), client(server.port());
  server.ask_for_lock(watcher, request("GET", "/v1/lock/events?format=ndjson"));
  int asked = 0;
  for (std::size_t const size : {2U, 300U, 20'000U}) {
    client.ask(request("PUT", "/v1/kv/a", '"' + std::string(size, 'v') + '"'));
    for (auto const* target : {"/v1/kv/a", "/v1/kv/a", "/v1/kv/a?hold=0"}) client.ask(request("GET", target));
    client.ask(request("GET", "/v1/kv/none"));
    asked += 5;
  }
  auto const metrics = raw_client(server.port()).ask(request("GET", "/metrics")).body;
  server.stop();
  int done = 0;
  for (auto const& event : lines_of(content_of(watcher.receive_rest()))) done += event["type"] == "done" ? 1 : 0;
  EXPECT_EQ(done, asked);
  EXPECT_THAT(metrics, HasSubstr("holdfast_lock_acquisitions_total{operation=\"GET\"} 12"));
}

TEST(insight, a_waiter_is_told_behind_whom) {
  running_server server;
  raw_client watcher(server.port()), holder(server.port()), waiter(server.port());
  server.ask_for_lock(watcher, request("GET", "/v1/lock/events?format=ndjson"));
  server.ask_for_lock(holder, request("GET", "/v1/kv/held?hold=60s"));
  server.ask_for_lock(waiter, request("PUT", "/v1/kv/a", "1"));
  holder.close();
  EXPECT_EQ(waiter.receive().status, 201);
  server.stop();
  std::vector<std::string> types;
  json waited;
  for (auto const& event : lines_of(content_of(watcher.receive_rest()))) {
    types.push_back(event["type"]);
    if (event["type"] == "done" && event["operation"] == "PUT") waited = event;
  }
  EXPECT_THAT(types, ::testing::ElementsAre("hello", "granted", "asked", "done", "done"));
  ASSERT_EQ(waited["behind"].size(), 1U);
  EXPECT_EQ(waited["behind"][0]["key"], "held");
  auto const wait_ns = waited["granted_ns"].get<std::int64_t>() - waited["asked_ns"].get<std::int64_t>();
  EXPECT_GT(waited["behind"][0]["held_ns"], 0);
  EXPECT_LE(waited["behind"][0]["held_ns"].get<std::int64_t>(), wait_ns);
}

TEST(insight, outcomes_tell_who_gave_up_and_who_went) {
  running_server server;
  raw_client watcher(server.port()), holder(server.port()), hasty(server.port()), gone(server.port());
  server.ask_for_lock(watcher, request("GET", "/v1/lock/events?format=ndjson"));
  server.ask_for_lock(holder, request("GET", "/v1/kv/a?hold=60s"));
  server.ask_for_lock(gone, request("GET", "/v1/kv/gone"));
  EXPECT_EQ(hasty.ask(request("GET", "/v1/kv/hasty?lock-timeout=5ms")).code(), "lock_timeout");
  gone.close();
  while (state_of(server)["queue_length"] != 0) server.settle();
  holder.close();
  while (!state_of(server)["owner"].is_null()) server.settle();
  server.stop();
  std::map<std::string, std::string> outcomes;
  for (auto const& event : lines_of(content_of(watcher.receive_rest())))
    if (event["type"] == "done") outcomes[event["key"]] = event["outcome"];
  EXPECT_EQ(outcomes,
            (std::map<std::string, std::string>{{"a", "hung_up"}, {"gone", "hung_up"}, {"hasty", "timed_out"}}));
}

TEST(insight, whoever_finds_the_queue_full_is_known_as_refused) {
  auto settings = running_server::test_settings();
  settings.waiters_max = 0;
  running_server server(settings);
  raw_client watcher(server.port()), holder(server.port()), refused(server.port());
  server.ask_for_lock(watcher, request("GET", "/v1/lock/events?format=ndjson"));
  server.ask_for_lock(holder, request("GET", "/v1/kv/a?hold=60s"));
  auto const reply = refused.ask(request("GET", "/v1/kv/refused"));
  EXPECT_EQ(reply.code(), "queue_full");
  auto const metrics = raw_client(server.port()).ask(request("GET", "/metrics")).body;
  EXPECT_THAT(metrics, HasSubstr("\nholdfast_lock_refusals_total 1\n"));
  holder.close();
  while (!state_of(server)["owner"].is_null()) server.settle();
  server.stop();
  std::vector<std::string> told;
  for (auto const& event : lines_of(content_of(watcher.receive_rest())))
    if (event.value("key", std::string()) == "refused") {
      told.push_back(event["type"].get<std::string>() + ' ' + event["outcome"].get<std::string>());
      EXPECT_EQ(event["request_id"].get<std::string>(), reply.field("holdfast-request-id"));
    }
  EXPECT_THAT(told, ::testing::ElementsAre("done refused"));
}

TEST(insight, a_watcher_is_told_whom_the_drain_sends_away_and_whose_hold_it_cuts_short) {
  running_server server;
  raw_client watcher(server.port()), holder(server.port()), waiter(server.port());
  server.ask_for_lock(watcher, request("GET", "/v1/lock/events?format=ndjson"));
  server.ask_for_lock(holder, request("GET", "/v1/kv/holder?hold=60s"));
  server.ask_for_lock(waiter, request("GET", "/v1/kv/waiter"));
  server.stop();
  EXPECT_EQ(waiter.receive().status, 503);
  server.stop();
  EXPECT_EQ(holder.receive().status, 404);
  std::map<std::string, std::string> outcomes;
  for (auto const& event : lines_of(content_of(watcher.receive_rest())))
    if (event["type"] == "done") outcomes[event["key"]] = event["outcome"];
  EXPECT_EQ(outcomes, (std::map<std::string, std::string>{{"holder", "cancelled"}, {"waiter", "cancelled"}}));
}

TEST(insight, a_hostile_key_is_text_everywhere) {
  running_server server;
  raw_client watcher(server.port()), holder(server.port());
  server.ask_for_lock(watcher, request("GET", "/v1/lock/events?format=ndjson"));
  std::string const longest = "<script>alert(\"1\")</script>\\" + std::string(996, '\'');
  server.ask_for_lock(holder, request("GET", "/v1/kv/%3Cscript%3Ealert(%221%22)%3C/script%3E%5C" +
                                                 std::string(996, '\'') + "?hold=60s"));
  auto const reply = raw_client(server.port()).ask(request("GET", "/v1/lock"));
  EXPECT_EQ(reply.field("content-type"), "application/json");
  EXPECT_EQ(json::parse(reply.body)["owner"]["key"], longest);
  holder.close();
  while (!state_of(server)["owner"].is_null()) server.settle();
  server.stop();
  auto const events = lines_of(content_of(watcher.receive_rest()));
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[2]["key"], longest);
}

TEST(insight, the_event_stream_is_what_a_browser_expects) {
  running_server server;
  raw_client watcher(server.port());
  server.ask_for_lock(watcher, request("GET", "/v1/lock/events"));
  raw_client(server.port()).ask(request("GET", "/v1/kv/a"));
  server.stop();
  auto const text = watcher.receive_rest();
  EXPECT_THAT(text, HasSubstr("Content-Type: text/event-stream\r\n"));
  EXPECT_THAT(text, HasSubstr("Cache-Control: no-store\r\n"));
  EXPECT_THAT(content_of(text), HasSubstr("-0\nevent: hello\ndata: {\"type\":\"hello\","));
  EXPECT_THAT(content_of(text), HasSubstr("-1\nevent: done\ndata: {\"type\":\"done\",\"seq\":1,"));
}

TEST(insight, a_stream_resumes_behind_the_last_event_seen) {
  running_server server;
  for (int i = 0; i < 5; ++i) raw_client(server.port()).ask(request("GET", "/v1/kv/a"));
  raw_client by_field(server.port()), by_parameter(server.port());
  server.ask_for_lock(by_field, request("GET", "/v1/lock/events?format=ndjson", {}, "Last-Event-ID: 3\r\n"));
  server.ask_for_lock(by_parameter, request("GET", "/v1/lock/events?format=ndjson&from=0"));
  server.stop();
  EXPECT_EQ(lines_of(content_of(by_field.receive_rest())).size(), 1U + 2U);
  EXPECT_EQ(lines_of(content_of(by_parameter.receive_rest())).size(), 1U + 5U);
}

TEST(insight, a_watcher_that_hangs_up_frees_its_connection) {
  auto settings = running_server::test_settings();
  settings.connections_max = 3;
  running_server server(settings);
  for (int i = 0; i < 20; ++i) {
    raw_client watcher(server.port());
    watcher.send(request("GET", "/v1/lock/events"));
    watcher.close();
    int status = 0;
    while (status != 200) status = raw_client(server.port()).ask(request("GET", "/livez")).status;
  }
}

TEST(insight, a_watcher_that_does_not_read_is_dropped_in_time) {
  auto settings = running_server::test_settings();
  settings.sessions.transfer_timeout = 200ms;
  running_server server(settings);
  raw_client watcher(server.port(), 4096), client(server.port());
  watcher.send(request("GET", "/v1/lock/events?from=0"));
  std::string many;
  for (int i = 0; i < 50; ++i) many += request("GET", "/v1/kv/" + std::string(1000, 'k'));
  // Until the time-out there must be more data than the kernel buffers; then the server has one connection less.
  do {
    client.send(many);
    for (int j = 0; j < 50; ++j) client.receive();
  } while (connections_of(server) > 2);
  auto const rest = watcher.receive_rest();
  EXPECT_THROW(static_cast<void>(content_of(rest)), std::runtime_error) << "it was cut off, not ended";
}

/// A client of /v1/lock/events and the events that it has received. (HTTP/1.0: without chunks.)
struct watching {
  explicit watching(running_server const& server, int receive_buffer_bytes = 0)
      : client(server.port(), receive_buffer_bytes) {
    client.send("GET /v1/lock/events?format=ndjson HTTP/1.0\r\nHost: test\r\n\r\n");
    client.receive_until("\r\n\r\n");
    client.receive_until("\n");
  }

  void read_until(std::uint64_t number) {
    while (last < number) {
      auto const told = json::parse(client.receive_until("\n"));
      if (told["type"] == "dropped") dropped += told["count"].get<std::uint64_t>();
      if (told["type"] != "done") continue;
      ++events;
      EXPECT_EQ(told["seq"].get<std::uint64_t>(), events + dropped) << "a loss is told where it was";
      last = told["seq"];
    }
  }

  raw_client client;
  std::uint64_t last = 0, events = 0, dropped = 0;
};

TEST(insight, a_watcher_that_does_not_read_for_long_is_told_what_it_missed_and_nobody_else_misses_anything) {
  auto settings = running_server::test_settings();
  settings.sessions.transfer_timeout = 10min;
  running_server server(settings);
  watching stuck(server, 4096), reading(server);
  raw_client client(server.port());
  constexpr std::uint64_t batch = 1000, batches = 60;  // the feed and the kernel buffer much less
  std::string some;
  for (std::uint64_t i = 0; i < batch; ++i) some += request("GET", "/v1/kv/a");
  for (std::uint64_t i = 1; i <= batches; ++i) {
    client.send(some);
    for (std::uint64_t j = 0; j < batch; ++j) EXPECT_EQ(client.receive().status, 404);
    reading.read_until(i * batch);
  }
  EXPECT_EQ(reading.dropped, 0U);
  EXPECT_EQ(reading.events, batch * batches);
  stuck.read_until(batch * batches);
  EXPECT_GT(stuck.dropped, 0U);
  EXPECT_EQ(stuck.events + stuck.dropped, batch * batches);
}

TEST(insight, a_head_request_to_the_events_is_answered_and_ends) {
  running_server server;
  raw_client client(server.port());
  client.send(request("HEAD", "/v1/lock/events"));
  auto const answer = client.receive_rest();
  EXPECT_THAT(answer, ::testing::StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST(insight, the_page_comes_with_a_strict_policy_and_is_cached_by_its_tag) {
  running_server server;
  raw_client client(server.port());
  auto const page = client.ask(request("GET", "/"));
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.field("content-type"), ::testing::StartsWith("text/html"));
  EXPECT_THAT(page.field("content-security-policy"), HasSubstr("default-src 'none'"));
  EXPECT_FALSE(page.body.empty());
  auto const tag = page.field("etag");
  auto const again = client.ask(request("GET", "/", {}, "If-None-Match: " + tag + "\r\n"));
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.field("etag"), tag);
  EXPECT_EQ(client.ask(request("GET", "/", {}, "If-None-Match: \"other\"\r\n")).status, 200);
  auto const head = client.ask(request("HEAD", "/"));
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.field("content-length"), std::to_string(page.body.size()));
  EXPECT_EQ(client.ask(request("PUT", "/", "1")).status, 405);
}

TEST(insight, wrong_requests_are_told_what_is_right) {
  running_server server;
  raw_client client(server.port());
  EXPECT_THAT(client.ask(request("GET", "/v1/lock?size=1")).detail(), HasSubstr("there is limit"));
  EXPECT_EQ(client.ask(request("GET", "/v1/lock?limit=-1")).status, 400);
  EXPECT_EQ(client.ask(request("GET", "/v1/lock?limit=1&limit=1")).status, 400);
  EXPECT_THAT(client.ask(request("GET", "/v1/lock/events?format=xml")).detail(), HasSubstr("sse or ndjson"));
  EXPECT_EQ(client.ask(request("OPTIONS", "/v1/lock/events")).field("allow"), "GET, HEAD, OPTIONS");
}

}  // namespace
}  // namespace holdfast::tests
