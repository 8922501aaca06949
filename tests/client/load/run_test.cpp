// Whole runs against a server that answers what the test tells it to. None measures speed: they hold the report to what
// the server really did.
#include "client/load/run.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <thread>

#include "tests/client/load/sound_server.hpp"

namespace holdfast::client::load {
namespace {

using namespace std::chrono_literals;
using tests::asks;
using tests::found;
using tests::key_of;
using tests::scripted_answer;
using tests::scripted_server;
using tests::sound;
using tests::sound_answer;
using tests::value_of;
using ending = scripted_answer::ending;

load_settings short_run(scripted_server const& server) {
  load_settings settings;
  settings.connection.server = parse_server_url(server.url()).value();
  settings.connection.request_timeout = 10s;
  settings.connections = 3;
  settings.duration = 200ms;
  settings.workload.keys = 5;
  settings.workload.mix = parse_mix("get=1").value();
  return settings;
}

result<load_report> run(load_settings const& settings) {
  progress silent(nullptr, false);
  return run_load(settings, silent);
}

TEST(run_load, goes_on_at_another_server_and_counts_what_failed_by_its_kind) {
  // The one refuses as a standby, the other dies after some answers, the third leads then.
  std::string const problem = R"({"title":"No server leads","status":503,"code":"no_leader"})";
  scripted_server standby(
      sound_answer("503 Service Unavailable", "Content-Type: application/problem+json\r\n", problem));
  std::atomic<int> answered = 0;
  scripted_server dying([&](scripted_server::request const& asked) -> scripted_answer {
    if (asks(asked, "GET") && ++answered > 50) return {"", ending::close};
    return sound(asked);
  });
  scripted_server leader(sound);
  auto settings = short_run(dying);
  settings.connection.server.others = {parse_server_url(standby.url()).value(), parse_server_url(leader.url()).value()};
  settings.duration = 800ms;
  auto const report = run(settings);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->total.errors(error_kind::reset), 3U) << "the request in flight on each connection";
  EXPECT_GE(report->total.errors(error_kind::status), 1U);
  EXPECT_LE(report->total.errors(error_kind::status), 6U) << "a standby is left at once";
  EXPECT_FALSE(leader.requests().empty());
}

/// Answers as a sound server that says when asked that it lives.
scripted_answer living(scripted_server::request const& asked) {
  if (asks(asked, "GET /livez ")) return {sound_answer("200 OK", "Content-Type: application/json\r\n", "{}")};
  return sound(asked);
}

// No connection left a server that was stopped, though another one led: "no request succeeded".
TEST(run_load, goes_on_at_another_server_when_one_falls_silent) {
  std::atomic<bool> is_silent = false;
  scripted_server stopped([&](scripted_server::request const& asked) -> scripted_answer {
    if (asks(asked, "GET /v1/kv/")) is_silent = true;
    if (is_silent) return {"", ending::stall};
    return living(asked);
  });
  scripted_server leader(living);
  auto settings = short_run(stopped);
  settings.connection.server.others = {parse_server_url(leader.url()).value()};
  settings.connection.request_timeout.reset();
  settings.duration = 7s;
  auto const report = run(settings);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->total.errors(error_kind::timeout), 3U) << "the request in flight on each connection";
  EXPECT_EQ(report->total.error_count(), 3U);
  EXPECT_GT(report->total.success_count(), 0U);
}

TEST(run_load, begins_at_a_server_that_answers) {
  scripted_server stopped("", ending::stall), leader(living);
  auto settings = short_run(stopped);
  settings.connection.server.others = {parse_server_url(leader.url()).value()};
  settings.connection.request_timeout.reset();
  auto const report = run(settings);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->total.error_count(), 0U);
  EXPECT_GT(report->total.success_count(), 0U);
}

TEST(run_load, waits_for_a_slow_server_that_lives) {
  std::atomic<bool> owes_answers = false, was_asked = false;
  scripted_server slow([&](scripted_server::request const& asked) -> scripted_answer {
    if (asks(asked, "GET /livez ") && owes_answers) {
      was_asked = true;
      was_asked.notify_all();
    }
    if (asks(asked, "GET /v1/kv/")) {
      owes_answers = true;
      was_asked.wait(false);
    }
    return living(asked);
  });
  scripted_server second(living);
  auto settings = short_run(slow);
  settings.connection.server.others = {parse_server_url(second.url()).value()};
  settings.connection.request_timeout.reset();
  settings.duration = 3s;
  auto const report = run(settings);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->total.error_count(), 0U);
  EXPECT_GT(report->total.success_count(), 0U);
  EXPECT_TRUE(second.requests().empty());
}

