// Runs with --verify against the real server, in this process.
#include <gtest/gtest.h>
#include <unistd.h>

#include "client/load/run.hpp"
#include "client/load/verify/verification.hpp"
#include "client/load/watch_pool.hpp"
#include "tests/support/running_server.hpp"

namespace holdfast::client::load {
namespace {

using namespace std::chrono_literals;
using verify::verdict;

load_settings verified_run(tests::running_server const& server) {
  load_settings settings;
  settings.connection.server = parse_server_url("http://127.0.0.1:" + std::to_string(server.port())).value();
  settings.duration = 1s;
  settings.connections = 8;
  settings.workload.keys = 10;
  settings.verify = true;
  return settings;
}

load_report run(load_settings const& settings) {
  progress silent(nullptr, false);
  return run_load(settings, silent).value();
}

TEST(server_verify, finds_everything_at_once_linearizable) {
  auto server_settings = tests::running_server::test_settings();
  server_settings.writer_period = 5ms;
  tests::running_server const server(std::move(server_settings));
  auto settings = verified_run(server);
  settings.workload.mix = parse_mix("get=40,put=25,insert=5,delete=15,rmw=15").value();
  settings.workload.hold = parse_hold("exp:1ms").value();
  settings.workload.hold_share = 0.05;
  settings.pipeline = 3;
  settings.threads = 2;
  auto const report = run(settings);
  EXPECT_EQ(report.total.error_count(), 0U);
  ASSERT_NE(report.verified, nullptr);
  EXPECT_EQ(report.verified->verdict, verdict::linearizable);
  EXPECT_FALSE(report.verified->locks.is_broken());
  EXPECT_GE(report.verified->operations, report.total.success_count());
  EXPECT_GT(report.verified->keys, settings.workload.keys) << "inserts made more";
  EXPECT_GT(report.verified->locks.judged_revisions, 0U);
  EXPECT_EQ(report.verified->unanswered, 0U);
}

// Everything that --verify knows, with watchers, expiry, holds and requests that are given up.
TEST(server_verify, finds_the_whole_run_strictly_serializable) {
  tests::running_server const server;
  auto settings = verified_run(server);
  settings.workload.mix =
      parse_mix("get=20,put=10,insert=3,delete=8,rmw=5,list=12,txn=15,cas=15,create=10,incr=10,watch=25").value();
  settings.workload.ttl = parse_hold("uniform:5ms..50ms").value();
  settings.workload.ttl_share = 0.3;
  settings.pipeline = 3;
  settings.threads = 2;
  auto const report = run(settings);
  EXPECT_EQ(report.total.error_count(), 0U);
  EXPECT_EQ(report.verified->proof, verify::proof::by_revision);
  EXPECT_EQ(report.verified->verdict, verdict::linearizable) << verify::text_of(*report.verified, "");
  EXPECT_GT(report.verified->events, 0U);
  EXPECT_TRUE(report.watched->is_right()) << report.watched->first_wrong << report.watched->failure;
}

// Only the first key of a transaction was counted, so a report could name more wrong keys than there were.
TEST(server_verify, counts_all_keys_of_a_transaction) {
  tests::running_server const server;
  auto settings = verified_run(server);
  settings.workload.mix = parse_mix("txn=100").value();
  settings.workload.keys = 5000;
  settings.connections = 1;
  settings.duration = 20ms;
  auto const report = run(settings);
  EXPECT_GT(2 * report.verified->keys, report.verified->operations + 2) << "two keys each are read, then written";
}

TEST(server_verify, finds_it_so_where_requests_are_given_up_and_nobody_watches) {
  tests::running_server const server;
  auto settings = verified_run(server);
  settings.workload.mix = parse_mix("get=20,put=15,delete=10,list=12,txn=15,cas=15,create=10,incr=10").value();
  settings.workload.ttl = parse_hold("uniform:5ms..50ms").value();
  settings.workload.ttl_share = 0.3;
  settings.workload.hold = parse_hold("5ms").value();
  settings.workload.hold_share = 0.5;
  settings.connection.request_timeout = 20ms;
  auto const report = run(settings);
  EXPECT_GT(report.verified->unanswered, 0U);
  EXPECT_EQ(report.verified->proof, verify::proof::by_revision);
  EXPECT_EQ(report.verified->verdict, verdict::linearizable) << verify::text_of(*report.verified, "");
}

// Each waits for the holds of seven others, far longer than what the audit takes on trust.
TEST(server_verify, finds_the_lock_granted_in_the_order_of_asking) {
  tests::running_server const server;
  auto settings = verified_run(server);
  settings.workload.hold = parse_hold("15ms").value();
  auto const report = run(settings);
  EXPECT_GT(report.verified->locks.judged_pairs, 100U);
  EXPECT_EQ(report.verified->locks.broken_pairs, 0U);
  EXPECT_EQ(report.verified->locks.implausible, 0U);
}

// The client gives up while its requests wait and while they hold: of some the put stays, of others it never happened.
TEST(server_verify, knows_nothing_of_requests_that_timed_out_and_accuses_nobody) {
  tests::running_server const server;
  auto settings = verified_run(server);
  settings.workload.mix = parse_mix("get=40,put=40,delete=20").value();
  settings.workload.hold = parse_hold("20ms").value();
  settings.workload.hold_share = 0.5;
  settings.connection.request_timeout = 30ms;
  auto const report = run(settings);
  EXPECT_GT(report.total.errors(error_kind::timeout), 0U);
  EXPECT_GT(report.verified->unanswered, 0U);
  EXPECT_EQ(report.verified->verdict, verdict::linearizable);
  EXPECT_FALSE(report.verified->locks.is_broken());
}

TEST(server_verify, uses_keys_that_no_run_had_before) {
  tests::running_server const server;
  auto settings = verified_run(server);
  settings.duration = 50ms;
  settings.keep_keys = true;
  settings.workload.mix = parse_mix("put=1,insert=1").value();
  auto const first = run(settings);
  // Were its keys those of the first, their values would be foreign, and its inserts would find them there.
  auto const second = run(settings);
  EXPECT_NE(first.key_prefix, second.key_prefix);
  EXPECT_EQ(second.verified->verdict, verdict::linearizable);
}

TEST(server_verify, measures_what_a_request_costs_the_server) {
  tests::running_server const server;
  auto settings = verified_run(server);
  settings.verify = false;
  settings.server_pid = ::getpid();
  auto const report = run(settings);
  ASSERT_TRUE(report.server && report.server->cpu);
  // This process is the server and the client.
  EXPECT_GT(*report.server->cpu, report.cpu);
  EXPECT_LT(report.cores(*report.server->cpu), 4.0);
}

}  // namespace
}  // namespace holdfast::client::load
