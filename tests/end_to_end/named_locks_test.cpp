// Named locks: /v1/locks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/manual_journal.hpp"
#include "tests/support/process_memory.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/support/stopwatch.hpp"

namespace holdfast::tests {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;

std::string ticket(std::string const& lock, std::string const& id, std::string const& query = {}) {
  return "/v1/locks/" + lock + "/tickets/" + id + query;
}

struct named_lock : ::testing::Test {
  raw_reply ask(std::string const& lock, std::string const& query, std::string const& owner = {}) {
    return client.ask(request("POST", "/v1/locks/" + lock + '?' + query,
                              owner.empty() ? std::string() : json{{"owner", owner}}.dump()));
  }
  raw_reply put(std::string const& key, std::string const& more = {}) {
    return client.ask(request("PUT", "/v1/kv/" + key, "1", more));
  }
  raw_reply release(std::string const& lock, std::string const& id) {
    return client.ask(request("DELETE", ticket(lock, id)));
  }
  json show(std::string const& lock) { return json::parse(client.ask(request("GET", "/v1/locks/" + lock)).body); }
  /// The id of the holder; empty: none.
  std::string holder(std::string const& lock) {
    auto const shown = show(lock);
    return shown["holder"].is_null() ? "" : shown["holder"]["id"].get<std::string>();
  }
  /// Waits until this number of tickets wait for a lock.
  void await_waiting(std::string const& lock, std::size_t count) {
    stopwatch const clock;
    while (show(lock)["waiting"] != count) ASSERT_LT(clock.elapsed_ms(), 20'000);
  }

  running_server server;
  raw_client client{server.port()};
};

TEST_F(named_lock, is_asked_for_kept_and_released_by_a_ticket) {
  auto answer = ask("deploy", "lease=20s&id=a", "amy");
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.field("location"), ticket("deploy", "a"));
  EXPECT_EQ(json::parse(answer.body), (json{{"id", "a"}, {"state", "held"}, {"token", 1}, {"lease", "20s"}}));
  answer = ask("deploy", "id=b", "bob");
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(json::parse(answer.body),
            (json{{"id", "b"}, {"state", "waiting"}, {"position", 1}, {"behind", "amy"}, {"lease", "10s"}}));
  EXPECT_EQ(client.ask(request("GET", ticket("deploy", "b"))).status, 202);
  answer = client.ask(request("PUT", ticket("deploy", "a", "?lease=30s")));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(json::parse(answer.body)["lease"], "30s");
  EXPECT_EQ(release("deploy", "a").status, 204);
  EXPECT_EQ(release("deploy", "a").code(), "lease_expired");
  EXPECT_EQ(release("deploy", "a").status, 410);
  answer = client.ask(request("GET", ticket("deploy", "b")));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(json::parse(answer.body)["state"], "held");
  EXPECT_EQ(release("deploy", "b").status, 204);
  EXPECT_EQ(show("deploy")["holder"], nullptr);
}

TEST_F(named_lock, gives_who_names_no_id_one_that_nobody_has) {
  auto const first = ask("deploy", ""), second = ask("deploy", "");
  auto const id = json::parse(first.body)["id"].get<std::string>();
  EXPECT_EQ(id.size(), 36U);
  EXPECT_NE(id, json::parse(second.body)["id"].get<std::string>());
  EXPECT_EQ(client.ask(request("GET", first.field("location"))).status, 200);
}

TEST_F(named_lock, refuses_what_cannot_be_meant) {
  EXPECT_EQ(ask("deploy", "lease=1ms").code(), "invalid_parameter");
  EXPECT_EQ(ask("deploy", "id=a%2Fb").code(), "invalid_lock");
  EXPECT_EQ(ask("%01", "").code(), "invalid_lock");
  EXPECT_EQ(ask("", "").code(), "invalid_lock");
  EXPECT_EQ(ask(std::string(256, 'a'), "").code(), "invalid_lock");
  EXPECT_EQ(ask("deploy", "keep=forever").code(), "invalid_parameter");
  EXPECT_EQ(ask("deploy", "hold=1s").code(), "invalid_parameter");
  EXPECT_EQ(ask("deploy", "", std::string(300, 'a')).code(), "invalid_json");
  EXPECT_EQ(client.ask(request("POST", "/v1/locks/deploy", "{\"user\":1}")).code(), "invalid_json");
  EXPECT_EQ(client.ask(request("GET", "/v1/locks/a/b")).code(), "no_such_path");
  EXPECT_EQ(raw_client(server.port()).ask(request("PUT", "/v1/locks/deploy", "1")).code(), "method_not_allowed");
  EXPECT_EQ(json::parse(client.ask(request("GET", "/v1/locks")).body)["locks"].size(), 0U);
}

TEST_F(named_lock, has_tickets_that_take_no_field_of_writes) {
  ask("deploy", "id=a");
  for (auto const* const method : {"POST", "PUT", "DELETE"}) {
    auto const target = method == std::string("POST") ? std::string("/v1/locks/deploy?id=b") : ticket("deploy", "a");
    auto answer = client.ask(request(method, target, {}, "Idempotency-Key: \"1\"\r\n"));
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.code(), "invalid_idempotency_key");
    EXPECT_THAT(answer.detail(), HasSubstr("`id`"));
    answer = client.ask(request(method, target, {}, "Holdfast-Lock: deploy;token=1\r\n"));
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.code(), "invalid_lock");
  }
  EXPECT_EQ(holder("deploy"), "a");
  EXPECT_EQ(show("deploy")["waiting"], 0);
}

