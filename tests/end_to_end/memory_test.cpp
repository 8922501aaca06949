// The server's memory is bounded, and unused memory is returned.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/process_memory.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/sanitized.hpp"

namespace holdfast::tests {
namespace {

constexpr std::size_t kib = 1024;
constexpr std::size_t mib = 1024 * kib;

std::string json_of(std::size_t bytes) {
  return '"' + std::string(bytes - 2, 'x') + '"';
}

std::string key(int number) {
  return "/v1/kv/" + std::to_string(number);
}

template <class Settings>
void set_memory_bytes_max(Settings& settings, std::uint64_t bytes) {
  if constexpr (requires { settings.memory_bytes_max; }) settings.memory_bytes_max = bytes;
}

/// A server with a limit of 16 MiB.
struct memory : ::testing::Test {
  static server::settings bounded() {
    auto settings = running_server::test_settings();
    set_memory_bytes_max(settings, budget_bytes);
    return settings;
  }

  /// Puts values of 1 MiB under new keys until one is refused. @return how many were stored.
  int fill() {
    for (int stored = 0; stored < 64; ++stored) {
      auto const reply = client.ask(request("PUT", key(stored), json_of(mib)));
      if (reply.status == 201) continue;
      EXPECT_EQ(reply.status, 507);
      EXPECT_EQ(reply.code(), "database_full");
      return stored;
    }
    ADD_FAILURE() << "64 MiB are stored";
    return 64;
  }

  static constexpr std::size_t budget_bytes = 16 * mib;