TEST(run_load, stores_its_keys_asks_for_them_and_removes_them) {
  scripted_server server(sound);
  auto const report = run(short_run(server));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->total.error_count(), 0U);

  std::size_t puts = 0, gets = 0, deletes = 0;
  auto const prefix = " /v1/kv/" + report->key_prefix;
  for (auto const& request : server.requests()) {
    EXPECT_NE(request.text.find(prefix), std::string::npos) << request.text;
    puts += asks(request, "PUT");
    gets += asks(request, "GET");
    deletes += asks(request, "DELETE");
  }
  EXPECT_EQ(puts, 5U);
  EXPECT_EQ(deletes, 5U);
  EXPECT_GT(gets, 0U);
  EXPECT_EQ(report->total.success_count() + report->unfinished, gets);
  EXPECT_EQ(report->total.wait().count(), report->total.success_count());
  EXPECT_GE(report->elapsed, 200ms);
}

TEST(run_load, leaves_its_keys_when_told_to) {
  scripted_server server(sound);
  auto settings = short_run(server);
  settings.keep_keys = true;
  ASSERT_TRUE(run(settings));
  for (auto const& request : server.requests()) EXPECT_FALSE(asks(request, "DELETE"));
}

TEST(run_load, deals_connections_to_threads_and_counts_all_of_them) {
  scripted_server server(sound);
  auto settings = short_run(server);
  settings.connections = 5;
  settings.threads = 2;
  settings.workload.mix = parse_mix("put=1").value();
  auto const report = run(settings);
  ASSERT_TRUE(report);
  // One to see whether the server is there, five to store, five to ask, five to remove.
  EXPECT_EQ(server.connections(), 16);
  EXPECT_EQ(report->total.successes(operation_kind::put).count(), report->total.success_count());
}

TEST(run_load, asks_for_the_hold_in_the_run_and_for_none_around_it) {
  scripted_server server(sound);
  auto settings = short_run(server);
  settings.workload.hold = parse_hold("1ms").value();
  ASSERT_TRUE(run(settings));
  for (auto const& request : server.requests()) {
    auto const* const hold = asks(request, "GET") ? "?hold=1ms " : "?hold=0 ";
    EXPECT_NE(request.text.find(hold), std::string::npos) << request.text;
  }
}

TEST(run_load, says_why_it_can_not_start) {
  std::optional<load_settings> settings;
  {
    scripted_server gone(sound);
    settings = short_run(gone);
  }
  auto const unreachable = run(*settings);
  ASSERT_FALSE(unreachable);
  EXPECT_EQ(unreachable.error().kind, error_kind::refused);

  scripted_server full(sound_answer("503 Service Unavailable", "", ""));
  auto const refused = run(short_run(full));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, error_kind::status);
}

// A server without keep-alive is slow, not wrong.
TEST(run_load, connects_anew_without_an_error_when_each_answer_ends_the_connection) {
  scripted_server server([](auto const& request) {
    auto answer = sound(request);
    if (asks(request, "GET")) {
      answer.bytes.insert(answer.bytes.find("\r\n") + 2, "Connection: close\r\n");
      answer.then = ending::close;
    }
    return answer;
  });
  auto const report = run(short_run(server));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->total.error_count(), 0U);
  EXPECT_GT(report->total.reconnects(), 0U);
}

TEST(run_load, counts_answers_without_a_timing_apart) {
  scripted_server server([](auto const& request) {
    if (!asks(request, "GET")) return sound(request);
    return scripted_answer{.bytes =
                               sound_answer("200 OK", "Content-Type: application/json\r\n", value_of(key_of(request)))};
  });
  auto const report = run(short_run(server));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->total.without_timing(), report->total.success_count());
  EXPECT_EQ(report->total.wait().count(), 0U);
}

// A hold that outlasts the run: nobody invents an answer that did not come.
TEST(run_load, tells_of_requests_that_had_no_answer_when_time_was_up) {
  scripted_server server([](auto const& request) {
    if (!asks(request, "GET")) return sound(request);
    return scripted_answer{.bytes = {}, .then = ending::stall};
  });
  auto settings = short_run(server);
  settings.connection.request_timeout = 30s;
  auto const report = run(settings);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->unfinished, 3U);
  EXPECT_GE(report->oldest_unfinished, 200ms);
  EXPECT_EQ(report->total.success_count(), 0U);
  EXPECT_EQ(report->total.error_count(), 0U);
}

TEST(run_load, does_not_count_the_warm_up) {
  scripted_server server(sound);
  auto settings = short_run(server);
  settings.stages = {{200ms, 100, 100}};
  settings.duration = 200ms;
  settings.warm_up = 300ms;
  auto const report = run(settings);
  ASSERT_TRUE(report);
  std::size_t gets = 0;
  for (auto const& request : server.requests()) gets += asks(request, "GET");
  EXPECT_EQ(gets, 50U);
  EXPECT_EQ(report->total.success_count(), 20U);
  EXPECT_EQ(report->total.late().count() + report->total.queued(), 20U);
  EXPECT_LT(report->elapsed, 300ms + 200ms);
}