TEST_F(named_lock, has_any_name_that_a_key_may_have_in_one_segment_of_the_path) {
  EXPECT_EQ(ask("jobs%2Fnight;1", "id=a").field("location"), ticket("jobs%2Fnight%3B1", "a"));
  EXPECT_EQ(show("jobs%2Fnight%3b1")["name"], "jobs/night;1");
  EXPECT_EQ(ask("events", "id=a").status, 201);
  EXPECT_EQ(put("k", "Holdfast-Lock: jobs%2Fnight%3B1;token=1, events;token=2\r\n").status, 201);
}

TEST_F(named_lock, is_told_to_who_listens_when_it_is_free_without_his_asking_again) {
  ask("deploy", "id=a", "amy");
  raw_client second(server.port()), third(server.port());
  second.send(request("POST", "/v1/locks/deploy?id=b&wait=30s", R"({"owner":"bob"})"));
  await_waiting("deploy", 1);
  ask("deploy", "id=c");
  third.send(request("GET", ticket("deploy", "c", "?wait=30s")));
  EXPECT_TRUE(second.stays_silent(20ms));
  release("deploy", "a");
  auto answer = second.receive();
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(json::parse(answer.body)["state"], "held");
  EXPECT_TRUE(third.stays_silent(20ms));
  release("deploy", "b");
  answer = third.receive();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(json::parse(answer.body)["state"], "held");
}

TEST_F(named_lock, tells_how_things_stand_when_the_wait_is_over) {
  ask("deploy", "id=a", "amy");
  auto answer = ask("deploy", "id=b&wait=20ms", "bob");
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(client.ask(request("GET", ticket("deploy", "b", "?wait=20ms"))).status, 202);
  EXPECT_EQ(ask("deploy", "wait=0").code(), "lock_held");
  EXPECT_EQ(ask("deploy", "wait=0").status, 409);
}

// Consul's blocking queries miss a hand-over that happens between two of them.
TEST_F(named_lock, loses_no_hand_over_between_two_polls) {
  for (int i = 0; i < 50; ++i) {
    auto const first = std::to_string(2 * i), second = std::to_string(2 * i + 1);
    ask("deploy", "id=" + first);
    ask("deploy", "id=" + second);
    raw_client poll(server.port());
    // The release and the poll meet at arbitrary points.
    poll.send(request("GET", ticket("deploy", second, "?wait=30s")));
    release("deploy", first);
    auto const answer = poll.receive();
    EXPECT_EQ(answer.status, 200) << answer.body;
    release("deploy", second);
  }
}

// A client whose ticket was released by another must neither wait on nor get a new ticket.
TEST_F(named_lock, tells_who_listens_that_the_ticket_is_gone) {
  ask("deploy", "id=a");
  raw_client second(server.port());
  second.send(request("POST", "/v1/locks/deploy?id=b&wait=30s"));
  await_waiting("deploy", 1);
  release("deploy", "b");
  EXPECT_EQ(second.receive().code(), "lease_expired");
  EXPECT_EQ(show("deploy")["waiting"], 0);
}