  running_server server{bounded()};
  raw_client client{server.port()};
};

// --- the database -------------------------------------------------------------------------------------------------

TEST_F(memory, values_under_new_keys_are_507_from_some_key_on_and_all_before_are_there) {
  auto const stored = fill();
  EXPECT_GE(stored, 8);
  EXPECT_LE(stored, 16);
  for (int i = 0; i < stored; ++i) EXPECT_EQ(client.ask(request("GET", key(i))).body.size(), mib) << i;
  EXPECT_EQ(client.ask(request("GET", key(stored))).status, 404);
  EXPECT_EQ(raw_client(server.port()).ask(request("PUT", "/v1/kv/other", json_of(mib))).status, 507);
}

TEST_F(memory, a_full_database_takes_smaller_values_and_deletions) {
  client.ask(request("PUT", "/v1/kv/small", "1"));
  auto const stored = fill();
  EXPECT_EQ(client.ask(request("PUT", "/v1/kv/small", json_of(mib))).status, 507) << "a replacement that adds";
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/small")).body, "1") << "what was refused has changed nothing";
  EXPECT_EQ(client.ask(request("PUT", "/v1/kv/small", "2")).status, 204);
  EXPECT_EQ(client.ask(request("PUT", key(0), json_of(mib / 2))).status, 204);
  EXPECT_EQ(client.ask(request("DELETE", key(1))).status, 204);
  EXPECT_EQ(client.ask(request("PUT", key(stored), json_of(mib))).status, 201) << "there is room again";
}

TEST_F(memory, keys_count_too) {
  constexpr int batch = 100;
  int stored = 0;
  for (int first = 0; stored == first && first < 50'000; first += batch) {
    std::string many;
    for (int i = 0; i < batch; ++i) many += request("PUT", key(first + i) + std::string(1000, 'k'), "1");
    client.send(many);
    for (int i = 0; i < batch; ++i) {
      auto const reply = client.receive();
      if (reply.status == 201)
        ++stored;
      else
        EXPECT_EQ(reply.status, 507);
    }
  }
  EXPECT_GE(stored, 2'000);
  EXPECT_LE(stored, 16'384);
}

// --- what is under way --------------------------------------------------------------------------------------------

/// Clients that each send 1 MiB at once: some fit into the budget, the others get 503.
void expect_some_done_and_most_refused(std::vector<raw_client>& clients) {
  int done = 0, refused = 0;
  for (auto& one : clients) {
    auto const status = one.receive().status;
    (status < 300 ? done : refused) += 1;
    if (status >= 300) {
      EXPECT_EQ(status, 503);
    }
  }
  // Bodies that are refused later use memory meanwhile, so the number of successes varies.
  EXPECT_GE(done, 1);
  EXPECT_GE(refused, static_cast<int>(clients.size() - 2 * memory::budget_bytes / mib));
}

TEST_F(memory, bodies_under_way_are_503_beyond_the_budget) {
  constexpr int count = 64;
  auto const put = request("PUT", "/v1/kv/a", json_of(mib));
  auto const before = allocated_bytes();
  std::vector<raw_client> clients;
  for (int i = 0; i < count; ++i) clients.emplace_back(server.port()).send(std::string_view(put).substr(0, mib / 2));
  server.settle();
  if (!sanitized) {
    EXPECT_LT(allocated_bytes() - before, static_cast<std::int64_t>(2 * budget_bytes));
  }
  EXPECT_EQ(client.ask(request("GET", "/livez")).status, 200);

  for (auto& one : clients) one.send(std::string_view(put).substr(mib / 2));
  expect_some_done_and_most_refused(clients);
  EXPECT_LT(client.ask(request("PUT", "/v1/kv/b", json_of(mib))).status, 300) << "the budget is given back";
}

TEST_F(memory, of_bodies_whose_clients_leave_nothing_is_kept) {
  auto const put = request("PUT", "/v1/kv/a", json_of(mib));
  for (int round = 0; round < 4; ++round) {
    std::vector<raw_client> clients;
    for (int i = 0; i < 16; ++i) clients.emplace_back(server.port()).send(std::string_view(put).substr(0, mib / 2));
    server.settle();
    for (int i = 0; i < 16; ++i) i % 2 == 0 ? clients[i].close() : clients[i].reset();
  }
  server.settle();
  EXPECT_LT(client.ask(request("PUT", "/v1/kv/b", json_of(mib))).status, 300);
}

TEST_F(memory, values_that_wait_for_the_lock_are_503_beyond_the_budget) {
  constexpr int count = 64;
  raw_client holder(server.port());
  server.ask_for_lock(holder, request("GET", "/v1/kv/a?hold=60s"));
  std::vector<raw_client> waiters;
  for (int i = 0; i < count; ++i) waiters.emplace_back(server.port()).send(request("PUT", "/v1/kv/a", json_of(mib)));
  server.settle();
  holder.close();
  expect_some_done_and_most_refused(waiters);
  EXPECT_LT(client.ask(request("PUT", "/v1/kv/a", json_of(mib))).status, 300) << "the budget is given back";
}

// --- answers to transactions --------------------------------------------------------------------------------------

std::string transaction_of(int count, std::string const& operation) {
  std::string body = R"({"operations":[{"put":"new","value":1})";
  for (int i = 0; i < count; ++i) (body += ',') += operation;
  return body + "]}";
}

// A request of 2 KB got an answer of 120 MB, for which the server needed three times as much.
TEST_F(memory, a_transaction_that_reads_too_much_is_refused_and_changes_nothing) {
  client.ask(request("PUT", "/v1/kv/big", json_of(mib - 100)));
  for (int i = 0; i < 1000; ++i) client.ask(request("PUT", key(1000 + i), "1"));
  auto const many = transaction_of(120, R"({"get":"big"})");
  auto const lists = transaction_of(999, R"({"list":"","limit":1000,"values":false})");
  for (auto const* const fields : {"", "Idempotency-Key: \"x\"\r\n"})
    for (auto const& body : {many, lists}) {
      auto const refused = client.ask(request("POST", "/v1/txn", body, fields));
      EXPECT_EQ(refused.status, 413);
      EXPECT_EQ(refused.code(), "transaction_too_large");
      EXPECT_THAT(refused.body, ::testing::HasSubstr(*fields == '\0' ? "8 MiB" : "2 MiB"));
      EXPECT_THAT(refused.body, ::testing::HasSubstr("10000 listed keys"));
    }
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/new")).status, 404);
  auto const some = request("POST", "/v1/txn", transaction_of(2, R"({"get":"big"})"), "Idempotency-Key: \"x\"\r\n");
  auto const done = client.ask(some);
  EXPECT_EQ(done.status, 200) << "what was refused is not remembered";
  EXPECT_EQ(client.ask(some).body, done.body);
}

// They stayed for a day in the records of their requests, uncounted.
TEST_F(memory, values_that_a_deletion_with_a_key_has_removed_are_freed) {
  if (sanitized) GTEST_SKIP() << "the sanitizer has an allocator of its own";
  auto const fill_and_delete = [&](int round) {
    for (int i = 0; i < 8; ++i) client.ask(request("PUT", "/v1/kv/p" + std::to_string(i), json_of(mib)));
    auto const fields = "Idempotency-Key: \"" + std::to_string(round) + "\"\r\n";
    auto const done = client.ask(request("DELETE", "/v1/kv?prefix=p", {}, fields));
    EXPECT_TRUE(done.body.starts_with(R"({"deleted":8,)")) << done.body;
  };
  fill_and_delete(0);  // the history now has what it keeps
  server.settle();
  auto const before = allocated_bytes();
  for (int round = 1; round < 8; ++round) fill_and_delete(round);
  server.settle();
  EXPECT_LT(allocated_bytes() - before, static_cast<std::int64_t>(2 * mib));
}

// --- clients that do not read --------------------------------------------------------------------------------------

unsigned long under_way_bytes(running_server const& server) {
  auto const text = raw_client(server.port()).ask(request("GET", "/metrics")).body;
  std::string const name = "\nholdfast_memory_bytes{kind=\"under_way\"} ";
  auto const at = text.find(name);
  EXPECT_NE(at, std::string::npos) << text;
  return at == std::string::npos ? 0 : std::stoul(text.substr(at + name.size()));
}

// Each took 130 KiB that nobody counted, without a token too, until the kernel killed the server.
TEST_F(memory, of_clients_that_do_not_read_their_answers_is_limited_and_given_back) {
  constexpr int count = 200;
  client.ask(request("PUT", "/v1/kv/a", json_of(15'000)));
  std::string many;
  while (many.size() < 60 * kib) many += request("GET", "/v1/kv/a");
  auto const before = allocated_bytes();
  std::vector<raw_client> clients;
  for (int i = 0; i < count; ++i) clients.emplace_back(server.port(), 2048).send(many);
  server.settle();
  if (!sanitized) {
    EXPECT_LT(allocated_bytes() - before, static_cast<std::int64_t>(budget_bytes / 2));
  }
  EXPECT_GT(under_way_bytes(server), mib);
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).status, 200);
  auto const put = request("PUT", "/v1/kv/large", json_of(mib));
  client.send(std::string_view(put).substr(0, mib / 2));
  server.settle();
  client.send(std::string_view(put).substr(mib / 2));
  EXPECT_LT(client.receive().status, 300) << "half is left for requests, also while they wait for their bodies";
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/large")).status, 200);
  clients.clear();
  for (int i = 0; i < 100 && under_way_bytes(server) != 0; ++i) server.settle();
  EXPECT_EQ(under_way_bytes(server), 0U);
}

TEST_F(memory, of_incomplete_headers_is_limited_and_those_beyond_are_503) {
  constexpr int count = 280;
  auto const begun = "GET /v1/kv/a HTTP/1.1\r\nHost: a\r\nX: " + std::string(7000, 'x');
  std::vector<raw_client> clients;
  for (int i = 0; i < count; ++i) clients.emplace_back(server.port()).send(begun);
  server.settle();
  auto const most = under_way_bytes(server);
  EXPECT_GT(most, mib);
  EXPECT_LE(most, budget_bytes / 8 + mib / 2) << "those that are refused read on for two seconds";
  EXPECT_EQ(clients.back().receive().code(), "overloaded");
  clients.pop_back();
  clients.front().send("\r\n\r\n");
  EXPECT_EQ(clients.front().receive().status, 404) << "those that came in time are served";
}

// --- connections at rest ------------------------------------------------------------------------------------------

struct memory_at_rest : ::testing::TestWithParam<std::size_t> {};

/// Sends a PUT in two segments on each connection and waits for its answer.
void put_in_halves(running_server const& server, std::vector<raw_client>& clients, std::string const& put) {
  for (auto& client : clients) client.send(std::string_view(put).substr(0, put.size() / 2));
  server.settle();
  for (auto& client : clients) {
    client.send(std::string_view(put).substr(put.size() / 2));
    EXPECT_LT(client.receive().status, 300);
  }
  server.settle();
}

TEST_P(memory_at_rest, a_connection_keeps_nothing_of_a_body_that_came_in_pieces) {
  if (sanitized) GTEST_SKIP() << "the sanitizer has an allocator of its own";
  constexpr int count = 100;
  running_server server;
  auto const put = request("PUT", "/v1/kv/a", json_of(GetParam()));
  std::vector<raw_client> first, clients;
  for (int i = 0; i < count; ++i) first.emplace_back(server.port());
  // After this, the allocator has its reserves, and the history has all the values that it keeps.
  put_in_halves(server, first, put);
  for (auto values = 64 * mib; GetParam() > kib && values > 0; values -= std::min(values, GetParam()))
    first.front().ask(put);
  first.clear();
  for (int i = 0; i < count; ++i) clients.emplace_back(server.port()).ask(request("GET", "/livez"));
  server.settle();
  auto const before = allocated_bytes();
  put_in_halves(server, clients, put);
  EXPECT_LT((allocated_bytes() - before) / count, static_cast<std::int64_t>(2 * kib)) << "bytes a connection";
}

INSTANTIATE_TEST_SUITE_P(after, memory_at_rest, ::testing::Values(100, 64 * kib, mib),
                         ::testing::PrintToStringParamName());

}  // namespace
}  // namespace holdfast::tests
