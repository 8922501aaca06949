#include "client/load/report.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "client/load/text.hpp"
#include "tests/client/load/sample_report.hpp"

namespace holdfast::client::load {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using tests::a_hundred_answers;
using tests::finished_open_loop;
using tests::finished_run;

TEST(measurements, split_every_latency_into_wait_hold_and_rest) {
  auto const measured = a_hundred_answers();
  EXPECT_EQ(measured.success_count(), 100U);
  EXPECT_EQ(measured.wait().sum() + measured.hold().sum() + measured.rest().sum(), measured.successes().sum());
  EXPECT_EQ(measured.wait().sum(), 100ms);
  EXPECT_EQ(measured.hold().sum(), 50ms);
}

TEST(measurements, keep_refusals_out_of_the_successes_and_count_them_as_errors) {
  measurements measured;
  measured.record({operation_kind::get, 503, false, 1ms, {}});
  measured.record({operation_kind::get, 503, false, 1ms, {}});
  measured.record(error_kind::timeout, 3);
  EXPECT_EQ(measured.success_count(), 0U);
  EXPECT_EQ(measured.successes().count(), 0U);
  EXPECT_EQ(measured.errors(error_kind::status), 2U);
  EXPECT_EQ(measured.errors(error_kind::timeout), 3U);
  EXPECT_EQ(measured.error_count(), 5U);
  EXPECT_EQ(measured.wait().count(), 0U);
}

TEST(measurements, set_answers_aside_whose_timing_is_missing_or_can_not_be) {
  measurements measured;
  measured.record({operation_kind::get, 200, true, 1ms, {}});
  measured.record({operation_kind::get, 200, true, 1ms, protocol::lock_timing{2ms, 0ns}});
  // The server rounds: a little too much is not a lie.
  measured.record({operation_kind::get, 200, true, 1ms, protocol::lock_timing{1ms + 900ns, 0ns}});
  EXPECT_EQ(measured.without_timing(), 1U);
  EXPECT_EQ(measured.implausible_timing(), 1U);
  EXPECT_EQ(measured.rest().count(), 1U);
  EXPECT_EQ(measured.success_count(), 3U);
}

TEST(measurements, split_off_what_an_answer_waited_for_the_disk) {
  load_report report = finished_run();
  report.total.record({operation_kind::put, 204, true, 10ms, protocol::lock_timing{1ms, 2ms, 0, 4ms}});
  EXPECT_EQ(report.total.disk().max(), 4ms);
  EXPECT_EQ(report.total.disk().count(), report.total.rest().count()) << "who did not wait waited 0";
  auto const text = text_report(report);
  EXPECT_THAT(text, HasSubstr("\n  disk            1.8 %  39.6 us     0 ns     0 ns  4.00 ms\n"));
  EXPECT_THAT(text, HasSubstr("  Wait, hold and disk are the server's word"));
  EXPECT_THAT(text_report(finished_run()), Not(HasSubstr("disk")));
}

TEST(measurements, merged_are_the_same_as_recorded_together) {
  auto merged = a_hundred_answers();
  measurements other;
  other.record({operation_kind::put, 204, true, 3ms, {}});
  other.record({operation_kind::put, 500, false, 3ms, {}});
  other.record(error_kind::reset);
  other.record_reconnect();
  merged.merge(other);
  EXPECT_EQ(merged.success_count(), 101U);
  EXPECT_EQ(merged.successes(operation_kind::put).count(), 10U);
  EXPECT_EQ(merged.error_count(), 2U);
  EXPECT_EQ(merged.reconnects(), 1U);
  EXPECT_EQ(merged.without_timing(), 1U);
  EXPECT_EQ(merged.all_series().size(), 3U);
}

TEST(text_report, leads_with_throughput_and_p99_and_splits_the_latency) {
  EXPECT_EQ(text_report(finished_run()),
            R"(50 requests/s   p99 2.01 ms
  closed loop, 4 connections, 2 threads, 2.00 s

  latency           p50      p90      p99    p99.9      max     mean    count
  all           1.00 ms  1.00 ms  2.01 ms   101 ms   101 ms  2.09 ms      100
  get           1.00 ms  1.00 ms   101 ms   101 ms   101 ms  2.10 ms       91
  put           2.00 ms  2.00 ms  2.00 ms  2.00 ms  2.00 ms  2.00 ms        9

  of which        share     mean      p50      p99      max
  lock wait      47.8 %  1.00 ms     0 ns     0 ns   100 ms
  lock hold      23.9 %   500 us   500 us   500 us   500 us
  the rest       28.2 %   590 us   502 us  1.50 ms  1.50 ms
  Wait and hold are the server's word (Server-Timing); the rest is network, parsing and queues on both sides.

  errors  0
  client  0.0 % busy, 10.0 us of processor time a request
  again   holdfast load --server http://127.0.0.1:8080 --connections 4 --pipeline 1 --threads 2 \
          --duration 2s --warm-up 0 --mix get=90,put=10 --key-choice uniform --keys 1000 --value-size 64 \
          --seed 1 --runs 1
)");
}

TEST(text_report, names_every_kind_of_error_with_its_count) {
  auto report = finished_run();
  report.total.record(error_kind::reset, 1234);
  report.total.record(error_kind::bad_answer);
  report.total.record({operation_kind::put, 503, false, 1ms, {}});
  EXPECT_THAT(text_report(report), HasSubstr("errors  1,236   reset 1,234, bad_answer 1, put answered 503: 1\n"));
}

TEST(text_report, shows_the_latency_of_each_status_where_an_operation_had_several_or_none_was_a_success) {
  auto report = finished_run();
  EXPECT_THAT(text_report(report), Not(HasSubstr("get 200")));
  report.total.record({operation_kind::get, 404, true, 3ms, {}});
  report.total.record({operation_kind::del, 503, false, 4ms, {}});
  auto const text = text_report(report);
  EXPECT_THAT(text, HasSubstr("\n    get 200     1.00 ms"));
  EXPECT_THAT(text, HasSubstr("\n    get 404     3.00 ms"));
  EXPECT_THAT(text, HasSubstr("\n    delete 503  4.00 ms"));
  EXPECT_THAT(text, Not(HasSubstr("put 204")));
  auto const statuses = nlohmann::json::parse(json_report(report))["statuses"];
  EXPECT_EQ(statuses[2]["status"], 404);
  EXPECT_EQ(statuses[2]["latency_ms"]["max"], 3.0);
  report.seconds = {summarize(0, report.total)};
  auto const of_second = nlohmann::json::parse(json_report(report))["seconds"][0]["statuses"];
  EXPECT_EQ(of_second.size(), 4U);
  EXPECT_EQ(of_second[3]["operation"], "delete");
  EXPECT_EQ(of_second[3]["answers"], 1);
  EXPECT_EQ(of_second[3]["max_ms"], 4.0);
}

TEST(text_report, tells_why_requests_were_refused) {
  auto report = finished_run();
  report.total.record({operation_kind::get, 400, false, 1ms, {}}).reason = "Hold too long: ask for 60s at most.";
  measurements later;
  later.record({operation_kind::get, 400, false, 1ms, {}}).reason = "Another.";
  report.total.merge(later);
  EXPECT_THAT(text_report(report), HasSubstr("  errors  2   get answered 400: 2\n"
                                             "  get answered 400: Hold too long: ask for 60s at most.\n"));
  auto const statuses = nlohmann::json::parse(json_report(report))["statuses"];
  EXPECT_TRUE(statuses[0]["reason"].is_null());
  EXPECT_EQ(statuses[2]["reason"], "Hold too long: ask for 60s at most.");
}

TEST(text_report, is_never_wider_than_120_columns) {
  auto report = finished_open_loop();
  report.starved = 9s;
  report.settings.workload.mix = parse_mix("rmw=1").value();
  for (int i = 0; i < 20; ++i) report.settings.thresholds.push_back(parse_threshold("p99<5ms").value());
  for (int i = 0; i < 9; ++i) report.total.record_start(3ms);
  std::istringstream text(text_report(report));
  for (std::string line; std::getline(text, line);) EXPECT_LE(line.size(), 120U) << line;
}

TEST(text_report, tells_why_an_open_loop_may_have_more_answers_than_starts) {
  auto report = finished_open_loop();
  EXPECT_THAT(text_report(report), Not(HasSubstr("read-modify-write")));
  report.settings.workload.mix = parse_mix("get=1,rmw=1").value();
  EXPECT_THAT(text_report(report), HasSubstr("A read-modify-write starts once and is two requests"));
}

TEST(text_report, tells_what_is_in_no_figure) {
  auto report = finished_run();
  report.unfinished = 64;
  report.oldest_unfinished = 1500ms;
  EXPECT_THAT(text_report(report), HasSubstr("64 requests had no answer when time was up, the oldest for 1.50 s"));
  report.total.record({operation_kind::get, 200, true, 1ms, {}});
  EXPECT_THAT(text_report(report), HasSubstr("1 answer had no Server-Timing"));
}

TEST(text_report, says_when_the_client_was_the_limit) {
  auto report = finished_run();
  EXPECT_THAT(text_report(report), Not(HasSubstr("The client was the limit")));
  report.cpu = 3900ms;  // of 2 threads in 2 s
  EXPECT_THAT(text_report(report), HasSubstr("97.5 % busy"));
  EXPECT_THAT(text_report(report), HasSubstr("The client was the limit"));
}

TEST(text_report, says_when_others_had_the_processors_of_the_client) {
  auto report = finished_run();
  report.cpu = 1s;  // of 2 threads in 2 s
  report.starved = 100ms;
  EXPECT_THAT(text_report(report), HasSubstr("  client  25.0 % busy, 10.0 ms of processor time a request\n"));
  report.starved = 2s;
  EXPECT_THAT(text_report(report), HasSubstr("  client  25.0 % busy, 50.0 % waiting for a processor, 10.0 ms of "));
  EXPECT_THAT(text_report(report), Not(HasSubstr("The client was the limit")));
  report.starved = 2800ms;
  EXPECT_THAT(text_report(report), HasSubstr("The client was the limit: others had its processors. It needs"));
  auto const told = nlohmann::json::parse(json_report(report))["client"];
  EXPECT_EQ(told["starved_share"], 0.7);
  EXPECT_EQ(told["was_the_limit"], true);
}

TEST(text_report, tells_what_a_request_cost_the_server) {
  auto report = finished_run();
  EXPECT_THAT(text_report(report), Not(HasSubstr("  server  ")));
  report.server = server_process{.pid = 7, .name = "holdfast-server", .cpu = 3s};
  EXPECT_THAT(
      text_report(report),
      HasSubstr("  server  process 7 (holdfast-server): 1.50 cores busy, 30.0 ms of processor time a request\n"));
  // A refusal costs something, too.
  report.total.record({operation_kind::get, 503, false, 1ms, {}});
  report.server->cpu = 101ms;
  EXPECT_THAT(text_report(report), HasSubstr(", 1.00 ms of processor time a request\n"));
}

TEST(text_report, tells_no_figure_of_a_server_that_has_ended) {
  auto report = finished_run();
  report.server = server_process{.pid = 7, .name = "holdfast-server", .cpu = {}};
  EXPECT_THAT(text_report(report), HasSubstr("  server  process 7 (holdfast-server) ended before the run did"));
  auto const told = nlohmann::json::parse(json_report(report))["server"];
  EXPECT_EQ(told["pid"], 7);
  for (auto const* field : {"cpu_ms", "cpu_us_per_request", "cores"}) EXPECT_TRUE(told[field].is_null()) << field;
}

TEST(json_report, tells_what_a_request_cost_the_server) {
  auto report = finished_run();
  EXPECT_TRUE(nlohmann::json::parse(json_report(report))["server"].is_null());
  report.server = server_process{.pid = 7, .name = "holdfast-server", .cpu = 3s};
  auto const told = nlohmann::json::parse(json_report(report))["server"];
  EXPECT_EQ(told["pid"], 7);
  EXPECT_EQ(told["name"], "holdfast-server");
  EXPECT_EQ(told["cpu_ms"], 3000.0);
  EXPECT_EQ(told["cpu_us_per_request"], 30'000.0);
  EXPECT_EQ(told["cores"], 1.5);
}

TEST(text_report, invents_no_figure_when_nothing_was_answered) {
  load_report report;
  report.elapsed = 1s;
  report.total.record(error_kind::refused, 3);
  auto const text = text_report(report);
  EXPECT_THAT(text, testing::StartsWith("0 requests/s   no request succeeded\n"));
  EXPECT_THAT(text, HasSubstr("  all                 -        -"));
  EXPECT_THAT(text, Not(HasSubstr("lock wait")));
  EXPECT_THAT(text, HasSubstr("errors  3   refused 3\n"));
}

TEST(text_report, of_an_open_loop_shows_both_latencies_and_what_was_asked_for) {
  EXPECT_EQ(text_report(finished_open_loop()),
            R"(10 requests/s   p99 5.00 ms
  open loop, 10.0/s poisson, 64 connections, 1 thread, 10.0 s after 1s of warm-up

  latency           p50      p90      p99    p99.9      max     mean    count
  all           1.01 ms  5.00 ms  5.00 ms  5.00 ms  5.00 ms  3.00 ms      100
  get           1.01 ms  5.00 ms  5.00 ms  5.00 ms  5.00 ms  3.00 ms      100
  since sent    1.00 ms  1.00 ms  1.00 ms  1.00 ms  1.00 ms  1.00 ms      100
  Latency counts from when a request was due; 'since sent', like a closed loop, leaves out what it waited before.

  of which        share     mean      p50      p99      max
  not sent yet   66.7 %  2.00 ms  10.0 us  4.00 ms  4.00 ms
  lock wait       0.0 %     0 ns     0 ns     0 ns     0 ns
  lock hold       3.3 %   100 us   100 us   100 us   100 us
  the rest       30.0 %   900 us   900 us   900 us   900 us
  Wait and hold are the server's word (Server-Timing); the rest is network, parsing and queues on both sides.

  errors  0
  asked   10.0/s on average, started 10.0/s; 50.0 % found all connections busy
  client  0.0 % busy, 0 ns of processor time a request
  again   holdfast load --server http://127.0.0.1:8080 --connections 64 --pipeline 1 --threads 1 --rate 10/s \
          --duration 10s --arrivals poisson --warm-up 1s --mix get=90,put=10 --key-choice uniform \
          --keys 1000 --value-size 64 --seed 1 --runs 1
)");
}

TEST(text_report, says_when_the_client_itself_was_late) {
  auto report = finished_open_loop();
  EXPECT_THAT(text_report(report), Not(HasSubstr("could not keep up")));
  for (int i = 0; i < 2; ++i) report.total.record_start(3ms);
  EXPECT_THAT(text_report(report), HasSubstr("The client could not keep up: it started 2.0 % of its requests more than "
                                             "1.00 ms late although connections were free."));
}

TEST(json_report, of_an_open_loop_has_its_schedule) {
  auto const told = nlohmann::json::parse(json_report(finished_open_loop()));
  EXPECT_EQ(told["settings"]["loop"], "open");
  EXPECT_EQ(told["settings"]["arrivals"], "poisson");
  EXPECT_EQ(told["settings"]["warm_up_ms"], 1000.0);
  EXPECT_EQ(told["settings"]["stages"][0]["rate_begin_per_s"], 10.0);
  EXPECT_EQ(told["open_loop"]["asked_per_s"], 10.0);
  EXPECT_EQ(told["open_loop"]["started_per_s"], 10.0);
  EXPECT_EQ(told["open_loop"]["found_no_connection"], 50);
  EXPECT_EQ(told["open_loop"]["since_sent_ms"]["max"], 1.0);
  EXPECT_NEAR(told["split"]["before_sending_ms"]["max"], 4.0, 0.04);
}

TEST(json_report, has_every_documented_field) {
  auto report = finished_run();
  report.settings.workload.hold = parse_hold("5ms").value();
  report.total.record(error_kind::timeout, 2);
  report.unfinished = 3;
  report.oldest_unfinished = 2ms;
  auto const told = nlohmann::json::parse(json_report(report));
  EXPECT_EQ(told["version"], 1);
  EXPECT_EQ(told["settings"]["server"], "http://127.0.0.1:8080");
  EXPECT_EQ(told["settings"]["loop"], "closed");
  EXPECT_EQ(told["settings"]["connections"], 4);
  EXPECT_EQ(told["settings"]["threads"], 2);
  EXPECT_EQ(told["settings"]["duration_ms"], 2000.0);
  EXPECT_EQ(told["settings"]["hold"], "5ms");
  EXPECT_EQ(told["settings"]["request_timeout_ms"], 30020.0);
  EXPECT_TRUE(told["open_loop"].is_null());
  EXPECT_EQ(told["started_at"], "2001-09-09T01:46:40Z");
  EXPECT_EQ(told["elapsed_ms"], 2000.0);
  EXPECT_EQ(told["interrupted"], false);
  EXPECT_EQ(told["throughput_per_s"], 50.0);
  EXPECT_EQ(told["latency_ms"]["all"]["count"], 100);
  EXPECT_EQ(told["latency_ms"]["all"]["max"], 101.0);
  EXPECT_NEAR(told["latency_ms"]["put"]["p99_9"], 2.0, 0.02);
  EXPECT_EQ(told["split"]["answers"], 100);
  EXPECT_EQ(told["split"]["wait_ms"]["mean"], 1.0);
  EXPECT_NEAR(double(told["split"]["wait_ms"]["share"]) + double(told["split"]["hold_ms"]["share"]) +
                  double(told["split"]["rest_ms"]["share"]),
              1.0, 1e-9);
  EXPECT_EQ(told["statuses"].size(), 2U);
  EXPECT_EQ(told["errors"]["total"], 2);
  EXPECT_EQ(told["errors"]["kinds"]["timeout"], 2);
  EXPECT_EQ(told["errors"]["kinds"]["refused"], 0);
  EXPECT_EQ(told["unfinished"]["count"], 3);
  EXPECT_EQ(told["client"]["cpu_us_per_request"], 10.0);
  EXPECT_EQ(told["client"]["was_the_limit"], false);
  ASSERT_EQ(told["seconds"].size(), 2U);
  EXPECT_EQ(told["seconds"][0]["answers"], 100);
  EXPECT_TRUE(told["seconds"][1]["p99_ms"].is_null());
}

TEST(text, writes_three_digits_that_count) {
  EXPECT_EQ(readable(0ns), "0 ns");
  EXPECT_EQ(readable(999ns), "999 ns");
  EXPECT_EQ(readable(1234ns), "1.23 us");
  EXPECT_EQ(readable(99'960ns), "100 us");
  EXPECT_EQ(readable(999'600ns), "1.00 ms");
  EXPECT_EQ(readable(59'340ms), "59.3 s");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1'234'567), "1,234,567");
  EXPECT_EQ(percent(0.123), "12.3 %");
}

}  // namespace
}  // namespace holdfast::client::load