// More requests are due than there are connections: each is sent in the end, and waits from when it was due.
TEST(run_load, sends_every_request_of_an_open_loop_in_the_end) {
  scripted_server server([slow = std::make_shared<std::atomic<bool>>(true)](auto const& request) {
    if (asks(request, "GET") && slow->exchange(false)) std::this_thread::sleep_for(300ms);
    return sound(request);
  });
  auto settings = short_run(server);
  settings.connection.request_timeout = 30s;
  settings.connections = 1;
  settings.stages = {{200ms, 500, 500}};
  settings.duration = 200ms;
  auto const report = run(settings);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->total.success_count(), 100U);
  EXPECT_EQ(report->unfinished, 0U);
  EXPECT_GE(report->total.queued(), 99U);
  // Due at 198 ms, answered after 300 ms.
  EXPECT_GE(report->total.successes().min(), 100ms);
  EXPECT_LT(report->total.since_sent().quantile(0.5), report->total.successes().quantile(0.5));
}

TEST(run_load, counts_requests_of_an_open_loop_as_timed_out_that_no_connection_could_take) {
  scripted_server server([](auto const& request) {
    if (!asks(request, "GET")) return sound(request);
    return scripted_answer{.bytes = {}, .then = ending::stall};
  });
  auto settings = short_run(server);
  settings.connection.request_timeout = 100ms;
  settings.connections = 2;
  settings.stages = {{200ms, 100, 100}};
  auto const report = run(settings);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->total.errors(error_kind::timeout) + report->unfinished, 20U);
  EXPECT_GT(report->total.errors(error_kind::timeout), 2U);
}

TEST(run_load, counts_each_request_that_a_broken_pipeline_left_without_an_answer) {
  scripted_server server([](auto const& request) {
    if (!asks(request, "GET")) return sound(request);
    return scripted_answer{.bytes = {}, .then = ending::close};
  });
  auto settings = short_run(server);
  settings.connections = 1;
  settings.pipeline = 3;
  auto const report = run(settings);
  ASSERT_TRUE(report);
  std::set<int> broken;
  for (auto const& request : server.requests()) {
    if (asks(request, "GET")) broken.insert(request.connection);
  }
  EXPECT_EQ(report->total.errors(error_kind::reset), 3 * broken.size());
  EXPECT_EQ(report->total.error_count(), 3 * broken.size());
}

TEST(run_load, keeps_as_many_requests_in_flight_on_a_connection_as_the_pipeline_is_long) {
  scripted_server server([](auto const& request) {
    if (!asks(request, "GET")) return sound(request);
    return scripted_answer{.bytes = {}, .then = ending::stall};
  });
  auto settings = short_run(server);
  settings.connection.request_timeout = 30s;
  settings.pipeline = 4;
  auto const closed = run(settings);
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->unfinished, 12U);
  settings.connection.request_timeout = 100ms;
  settings.stages = {{50ms, 1000, 1000}};
  settings.duration = 50ms;
  auto const open = run(settings);
  ASSERT_TRUE(open);
  EXPECT_EQ(open->total.late().count(), 12U);
  EXPECT_EQ(open->total.queued(), 38U);
}

TEST(run_load, sends_every_request_of_an_open_loop_once_through_a_pipeline) {
  scripted_server server(sound);
  auto settings = short_run(server);
  settings.pipeline = 3;
  settings.connections = 2;
  settings.stages = {{200ms, 1000, 1000}};
  auto const report = run(settings);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->total.success_count(), 200U);
  EXPECT_EQ(report->total.late().count() + report->total.queued(), 200U);
}

TEST(run_load, puts_what_it_modifies_on_the_connection_that_has_read_it) {
  scripted_server server(sound);
  auto settings = short_run(server);
  settings.workload.mix = parse_mix("rmw=1").value();
  auto const report = run(settings);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->total.error_count(), 0U);
  std::map<int, scripted_server::request> before;
  std::size_t modified = 0;
  for (auto const& request : server.requests()) {
    auto const read = before.find(request.connection);
    if (read != before.end() && asks(read->second, "GET")) {
      EXPECT_TRUE(asks(request, "PUT")) << request.text;
      EXPECT_EQ(key_of(request), key_of(read->second));
      ++modified;
    }
    before[request.connection] = request;
  }
  EXPECT_GT(modified, 3U);
}

