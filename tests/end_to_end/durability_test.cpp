// Nothing is shown before it is durable. Commits are delayed by hand; an answer that arrives meanwhile could become
// untrue by a power loss.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/manual_journal.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"

namespace holdfast::tests {
namespace {

using namespace std::chrono_literals;

struct durability : ::testing::Test {
  void start() {
    server.emplace(settings, std::make_unique<manual_journal>(commits), limits);
    client.emplace(server->port());
  }
  void SetUp() override { start(); }
  void TearDown() override { commits.let_go(); }

  raw_client connect() { return raw_client(server->port()); }

  raw_reply ask(std::string_view method, std::string_view target, std::string_view body = {},
                std::string_view more = {}) {
    return client->ask(request(method, target, body, more));
  }

  /// Sends a request whose changes go up to `sequence`, which is not durable when this returns.
  void change(raw_client& by, std::string_view bytes, std::uint64_t sequence) {
    by.send(bytes);
    commits.await_commit(sequence);
  }

  /// True if the server has sent nothing to the client although it could have.
  [[nodiscard]] bool is_withheld(raw_client& from) const {
    server->settle();
    return from.stays_silent(0ms);
  }

  /// Expects that a request is not answered before the commit, and returns its answer. Nothing else may be withheld.
  raw_reply withheld(std::string_view bytes) {
    auto reader = connect();
    reader.send(bytes);
    EXPECT_TRUE(is_withheld(reader)) << bytes;
    commits.let_go();
    auto answer = reader.receive(bytes.starts_with("HEAD "));
    EXPECT_TRUE(answer.disk()) << "it says what it waited for";
    commits.hold();
    return answer;
  }