TEST_F(named_lock, goes_on_when_a_lease_ends_and_nobody_does_anything) {
  ask("deploy", "id=a&lease=100ms");
  stopwatch const clock;
  auto const answer = ask("deploy", "id=b&wait=30s");
  EXPECT_EQ(answer.status, 201);
  EXPECT_LT(clock.elapsed_ms(), 5'000);
}

TEST_F(named_lock, keeps_the_place_of_who_has_lost_the_connection_for_a_lease) {
  ask("deploy", "id=a&lease=30s");
  {
    raw_client broken(server.port());
    broken.send(request("POST", "/v1/locks/deploy?id=b&wait=30s&lease=200ms"));
    await_waiting("deploy", 1);
    broken.send(request("POST", "/v1/locks/deploy?id=never&wait=0"));
    broken.close();
  }
  ask("deploy", "id=c&lease=30s");
  auto const again = client.ask(request("GET", ticket("deploy", "b")));
  EXPECT_EQ(json::parse(again.body)["position"], 1) << "it has come back in time";
  auto const answer = client.ask(request("GET", ticket("deploy", "c", "?wait=1s")));
  EXPECT_EQ(json::parse(answer.body)["position"], 1) << "the other did not come back";
}

// A second request with the same ticket took the place from a poll that had begun before: the poll got 410.
TEST_F(named_lock, keeps_the_place_of_a_poll_whatever_else_asks_for_its_ticket) {
  ask("deploy", "id=a&lease=30s");
  ask("deploy", "id=b&lease=100ms&wait=1ms");
  raw_client poll(server.port());
  poll.send(request("GET", ticket("deploy", "b", "?wait=1s")));
  server.settle();
  EXPECT_EQ(client.ask(request("GET", ticket("deploy", "b"))).status, 202);
  EXPECT_EQ(client.ask(request("PUT", ticket("deploy", "b"))).status, 202);
  EXPECT_EQ(poll.receive().status, 202) << "after ten leases";
}

TEST_F(named_lock, keeps_the_place_of_the_poll_that_is_left_when_another_hangs_up) {
  ask("deploy", "id=a&lease=30s");
  ask("deploy", "id=b&lease=100ms&wait=1ms");
  raw_client first(server.port()), second(server.port());
  first.send(request("GET", ticket("deploy", "b", "?wait=30s")));
  second.send(request("GET", ticket("deploy", "b", "?wait=1s")));
  server.settle();
  first.close();
  EXPECT_EQ(second.receive().status, 202) << "after ten leases";
  await_waiting("deploy", 0);
}

TEST_F(named_lock, is_refused_to_who_would_wait_for_himself) {
  ask("x", "id=a", "amy");
  ask("y", "id=b", "bob");
  EXPECT_EQ(ask("y", "id=c", "amy").status, 202);
  auto const answer = ask("x", "id=d&wait=30s", "bob");
  EXPECT_EQ(answer.status, 409);
  EXPECT_EQ(answer.code(), "deadlock");
  EXPECT_EQ(json::parse(answer.body)["cycle"], (json{{{"owner", "bob"}, {"waits_for", "x"}, {"held_by", "amy"}},
                                                     {{"owner", "amy"}, {"waits_for", "y"}, {"held_by", "bob"}}}));
}

TEST_F(named_lock, is_listed_with_its_holder_and_its_queue) {
  ask("jobs-a", "id=a", "amy");
  ask("jobs-b", "id=b", "bob");
  ask("jobs-b", "id=c", "cat");
  ask("other", "id=d");
  auto const answer = client.ask(request("GET", "/v1/locks?prefix=jobs-&limit=1"));
  auto page = json::parse(answer.body);
  EXPECT_EQ(page["locks"][0]["name"], "jobs-a");
  EXPECT_EQ(page["locks"][0]["holder"]["owner"], "amy");
  EXPECT_THAT(page["locks"][0]["holder"]["since"].get<std::string>(), HasSubstr("T"));
  EXPECT_EQ(page["next"], "jobs-a");
  EXPECT_THAT(answer.field("link"), HasSubstr("</v1/locks?after=jobs-a&limit=1&prefix=jobs->; rel=\"next\""));
  page = json::parse(client.ask(request("GET", "/v1/locks?prefix=jobs-&after=jobs-a")).body);
  EXPECT_EQ(page["locks"][0]["waiting"], 1);
  EXPECT_FALSE(page.contains("next"));
  auto const shown = show("jobs-b");
  EXPECT_EQ(shown["queue"][0]["owner"], "cat");
  EXPECT_EQ(shown["queue"][0]["behind"], "bob");
  EXPECT_EQ(client.ask(request("HEAD", "/v1/locks/jobs-b")).status, 200);
}

// --- as long as the connection lives -------------------------------------------------------------------------------

TEST_F(named_lock, is_held_by_a_connection_until_that_ends) {
  ask("deploy", "id=a", "amy");
  raw_client kept(server.port());
  kept.send("POST /v1/locks/deploy?keep=connection&id=b&lease=300ms HTTP/1.0\r\nHost: test\r\n\r\n");
  EXPECT_THAT(kept.receive_until("\r\n\r\n"), HasSubstr("application/x-ndjson"));
  EXPECT_EQ(json::parse(kept.receive_until("\n"))["position"], 1);
  release("deploy", "a");
  auto line = json::parse(kept.receive_until("\n"));
  while (line["state"] == "waiting") line = json::parse(kept.receive_until("\n"));
  EXPECT_EQ(line["state"], "held");
  auto const token = line["token"];
  for (int i = 0; i < 5; ++i) {
    line = json::parse(kept.receive_until("\n"));
    EXPECT_EQ(line["token"], token) << "beyond its lease, and says so again and again";
  }
  EXPECT_EQ(holder("deploy"), "b");
  raw_client next(server.port());
  next.send(request("POST", "/v1/locks/deploy?id=c&wait=30s&lease=30s"));
  await_waiting("deploy", 1);
  kept.close();
  EXPECT_EQ(next.receive().status, 201);
}

TEST_F(named_lock, is_refused_to_a_connection_before_the_stream_begins) {
  ask("deploy", "id=a", "amy");
  EXPECT_EQ(ask("deploy", "keep=connection&wait=0").code(), "lock_held");
  EXPECT_EQ(ask("deploy", "keep=connection", "amy").code(), "deadlock");
}

TEST_F(named_lock, leaves_the_queue_with_a_connection_that_ends_or_waits_too_long) {
  ask("deploy", "id=a", "amy");
  raw_client patient(server.port());
  patient.send("POST /v1/locks/deploy?keep=connection&id=b HTTP/1.0\r\nHost: test\r\n\r\n");
  patient.receive_until("\n{");
  raw_client impatient(server.port());
  impatient.send("POST /v1/locks/deploy?keep=connection&id=c&wait=30ms HTTP/1.0\r\nHost: test\r\n\r\n");
  EXPECT_THAT(impatient.receive_rest(), HasSubstr("{\"state\":\"released\"}\n"));
  await_waiting("deploy", 1);
  patient.close();
  await_waiting("deploy", 0);
}

TEST_F(named_lock, tells_a_connection_that_it_was_released_by_another) {
  raw_client kept(server.port());
  kept.send("POST /v1/locks/deploy?keep=connection&id=b HTTP/1.0\r\nHost: test\r\n\r\n");
  kept.receive_until("\n{");
  release("deploy", "b");
  EXPECT_THAT(kept.receive_rest(), HasSubstr("{\"state\":\"lost\"}\n"));
}

// A client that took its first connection for broken and asked again lost the lock when that connection ended: the next
// got it, while the client's second connection lived.
TEST_F(named_lock, is_held_by_the_last_of_several_connections_with_one_id) {
  raw_client first(server.port()), second(server.port());
  for (auto* const one : {&first, &second}) {
    one->send("POST /v1/locks/deploy?keep=connection&id=a&lease=30s HTTP/1.0\r\nHost: test\r\n\r\n");
    one->receive_until("\n{");
  }
  raw_client next(server.port()), impatient(server.port());
  next.send(request("POST", "/v1/locks/deploy?id=b&wait=30s&lease=30s"));
  await_waiting("deploy", 1);
  // The end of one is known to be noticed when one that leaves later has left.
  first.close();
  impatient.send("POST /v1/locks/deploy?keep=connection&id=c&wait=30ms HTTP/1.0\r\nHost: test\r\n\r\n");
  impatient.receive_rest();
  EXPECT_EQ(holder("deploy"), "a");
  second.close();
  EXPECT_EQ(next.receive().status, 201);
}

std::string keep_by_connection(std::string const& id, std::string const& lease) {
  return "POST /v1/locks/deploy?keep=connection&id=" + id + "&lease=" + lease + " HTTP/1.0\r\nHost: test\r\n\r\n";
}

/// Of a server whose requests do not wait long for the database's lock.
struct impatient_named_lock : ::testing::Test {
  static server::settings with_short_waits() {
    auto settings = running_server::test_settings();
    settings.routes.lock_timeout = 50ms;
    return settings;
  }
  /// Asks again and again, because the server may be busy with a hold.
  json show() {
    for (;;) {
      auto const answer = client.ask(request("GET", "/v1/locks/deploy"));
      if (answer.status == 200) return json::parse(answer.body);
    }
  }
  void await_release() {
    stopwatch const clock;
    while (!show()["holder"].is_null()) ASSERT_LT(clock.elapsed_ms(), 10'000);
  }

  running_server server{with_short_waits()};
  raw_client client{server.port()}, holder{server.port()}, kept{server.port()};
};

// The release had the terms of requests: it gave up after --lock-timeout, and a dead client held the lock for its
// lease.
TEST_F(impatient_named_lock, is_released_when_its_connection_ends_during_a_long_hold) {
  kept.send(keep_by_connection("a", "1h"));
  kept.receive_until("\n{");
  server.ask_for_lock(holder, request("GET", "/v1/kv/x?hold=400ms"));
  kept.close();
  holder.receive();
  await_release();
}

TEST(crowded_server, releases_a_named_lock_though_as_many_wait_as_may) {
  auto settings = running_server::test_settings();
  settings.waiters_max = 1;
  running_server server(settings);
  raw_client client(server.port()), holder(server.port()), waiter(server.port()), kept(server.port());
  kept.send(keep_by_connection("a", "1h"));
  kept.receive_until("\n{");
  server.ask_for_lock(holder, request("GET", "/v1/kv/x?hold=300ms"));
  server.ask_for_lock(waiter, request("GET", "/v1/kv/x?hold=300ms"));
  kept.close();
  holder.receive();
  waiter.receive();
  stopwatch const clock;
  while (!json::parse(client.ask(request("GET", "/v1/locks/deploy")).body)["holder"].is_null())
    ASSERT_LT(clock.elapsed_ms(), 10'000);
}

// A renewal that was refused because of a hold ended the stream with `lost`, long before the end of the lease.
TEST_F(impatient_named_lock, is_not_lost_because_of_a_hold_that_is_shorter_than_its_lease) {
  kept.send(keep_by_connection("a", "3s"));
  kept.receive_until("\n{");
  server.ask_for_lock(holder, request("GET", "/v1/kv/x?hold=1200ms"));
  holder.receive();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(json::parse(kept.receive_until("\n").insert(0, i == 0 ? "{" : ""))["token"], 1);
}

TEST_F(impatient_named_lock, is_released_and_not_lost_when_the_server_ends_during_a_hold) {
  kept.send(keep_by_connection("a", "30s"));
  kept.receive_until("\n{");
  server.ask_for_lock(holder, request("GET", "/v1/kv/x?hold=300ms"));
  server.stop();
  EXPECT_THAT(kept.receive_rest(), HasSubstr("{\"state\":\"released\"}\n"));
}

// A connection that asked for a ticket while another kept it was counted as a keeper also when it was refused: nobody
// released the ticket.
TEST_F(impatient_named_lock, is_released_when_its_connection_ends_while_another_asks_in_vain) {
  kept.send(keep_by_connection("a", "1h"));
  kept.receive_until("\n{");
  raw_client second(server.port());
  server.ask_for_lock(holder, request("GET", "/v1/kv/x?hold=600ms"));
  second.send(keep_by_connection("a", "1h"));
  server.settle();
  kept.close();
  EXPECT_THAT(second.receive_rest(), HasSubstr("lock_timeout"));
  holder.receive();
  await_release();
}

// A look that found the database's lock taken for long ended the poll with 503, and its ticket kept its place until the
// end of `wait`, although nobody asked for it any more.
TEST_F(impatient_named_lock, is_waited_for_however_long_the_database_is_busy) {
  client.ask(request("POST", "/v1/locks/deploy?id=a&lease=1h"));
  kept.send(request("POST", "/v1/locks/deploy?id=b&lease=100ms&wait=1h"));
  stopwatch const clock;
  while (show()["waiting"] != 1) ASSERT_LT(clock.elapsed_ms(), 10'000);
  // The poll looks again whenever its ticket changes; nearly always the hold is there before it.
  for (int lease = 200; lease < 210; ++lease) {
    holder.send(request("PUT", ticket("deploy", "b", "?lease=" + std::to_string(lease) + "ms")) +
                request("GET", "/v1/kv/x?hold=100ms"));
    holder.receive();
    holder.receive();
  }
  EXPECT_TRUE(kept.stays_silent(0ms));
  client.ask(request("DELETE", ticket("deploy", "a")));
  EXPECT_EQ(kept.receive().status, 201);
}

// --- the fence -----------------------------------------------------------------------------------------------------

TEST_F(named_lock, lets_each_kind_of_write_pass_only_while_the_grant_lives) {
  ask("deploy", "id=a");
  std::string const fence = "Holdfast-Lock: deploy;token=1\r\n";
  put("k");
  struct write {
    char const *method, *target, *body, *more;
    int status;
  };
  std::vector<write> const writes{
      {"PUT", "/v1/kv/k", "1", "", 204},
      {"POST", "/v1/kv/k?increment=1", "", "", 200},
      {"POST", "/v1/kv/k?ttl=1h", "", "", 204},
      {"PATCH", "/v1/kv/k", "2", "Content-Type: application/merge-patch+json\r\n", 204},
      {"POST", "/v1/txn", R"({"operations":[{"put":"t","value":1}]})", "", 200},
      {"POST", "/v1/import", "{\"key\":\"i\",\"value\":1}\n", "", 200},
      {"POST", "/v1/import", "", "", 200},
      {"DELETE", "/v1/kv/k", "", "", 204},
      {"DELETE", "/v1/kv?prefix=t", "", "", 200},
  };
  for (auto const& one : writes) {
    auto const answer = client.ask(request(one.method, one.target, one.body, fence + one.more));
    EXPECT_EQ(answer.status, one.status) << one.method << ' ' << one.target << ' ' << answer.body;
  }
  release("deploy", "a");
  put("k");
  auto const revision = put("k").field("holdfast-revision");
  for (auto const& one : writes) {
    auto const answer = client.ask(request(one.method, one.target, one.body, fence + one.more));
    EXPECT_EQ(answer.status, 412) << one.method << ' ' << one.target;
    EXPECT_EQ(answer.code(), "lock_lost") << one.method << ' ' << one.target;
  }
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/nothing")).field("holdfast-revision"), revision) << "nothing was done";
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/k", {}, fence)).status, 200) << "a read is not fenced";
}

TEST_F(named_lock, refuses_a_field_that_is_no_grant) {
  std::string many = "a;token=1";
  for (int i = 0; i < 16; ++i) many += ",a;token=1";
  for (auto const& wrong : {std::string("deploy"), std::string("deploy;token="), std::string("deploy;token=x"),
                            std::string("deploy;token=0"), std::string(";token=1"), std::string("deploy;id=1"),
                            std::string("deploy;token=1,"), std::string("%zz;token=1"), many}) {
    raw_client each(server.port());
    auto const answer = each.ask(request("PUT", "/v1/kv/k", "1", "Holdfast-Lock: " + wrong + "\r\n"));
    EXPECT_EQ(answer.code(), "invalid_lock") << wrong;
  }
}

TEST_F(named_lock, needs_all_the_grants_that_a_write_names_in_one_field_or_several) {
  ask("a", "id=1");
  ask("b", "id=2");
  EXPECT_EQ(put("k", "Holdfast-Lock: a;token=1\r\nHoldfast-Lock: b ; token=2\r\n").status, 201);
  EXPECT_EQ(put("k", "Holdfast-Lock: a;token=1\r\nHoldfast-Lock: b;token=3\r\n").code(), "lock_lost");
}

TEST_F(named_lock, is_checked_in_a_transaction) {
  ask("deploy", "id=a");
  auto const transact = [&](std::string const& token) {
    return client.ask(request("POST", "/v1/txn",
                              R"({"checks":[{"key":"k","exists":false},{"lock":"deploy","token":)" + token +
                                  R"(}],"operations":[{"put":"k","value":1}]})"));
  };
  auto answer = transact("2");
  EXPECT_EQ(answer.code(), "lock_lost");
  EXPECT_EQ(json::parse(answer.body)["failed"], (json{{{"index", 1}, {"lock", "deploy"}, {"token", 2}}}));
  EXPECT_EQ(transact("1").status, 200);
  EXPECT_EQ(transact("1").code(), "check_failed");
  EXPECT_EQ(transact("0").code(), "invalid_transaction");
  EXPECT_EQ(client.ask(request("POST", "/v1/txn", R"({"checks":[{"lock":"deploy"}]})")).code(), "invalid_transaction");
}

TEST_F(named_lock, answers_a_repeated_request_as_before_also_when_the_lock_is_lost_by_then) {
  ask("deploy", "id=a");
  auto const once =
      request("POST", "/v1/kv/n?increment=1", {}, "Idempotency-Key: \"1\"\r\nHoldfast-Lock: deploy;token=1\r\n");
  EXPECT_EQ(client.ask(once).body, "1");
  release("deploy", "a");
  auto const again = client.ask(once);
  EXPECT_EQ(again.body, "1");
  EXPECT_EQ(again.field("idempotent-replayed"), "true");
  auto const late =
      request("POST", "/v1/kv/n?increment=1", {}, "Idempotency-Key: \"2\"\r\nHoldfast-Lock: deploy;token=1\r\n");
  EXPECT_EQ(client.ask(late).code(), "lock_lost");
  EXPECT_EQ(client.ask(late).code(), "lock_lost");
}

// --- what is told of it --------------------------------------------------------------------------------------------

TEST_F(named_lock, tells_what_happens_to_it_and_nothing_else) {
  raw_client all(server.port());
  all.send("GET /v1/locks/deploy/events?format=ndjson&from=0 HTTP/1.0\r\nHost: test\r\n\r\n");
  all.receive_until("\r\n\r\n");
  auto const next = [&] {
    for (;;) {
      auto event = json::parse(all.receive_until("\n"));
      if (event["event"] == "progress") continue;
      event.erase("id");
      return event;
    }
  };
  ask("deploy", "id=a", "amy");
  put("deploy");
  ask("deploy2", "id=x");
  ask("deploy", "id=b&lease=100ms", "bob");
  client.ask(request("PUT", ticket("deploy", "a", "?lease=20s")));
  release("deploy", "a");
  using event = json;
  EXPECT_EQ(
      next(),
      (event{
          {"event", "granted"}, {"ticket", "a"}, {"owner", "amy"}, {"revision", 1}, {"token", 1}, {"lease", "10s"}}));
  EXPECT_EQ(next(),
            (event{{"event", "asked"}, {"ticket", "b"}, {"owner", "bob"}, {"revision", 4}, {"lease", "100ms"}}));
  EXPECT_EQ(
      next(),
      (event{{"event", "lease"}, {"ticket", "a"}, {"owner", "amy"}, {"revision", 5}, {"token", 1}, {"lease", "20s"}}));
  EXPECT_EQ(next()["event"], "released");
  EXPECT_EQ(next()["token"], 7);
  EXPECT_EQ(next()["event"], "expired");
}

// The text advised a parameter that these events do not have.
TEST_F(named_lock, tells_who_missed_events_how_to_begin_again) {
  auto const answer = client.ask(request("GET", "/v1/locks/de%2Fploy/events?from=1234567890abcdef-1"));
  EXPECT_EQ(answer.code(), "history_compacted");
  EXPECT_THAT(answer.detail(), HasSubstr("begin again without from; GET /v1/locks/de%2Fploy shows"));
}

TEST_F(named_lock, is_no_news_for_who_follows_or_copies_the_data) {
  put("a");
  raw_client watcher(server.port());
  watcher.send("GET /v1/watch?format=ndjson&from=0 HTTP/1.0\r\nHost: test\r\n\r\n");
  watcher.receive_until("\r\n\r\n");
  ask("a", "id=1");
  release("a", "1");
  put("b");
  EXPECT_EQ(json::parse(watcher.receive_until("\n"))["key"], "a");
  auto const second = json::parse(watcher.receive_until("\n"));
  EXPECT_EQ(second["key"], "b");
  EXPECT_EQ(second["revision"], 4) << "the lock's changes have revisions of their own";
  raw_client out(server.port());
  out.send("GET /v1/export HTTP/1.0\r\nHost: test\r\n\r\n");
  auto const lines = out.receive_rest();
  EXPECT_THAT(lines, HasSubstr(R"("entries":2)"));
}

// --- kept ----------------------------------------------------------------------------------------------------------

TEST(kept_named_lock, tells_a_token_when_the_grant_is_durable_and_not_before) {
  commit_control commits;
  running_server server(running_server::test_settings(), std::make_unique<manual_journal>(commits));
  raw_client first(server.port()), second(server.port()), third(server.port());
  commits.hold();
  first.send(request("POST", "/v1/locks/deploy?id=a"));
  commits.await_commit(1);
  server.settle();
  EXPECT_TRUE(first.stays_silent(20ms));
  commits.let_go();
  EXPECT_EQ(first.receive().status, 201);
  second.send(request("POST", "/v1/locks/deploy?id=b&wait=30s"));
  commits.await_commit(2);
  server.settle();
  commits.hold();
  first.send(request("DELETE", ticket("deploy", "a")));
  commits.await_commit(4);
  EXPECT_TRUE(second.stays_silent(20ms)) << "who listens hears of it when it is durable";
  third.send(request("PUT", "/v1/kv/k", "1", "Holdfast-Lock: deploy;token=1\r\n"));
  EXPECT_TRUE(third.stays_silent(20ms)) << "and who has lost it too";
  EXPECT_TRUE(first.stays_silent(0ms));
  commits.let_go();
  EXPECT_EQ(first.receive().status, 204);
  EXPECT_EQ(json::parse(second.receive().body)["token"], 4);
  EXPECT_EQ(third.receive().code(), "lock_lost");
}

TEST(kept_named_lock, has_the_same_holder_queue_and_tokens_after_a_restart) {
  auto const directory = std::filesystem::temp_directory_path() / ("holdfast-locks-" + std::to_string(::getpid()));
  auto settings = running_server::test_settings();
  settings.data_directory = directory / "data";
  std::filesystem::create_directories(directory);
  std::uint64_t last = 0;
  {
    running_server server(settings);
    raw_client client(server.port());
    for (std::string const id : {"z", "y", "x", "w"})
      EXPECT_LT(
          client.ask(request("POST", "/v1/locks/deploy?lease=30s&id=" + id, R"({"owner":"of )" + id + "\"}")).status,
          203);
    client.ask(request("DELETE", ticket("deploy", "y")));
    client.ask(request("DELETE", ticket("deploy", "z")));
    client.ask(request("POST", "/v1/locks/free?id=a"));
    last = std::stoull(client.ask(request("DELETE", ticket("free", "a"))).field("holdfast-revision"));
  }
  {
    running_server server(settings);
    raw_client client(server.port());
    auto const shown = json::parse(client.ask(request("GET", "/v1/locks/deploy")).body);
    EXPECT_EQ(shown["holder"]["id"], "x");
    EXPECT_EQ(shown["holder"]["owner"], "of x");
    EXPECT_EQ(shown["holder"]["token"], 7);
    EXPECT_EQ(shown["queue"].size(), 1U);
    EXPECT_EQ(shown["queue"][0]["id"], "w");
    EXPECT_EQ(client.ask(request("PUT", "/v1/kv/k", "1", "Holdfast-Lock: deploy;token=7\r\n")).status, 201);
    EXPECT_GT(json::parse(client.ask(request("POST", "/v1/locks/free")).body)["token"].get<std::uint64_t>(), last);
    EXPECT_EQ(client.ask(request("DELETE", ticket("deploy", "x"))).status, 204);
    EXPECT_EQ(json::parse(client.ask(request("GET", ticket("deploy", "w"))).body)["state"], "held");
  }
  std::filesystem::remove_all(directory);
}

// --- many ----------------------------------------------------------------------------------------------------------

// 10,000 tickets of one lock, and a long poll on each connection: a release wakes one of them.
TEST(crowded_named_lock, hands_over_in_a_moment_however_many_wait) {
  running_server server;
  raw_client client(server.port());
  constexpr int tickets = sanitized ? 500 : 10'000;
  auto const before = allocated_bytes();
  for (int i = 0; i < tickets; ++i)
    client.ask(request("POST", "/v1/locks/deploy?lease=10m&id=" + std::to_string(i),
                       R"({"owner":"worker )" + std::to_string(i) + "\"}"));
  auto const bytes = (allocated_bytes() - before) / tickets;
  std::vector<double> times, round_trips;
  raw_client poll(server.port());
  for (int i = 0; i + 1 < std::min(tickets, 200); ++i) {
    poll.send(request("GET", ticket("deploy", std::to_string(i + 1), "?wait=30s")));
    EXPECT_TRUE(poll.stays_silent(2ms));
    stopwatch const clock;
    client.send(request("DELETE", ticket("deploy", std::to_string(i))));
    auto const answer = poll.receive();
    times.push_back(clock.elapsed_ms());
    ASSERT_EQ(answer.status, 200);
    ASSERT_EQ(client.receive().status, 204);
    // On a busy machine, everything is slow.
    stopwatch const round_trip;
    client.ask(request("GET", "/livez"));
    round_trips.push_back(round_trip.elapsed_ms());
  }
  std::sort(round_trips.begin(), round_trips.end());
  std::sort(times.begin(), times.end());
  RecordProperty("bytes_of_a_ticket_and_its_history", std::to_string(bytes));
  RecordProperty("hand_over_ms_median", std::to_string(times[times.size() / 2]));
  RecordProperty("hand_over_ms_p99", std::to_string(times[times.size() * 99 / 100]));
  std::cout << tickets << " tickets: " << bytes
            << " bytes each with its change in the history; hand-over to a long poll " << times[times.size() / 2]
            << " ms (median), " << times[times.size() * 99 / 100] << " ms (p99)\n";
  EXPECT_LT(times[times.size() / 2], 1 + 10 * round_trips[round_trips.size() / 2]) << "ms; a wake-up or two more";
}

}  // namespace
}  // namespace holdfast::tests