TEST(run_load, puts_nothing_when_what_it_would_modify_could_not_be_read) {
  scripted_server server([](auto const& request) {
    if (!asks(request, "GET")) return sound(request);
    return scripted_answer{.bytes = sound_answer("503 Service Unavailable", "", "")};
  });
  auto settings = short_run(server);
  settings.workload.mix = parse_mix("rmw=1").value();
  auto const report = run(settings);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->total.success_count(), 0U);
  EXPECT_EQ(report->total.errors(error_kind::status), report->total.error_count());
}

TEST(run_load, takes_a_missing_key_for_no_error_where_it_deletes_keys) {
  scripted_server server([](auto const& request) {
    if (asks(request, "PUT")) return sound(request);
    return scripted_answer{.bytes = sound_answer("404 Not Found", "Content-Type: application/problem+json\r\n", "{}")};
  });
  auto settings = short_run(server);
  settings.workload.mix = parse_mix("get=1,delete=1").value();
  auto const report = run(settings);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->total.error_count(), 0U);
  EXPECT_GT(report->total.successes(operation_kind::get).count(), 0U);
  EXPECT_GT(report->total.successes(operation_kind::del).count(), 0U);
}

TEST(run_load, removes_the_keys_that_it_has_inserted) {
  scripted_server server(sound);
  auto settings = short_run(server);
  settings.workload.mix = parse_mix("insert=1").value();
  settings.threads = 2;
  ASSERT_TRUE(run(settings));
  std::set<unsigned> there;
  for (auto const& request : server.requests()) {
    if (asks(request, "PUT")) {
      EXPECT_TRUE(there.insert(key_of(request)).second) << request.text;
    } else {
      there.erase(key_of(request));
    }
  }
  EXPECT_TRUE(there.empty());
}

TEST(run_load, keeps_why_its_requests_were_refused) {
  scripted_server server([](auto const& request) {
    if (!asks(request, "GET")) return sound(request);
    return scripted_answer{.bytes =
                               sound_answer("503 Service Unavailable", "Content-Type: application/problem+json\r\n",
                                            R"({"title":"Busy","detail":"try again"})")};
  });
  auto const report = run(short_run(server));
  ASSERT_TRUE(report);
  ASSERT_EQ(report->total.all_series().size(), 1U);
  EXPECT_EQ(report->total.all_series().front().reason, "Busy: try again");
}

std::string const right = found(value_of(0));

struct wrong_server {
  char const* name;
  scripted_answer answer;
  error_kind kind;
};

void PrintTo(wrong_server const& server, std::ostream* out) {
  *out << server.name;
}

class wrong_servers : public testing::TestWithParam<wrong_server> {};

TEST_P(wrong_servers, are_caught_and_named_while_the_other_answers_count) {
  // Each connection is answered well once and wrongly from then on.
  scripted_server server([&](auto const& request) {
    return asks(request, "GET") && request.number > 0 ? GetParam().answer : sound(request);
  });
  auto settings = short_run(server);
  settings.workload.keys = 1;
  if (GetParam().kind == error_kind::timeout) settings.connection.request_timeout = 100ms;
  auto const report = run(settings);
  ASSERT_TRUE(report);
  EXPECT_GT(report->total.errors(GetParam().kind), 0U);
  EXPECT_EQ(report->total.errors(GetParam().kind), report->total.error_count());
  EXPECT_GE(report->total.success_count(), 3U);
}

INSTANTIATE_TEST_SUITE_P(
    run_load, wrong_servers,
    testing::Values(
        wrong_server{
            "cut_body", {.bytes = right.substr(0, right.size() - 1), .then = ending::close}, error_kind::bad_answer},
        wrong_server{"longer_than_it_says", {.bytes = right + "x"}, error_kind::bad_answer},
        wrong_server{"not_http", {.bytes = "+OK\r\n"}, error_kind::bad_answer},
        wrong_server{"another_value",
                     {.bytes = sound_answer("200 OK", "Content-Type: application/json\r\n", "1")},
                     error_kind::bad_answer},
        wrong_server{"value_of_another_key", {.bytes = found(value_of(1))}, error_kind::bad_answer},
        wrong_server{"another_type",
                     {.bytes = sound_answer("200 OK", "Content-Type: text/html\r\n", value_of(0))},
                     error_kind::bad_answer},
        wrong_server{"failing", {.bytes = sound_answer("500 Internal Server Error", "", "")}, error_kind::status},
        wrong_server{"forgetful", {.bytes = sound_answer("404 Not Found", "", "")}, error_kind::status},
        wrong_server{"closing", {.bytes = {}, .then = ending::close}, error_kind::reset},
        wrong_server{"resetting", {.bytes = {}, .then = ending::reset}, error_kind::reset},
        wrong_server{"stalling", {.bytes = {}, .then = ending::stall}, error_kind::timeout},
        wrong_server{
            "stalling_amid_an_answer", {.bytes = right.substr(0, 50), .then = ending::stall}, error_kind::timeout}),
    [](auto const& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace holdfast::client::load