  commit_control commits;  // outlives the server
  server::settings settings = running_server::test_settings();
  server::commit_settings limits;
  std::optional<running_server> server;
  std::optional<raw_client> client;
};

TEST_F(durability, a_put_is_answered_when_it_is_durable) {
  commits.hold();
  change(*client, request("PUT", "/v1/kv/a", "1"), 1);
  EXPECT_TRUE(is_withheld(*client));
  commits.let_go();
  auto const answer = client->receive();
  EXPECT_EQ(answer.status, 201);
  ASSERT_TRUE(answer.disk());
  EXPECT_EQ(answer.disk()->others, 0);
  EXPECT_TRUE(answer.disk()->is_synced);
  EXPECT_GE(answer.hold_ms(), 0) << "and what else Server-Timing tells";
}

/// Memory of running requests according to /metrics.
unsigned long under_way_bytes(raw_client& by) {
  auto const text = by.ask(request("GET", "/metrics")).body;
  std::string const name = "\nholdfast_memory_bytes{kind=\"under_way\"} ";
  auto const at = text.find(name);
  EXPECT_NE(at, std::string::npos) << text;
  return at == std::string::npos ? 0 : std::stoul(text.substr(at + name.size()));
}

// Each connection may have 64 KiB of them, and there may be 16,384 connections.
TEST_F(durability, withheld_answers_count_as_memory_under_way) {
  ask("PUT", "/v1/kv/a", std::string(10'000, '1'));
  auto observer = connect();
  auto const before = under_way_bytes(observer);
  commits.hold();
  change(*client, request("PUT", "/v1/kv/a", std::string(10'000, '2')), 2);
  std::vector<raw_client> readers;
  for (int i = 0; i < 5; ++i) readers.emplace_back(server->port()).send(request("GET", "/v1/kv/a"));
  server->settle();
  EXPECT_GE(under_way_bytes(observer), before + 50'000);
  commits.let_go();
  for (auto& one : readers) one.receive();
  client->receive();
  server->settle();
  EXPECT_EQ(under_way_bytes(observer), before);
}

TEST_F(durability, changes_that_gather_meanwhile_become_durable_together) {
  commits.hold();
  change(*client, request("PUT", "/v1/kv/first", "1"), 1);
  std::vector<raw_client> others;
  for (int i = 0; i < 5; ++i)
    others.emplace_back(server->port()).send(request("PUT", "/v1/kv/" + std::to_string(i), "1"));
  server->settle();
  commits.let_go();
  client->receive();
  for (auto& one : others) EXPECT_EQ(one.receive().disk().value_or(raw_reply::withholding{}).others, 4);
  EXPECT_EQ(commits.commits(), 2U);
}

TEST_F(durability, a_value_that_is_not_durable_is_shown_to_nobody) {
  ask("PUT", "/v1/kv/a", "1");
  commits.hold();
  change(*client, request("PUT", "/v1/kv/a", "2"), 2);
  auto const answer = withheld(request("GET", "/v1/kv/a"));
  EXPECT_EQ(answer.body, "2");
}

TEST_F(durability, neither_is_its_tag) {
  ask("PUT", "/v1/kv/a", "1");
  auto const first = ask("GET", "/v1/kv/a").field("etag");
  auto put = connect();
  auto const tag = [&](char const* revision) { return first.substr(0, first.find('-') + 1) + revision + '"'; };
  auto const with = [&](std::string_view name, std::string const& value) {
    return std::string(name) + ": " + value + "\r\n";
  };
  commits.hold();
  change(put, request("PUT", "/v1/kv/a", "2"), 2);
  EXPECT_EQ(withheld(request("HEAD", "/v1/kv/a")).field("etag"), tag("2"));
  change(put, request("PUT", "/v1/kv/a", "3"), 3);
  EXPECT_EQ(withheld(request("GET", "/v1/kv/a", {}, with("If-None-Match", tag("3")))).status, 304);
  change(put, request("PUT", "/v1/kv/a", "4"), 4);
  auto const refused = withheld(request("PUT", "/v1/kv/a", "0", with("If-Match", first)));
  EXPECT_EQ(refused.status, 412);
  EXPECT_EQ(refused.field("etag"), tag("4"));
}

TEST_F(durability, a_key_is_not_absent_before_its_removal_is_durable) {
  ask("PUT", "/v1/kv/a", "1");
  auto remover = connect();
  commits.hold();
  change(remover, request("DELETE", "/v1/kv/a"), 2);
  EXPECT_TRUE(is_withheld(remover));
  EXPECT_EQ(withheld(request("GET", "/v1/kv/a")).status, 404);
}

TEST_F(durability, lists_and_transactions_show_only_what_is_durable) {
  auto put = connect();
  commits.hold();
  change(put, request("PUT", "/v1/kv/a", "1"), 1);
  EXPECT_NE(withheld(request("GET", "/v1/kv?prefix=&values=true")).body.find("\"a\""), std::string::npos);
  change(put, request("PUT", "/v1/kv/b", "1"), 2);
  EXPECT_EQ(
      withheld(request("POST", "/v1/txn", R"({"operations":[{"get":"b"}]})", "Content-Type: application/json\r\n"))
          .status,
      200);
  change(put, request("PUT", "/v1/kv/c", "1"), 3);
  EXPECT_EQ(withheld(request("POST", "/v1/txn", R"({"checks":[{"key":"c","exists":false}],"operations":[{"get":"b"}]})",
                             "Content-Type: application/json\r\n"))
                .status,
            412);
}

// A sliding expiry: a key that a client saw alive must not be gone after a power loss.
TEST_F(durability, neither_is_a_new_time_to_live_shown) {
  ask("PUT", "/v1/kv/a?ttl=1h", "1");
  ask("PUT", "/v1/kv/b?ttl=1h", "1");
  auto touch = connect();
  commits.hold();
  change(touch, request("POST", "/v1/kv/a?ttl=none"), 3);
  EXPECT_TRUE(is_withheld(touch));
  EXPECT_FALSE(withheld(request("GET", "/v1/kv/a")).has("holdfast-ttl"));
}

// An import said that the lock is lost while its release could still be.
TEST_F(durability, neither_is_the_release_of_a_lock) {
  auto const granted = ask("POST", "/v1/locks/deploy?lease=60s&wait=0");
  ASSERT_EQ(granted.status, 201);
  auto const fence =
      "Holdfast-Lock: deploy;token=" + nlohmann::json::parse(granted.body)["token"].dump() + "\r\nContent-Type: ";
  commits.hold();
  auto releaser = connect();
  releaser.send(request("DELETE", granted.field("location")));
  EXPECT_TRUE(is_withheld(releaser));
  auto const item = "{\"key\":\"a\",\"value\":1}\n";
  EXPECT_EQ(withheld(request("POST", "/v1/import", item, fence + "application/x-ndjson\r\n")).code(), "lock_lost");
}

TEST_F(durability, others_are_answered_meanwhile) {
  ask("PUT", "/v1/kv/other", "1");
  auto put = connect();
  commits.hold();
  change(put, request("PUT", "/v1/kv/a", "1"), 2);
  EXPECT_EQ(ask("GET", "/v1/kv/other").body, "1");
  EXPECT_EQ(ask("GET", "/v1/kv/other").disk(), std::nullopt);
  EXPECT_EQ(ask("GET", "/livez").status, 200);
  EXPECT_TRUE(is_withheld(put));
}

// It was answered with the latest revision, which after a power loss would have belonged to another change.
TEST_F(durability, an_answer_tells_no_revision_that_is_not_durable) {
  ask("PUT", "/v1/kv/a", "1");
  auto put = connect();
  commits.hold();
  change(put, request("PUT", "/v1/kv/b", "1"), 2);
  auto const absent = ask("GET", "/v1/kv/none");
  EXPECT_EQ(absent.status, 404);
  EXPECT_EQ(absent.field("holdfast-revision"), "1");
  auto const refused = ask("PUT", "/v1/kv/a", "1", "If-None-Match: *\r\n");
  EXPECT_EQ(refused.status, 412);
  EXPECT_EQ(refused.field("holdfast-revision"), "1");
}

// The removal was undone with its transaction, and readers of the absent key waited for a change that did not exist.
TEST_F(durability, a_transaction_that_fails_leaves_nothing_to_wait_for) {
  ask("PUT", "/v1/kv/a", "1");
  ask("PUT", "/v1/kv/text", "\"x\"");
  auto const failed = ask("POST", "/v1/txn", R"({"operations":[{"delete":"a"},{"increment":"text","by":1}]})",
                          "Content-Type: application/json\r\n");
  EXPECT_EQ(failed.status, 409);
  EXPECT_EQ(ask("GET", "/v1/kv/none").status, 404);
  EXPECT_EQ(ask("GET", "/v1/kv/a").body, "1");
}

TEST_F(durability, pipelined_requests_go_on_and_are_answered_in_order) {
  commits.hold();
  change(*client, request("PUT", "/v1/kv/a", "1") + request("PUT", "/v1/kv/b", "2") + request("GET", "/livez"), 1);
  EXPECT_TRUE(is_withheld(*client));
  client->send(request("PUT", "/v1/kv/c", "3") + request("GET", "/v1/kv/a"));
  EXPECT_TRUE(is_withheld(*client)) << "what is durable by itself waits for its turn";
  commits.let_go();
  EXPECT_EQ(client->receive().status, 201);
  EXPECT_EQ(client->receive().status, 201);
  EXPECT_EQ(json_member(client->receive().body, "status"), "live");
  EXPECT_EQ(client->receive().status, 201);
  EXPECT_EQ(client->receive().body, "1");
}

TEST_F(durability, a_large_value_is_withheld_too) {
  auto const text = "\"" + std::string(300'000, 'x') + "\"";
  auto put = connect();
  commits.hold();
  put.send(request("PUT", "/v1/kv/a", text));
  commits.await_commit(1);
  EXPECT_EQ(withheld(request("GET", "/v1/kv/a")).body, text);
}

TEST_F(durability, a_hold_hides_the_time_of_the_disk) {
  commits.hold();
  change(*client, request("PUT", "/v1/kv/a?hold=1ms", "1"), 1);  // committed during the hold
  commits.let_go();
  EXPECT_EQ(client->receive().status, 201);
}

TEST_F(durability, a_client_that_ends_its_side_gets_its_answer) {
  commits.hold();
  change(*client, request("PUT", "/v1/kv/a", "1"), 1);
  client->half_close();
  EXPECT_TRUE(is_withheld(*client));
  commits.let_go();
  EXPECT_EQ(client->receive().status, 201);
  EXPECT_TRUE(client->is_dropped_by_peer());
}

TEST_F(durability, a_client_that_disconnects_disturbs_nobody) {
  commits.hold();
  change(*client, request("PUT", "/v1/kv/a", "1"), 1);
  client->reset();
  server->settle();
  auto reader = connect();
  reader.send(request("GET", "/v1/kv/a"));
  EXPECT_TRUE(is_withheld(reader));
  commits.let_go();
  EXPECT_EQ(reader.receive().body, "1");
}

TEST_F(durability, a_drain_sends_what_is_withheld) {
  auto put = connect();
  commits.hold();
  change(put, request("PUT", "/v1/kv/a", "1"), 1);
  auto pipelined = connect();
  pipelined.send(request("GET", "/v1/kv/a"));
  EXPECT_TRUE(is_withheld(pipelined));
  server->stop();
  EXPECT_TRUE(client->is_closed_by_peer()) << "an idle connection";
  EXPECT_TRUE(put.stays_silent(0ms));
  commits.let_go();
  EXPECT_EQ(put.receive().status, 201);
  EXPECT_EQ(pipelined.receive().body, "1");
  EXPECT_TRUE(put.is_closed_by_peer());
  EXPECT_TRUE(server->ends_within(20s));
  EXPECT_EQ(server->exit_status(), 0);
}

TEST_F(durability, watchers_hear_only_what_is_durable) {
  auto watcher = connect();
  watcher.send(request("GET", "/v1/watch?prefix=&format=ndjson&from=0"));
  watcher.receive_until("\r\n\r\n");
  commits.hold();
  change(*client, request("PUT", "/v1/kv/a", "\"undurable\""), 1);
  auto late = connect();
  late.send(request("GET", "/v1/watch?prefix=&format=ndjson&initial=true"));
  server->settle();
  EXPECT_TRUE(watcher.stays_silent(50ms));
  EXPECT_TRUE(late.stays_silent(0ms) || late.receive_until("\r\n\r\n").find("undurable") == std::string::npos);
  commits.let_go();
  EXPECT_NE(watcher.receive_until("undurable").size(), 0U);
  EXPECT_NE(late.receive_until("undurable").size(), 0U);
}

TEST_F(durability, a_failed_commit_ends_the_server_and_nothing_withheld_is_sent) {
  auto const before = ask("PUT", "/v1/kv/a", "1");
  EXPECT_EQ(before.status, 201);
  auto put = connect(), reader = connect(), half_closed = connect(), pipelined = connect();
  commits.hold();
  change(put, request("PUT", "/v1/kv/a", "2"), 2);
  reader.send(request("GET", "/v1/kv/a"));
  half_closed.send(request("PUT", "/v1/kv/b", "1"));
  half_closed.half_close();
  pipelined.send(request("GET", "/livez") + request("PUT", "/v1/kv/c", "1"));
  server->settle();
  commits.fail();
  EXPECT_TRUE(server->ends_within(20s)) << "by itself";
  EXPECT_EQ(server->exit_status(), 74);
  server.reset();
  for (auto* const one : {&put, &reader, &half_closed}) EXPECT_EQ(one->receive_rest(), "");
  EXPECT_EQ(pipelined.receive_rest().find("HTTP/1.1 201"), std::string::npos);
  EXPECT_TRUE(client->is_dropped_by_peer());
}

// The end of the server cut off the holder; the waiter behind it then ran on a journal that no longer existed.
TEST_F(durability, a_failed_commit_ends_holds_and_those_who_wait) {
  auto holder = connect(), waiter = connect();
  commits.hold();
  server->ask_for_lock(holder, request("PUT", "/v1/kv/a?hold=60s", "1"));
  commits.await_commit(1);
  server->ask_for_lock(waiter, request("PUT", "/v1/kv/b", "1"));
  commits.fail();
  EXPECT_TRUE(server->ends_within(20s));
  EXPECT_EQ(server->exit_status(), 74);
  server.reset();
  EXPECT_EQ(holder.receive_rest(), "");
  EXPECT_EQ(waiter.receive_rest(), "");
}

// Nobody waited for it, so its failure was not noticed: the process ended with 0.
TEST_F(durability, a_last_commit_that_fails_is_told_by_the_exit_status) {
  commits.hold();
  change(*client, request("PUT", "/v1/kv/a", "1"), 1);
  client->reset();
  server->settle();
  server->stop();
  EXPECT_FALSE(server->ends_within(50ms)) << "it waits for the commit";
  commits.fail();
  EXPECT_TRUE(server->ends_within(20s));
  EXPECT_EQ(server->exit_status(), 74);
}

TEST_F(durability, a_disk_that_is_nearly_full_refuses_what_adds_and_heals) {
  settings.threads = 1;
  server.reset();
  start();
  ask("PUT", "/v1/kv/a", "1");
  ask("PUT", "/v1/kv/n", "1");
  commits.set_room(false);
  raw_reply full;
  // The free space is checked a few times a second.
  for (int i = 0; i < 1000 && full.status != 507; ++i) {
    full = ask("PUT", "/v1/kv/b", "1");
    if (full.status != 507) client->stays_silent(10ms);
  }
  EXPECT_EQ(full.status, 507);
  EXPECT_EQ(full.code(), "disk_full");
  EXPECT_EQ(ask("POST", "/v1/kv/n?increment=1").code(), "disk_full");
  EXPECT_EQ(ask("POST", "/v1/txn", R"({"operations":[{"delete":"a"},{"put":"c","value":1}]})",
                "Content-Type: application/json\r\n")
                .code(),
            "disk_full");
  EXPECT_EQ(ask("GET", "/v1/kv/a").body, "1") << "the whole transaction has failed";
  EXPECT_EQ(ask("DELETE", "/v1/kv/a").status, 204);
  EXPECT_EQ(ask("GET", "/v1/kv/n").body, "1");
  commits.set_room(true);
  raw_reply healed = full;
  for (int i = 0; i < 1000 && healed.status == 507; ++i) {
    healed = ask("PUT", "/v1/kv/c", "1");
    if (healed.status == 507) client->stays_silent(10ms);
  }
  EXPECT_EQ(healed.status, 201);
}

/// Of a server of a cluster, whose place another one may have taken.
struct shared_journal : durability {
  void SetUp() override {}
  void start(bool reads_are_sure) {
    commits.share(reads_are_sure);
    durability::start();
    EXPECT_EQ(ask("PUT", "/v1/kv/a", "1").status, 201);
  }
};

TEST_F(shared_journal, a_read_is_answered_when_the_journal_has_confirmed_that_no_other_server_has_taken_over) {
  start(false);
  commits.hold();
  EXPECT_EQ(withheld(request("GET", "/v1/kv/a")).body, "1");
  EXPECT_EQ(withheld(request("GET", "/v1/kv/none")).status, 404);
  EXPECT_EQ(withheld(request("HEAD", "/v1/kv/a")).status, 200);
  EXPECT_EQ(withheld(request("GET", "/v1/kv?prefix=a")).status, 200);
  EXPECT_EQ(withheld(request("DELETE", "/v1/kv/none")).status, 404);
}

TEST_F(shared_journal, a_read_whose_confirmation_fails_is_never_answered) {
  start(false);
  commits.hold();
  client->send(request("GET", "/v1/kv/a"));
  EXPECT_TRUE(is_withheld(*client));
  commits.fail();
  EXPECT_TRUE(server->ends_within(20s));
  server.reset();
  EXPECT_EQ(client->receive_rest(), "");
}

TEST_F(shared_journal, while_no_other_server_can_take_over_a_read_waits_for_what_it_shows_alone) {
  start(true);
  commits.hold();
  auto writer = connect();
  EXPECT_EQ(ask("GET", "/v1/kv/a").body, "1");
  change(writer, request("PUT", "/v1/kv/b", "2"), 2);
  EXPECT_EQ(ask("GET", "/v1/kv/a").body, "1");
  client->send(request("GET", "/v1/kv/b"));
  EXPECT_TRUE(is_withheld(*client));
  commits.let_go();
  EXPECT_EQ(client->receive().body, "2");
  EXPECT_EQ(writer.receive().status, 201);
}

TEST_F(durability, a_transaction_that_writes_more_than_a_commit_may_have_is_refused_and_changes_nothing) {
  limits.append_bytes_max = 1000;
  start();
  auto const body = R"({"operations":[{"put":"a","value":")" + std::string(2000, 'x') + R"("},{"put":"b","value":1}]})";
  for (auto const* const more :
       {"Content-Type: application/json\r\n", "Content-Type: application/json\r\nIdempotency-Key: \"once\"\r\n"}) {
    auto const refused = ask("POST", "/v1/txn", body, more);
    EXPECT_EQ(refused.status, 413);
    EXPECT_EQ(refused.code(), "transaction_too_large");
  }
  EXPECT_EQ(ask("GET", "/v1/kv/a").status, 404);
}

// --- imports, which make many commits --------------------------------------------------------------------------------

std::string lines_of(int count, std::size_t value_bytes) {
  std::string lines;
  for (int i = 0; i < count; ++i)
    lines += R"({"key":"k)" + std::to_string(i) + R"(","value":")" + std::string(value_bytes, 'x') + "\"}\n";
  return lines;
}

/// A server that refuses changes while slightly more than one part of an import is pending.
struct import_durability : durability {
  void SetUp() override {
    limits.pending_bytes_max = 300'000;
    settings.threads = 1;
    start();
    commits.hold();
  }

  /// Fills what may be pending, so that a plain write is refused.
  void fill(raw_client& by) {
    change(by, request("PUT", "/v1/kv/large", '"' + std::string(300'000, 'x') + '"'), 1);
    auto const refused = ask("PUT", "/v1/kv/small", "1");
    EXPECT_EQ(refused.code(), "overloaded");
    EXPECT_NE(refused.detail().find("nothing was changed"), std::string::npos) << refused.body;
  }
};

// It did not wait for its own parts: in a cluster, an import of much more than 8 MiB ended half-way with 503.
TEST_F(import_durability, one_of_more_than_may_be_pending_waits_for_its_own_commits) {
  client->send(request("POST", "/v1/import", lines_of(60, 10'000)));
  commits.await_commit(1);
  EXPECT_TRUE(client->stays_silent(100ms));
  commits.let_go();
  auto const answer = client->receive();
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_NE(answer.body.find("\"stored\":60"), std::string::npos) << answer.body;
}

TEST_F(import_durability, it_waits_for_the_commits_of_others_without_the_lock) {
  auto put = connect(), importer = connect();
  fill(put);
  importer.send(request("POST", "/v1/import", lines_of(3, 10)));
  EXPECT_TRUE(is_withheld(importer));
  EXPECT_EQ(ask("GET", "/v1/kv/none?lock-timeout=0").status, 404);
  EXPECT_EQ(ask("PUT", "/v1/kv/small", "1").code(), "overloaded");
  commits.let_go();
  EXPECT_EQ(importer.receive().status, 200);
  EXPECT_EQ(put.receive().status, 201);
  EXPECT_EQ(ask("GET", "/v1/kv/k2").status, 200);
}

TEST_F(import_durability, a_client_that_leaves_during_the_wait_has_stored_nothing) {
  auto put = connect();
  fill(put);
  {
    auto importer = connect();
    importer.send(request("POST", "/v1/import", lines_of(3, 10)));
    EXPECT_TRUE(is_withheld(importer));
  }
  server->settle();
  commits.let_go();
  EXPECT_EQ(put.receive().status, 201);
  EXPECT_EQ(ask("GET", "/v1/kv/k0").status, 404);
}

// The detail was "nothing was changed", next to the number of lines stored.
TEST_F(import_durability, one_that_ends_half_way_with_the_drain_time_says_what_it_has_stored) {
  client->send(request("POST", "/v1/import", lines_of(30, 10'000)));
  commits.await_commit(1);
  EXPECT_TRUE(client->stays_silent(100ms));
  auto holder = connect();
  server->ask_for_lock(holder, request("GET", "/v1/kv/none?hold=60s"));
  server->stop();
  server->stop();
  EXPECT_EQ(holder.receive().status, 404) << "the end of the drain time ends the hold, too";
  commits.let_go();
  auto const answer = client->receive();
  EXPECT_EQ(answer.code(), "draining");
  auto const told = nlohmann::json::parse(answer.body);
  auto const stored = told["stored"].get<int>();
  EXPECT_GT(stored, 0);
  EXPECT_LT(stored, 30);
  EXPECT_EQ(told["line"], stored + 1);
  EXPECT_NE(answer.detail().find(std::to_string(stored) + " items were stored, but nothing from line " +
                                 std::to_string(stored + 1) + " on"),
            std::string::npos)
      << answer.detail();
}

}  // namespace
}  // namespace holdfast::tests
