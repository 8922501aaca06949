// Tokens, limits and logs of a running server.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "server/access/token_file.hpp"
#include "server/api/routes.hpp"
#include "server/insight/source_names.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/streaming_client.hpp"

namespace holdfast::tests {
namespace {

using namespace std::chrono_literals;
using json = nlohmann::json;
using server::need;

std::string bearer(std::string const& secret) {
  return "Authorization: Bearer " + secret + "\r\n";
}

std::string text_of(std::string const& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

struct files : testing::Test {
  files() { std::filesystem::create_directory(directory); }
  ~files() override { std::filesystem::remove_all(directory); }

  /// The secret of a token is its name with `-secret`.
  static std::string entry(std::string const& name, std::vector<std::string> const& scopes,
                           std::string const& expires = {}) {
    server::token made{.name = name, .secret = server::digest_of(name + "-secret"), .expires = {}, .permissions = {}};
    if (!expires.empty()) made.expires = server::parse_instant(expires);
    for (auto const& one : scopes) made.permissions.push_back(*server::parse_permission(one));
    return to_toml(made);
  }
  void write_tokens(std::string const& text) const { std::ofstream(tokens_file) << text; }

  /// All lines of a log, once enough of them match.
  static std::vector<json> lines_of(std::string const& file, std::size_t count) {
    std::vector<json> lines;
    for (int i = 0; i < 5000 && lines.size() < count; ++i) {
      lines.clear();
      std::istringstream text(text_of(file));
      for (std::string line; std::getline(text, line) && !text.eof();) lines.push_back(json::parse(line));
      if (lines.size() < count) std::this_thread::sleep_for(1ms);
    }
    EXPECT_GE(lines.size(), count);
    lines.resize(std::max(lines.size(), count));
    return lines;
  }

  std::string const directory = testing::TempDir() + "access." + std::to_string(::getpid());
  std::string const tokens_file = directory + "/tokens.toml";
  std::string const audit_file = directory + "/audit.log", access_file = directory + "/access.log";
};

struct tokens : files {
  void SetUp() override {
    write_tokens(entry("reader", {"read:"}) + entry("writer", {"write:"}) + entry("locker", {"lock:"}) +
                 entry("admin", {"admin"}) + entry("all", {"read:", "write:", "lock:", "admin"}) +
                 entry("users", {"read:users/", "write:users/"}) + entry("deploy", {"lock:deploy/"}) +
                 entry("old", {"read:"}, "2020-01-01T00:00:00Z"));
    auto settings = running_server::test_settings();
    settings.routes.host_names = {"test"};
    settings.access.tokens_file = tokens_file;
    settings.access.audit_file = audit_file;
    settings.access.requests_file = access_file;
    server = std::make_unique<running_server>(settings);
    client = std::make_unique<raw_client>(server->port());
  }

  /// Uses a connection of its own, because refusing a request with a body ends the connection.
  raw_reply ask(std::string const& name, std::string_view method, std::string_view target, std::string_view body = {},
                std::string const& more = {}) const {
    return raw_client(server->port()).ask(request(method, target, body, by(name) + more));
  }

  /// Only the status, for answers that may be streams.
  int status_of(std::string const& name, std::string_view method, std::string_view target, std::string_view body,
                std::string const& more) const {
    raw_client one(server->port());
    one.send(request(method, target, body, by(name) + more));
    return std::stoi(one.receive_until("\r\n").substr(9, 3));
  }

  static std::string by(std::string const& name) { return name.empty() ? "" : bearer(name + "-secret"); }

  std::unique_ptr<running_server> server;
  std::unique_ptr<raw_client> client;
};

/// A harmless request for a route.
struct probe {
  std::string method, target, body, more;
};

/// One request for each method of a route except OPTIONS.
std::vector<probe> probes_of(server::resource const& one) {
  using server::route_kind;
  std::string const json_type = "Content-Type: application/json\r\n";
  switch (one.kind) {
    case route_kind::value:
      return {{"GET", "/v1/kv/a", "", ""},
              {"HEAD", "/v1/kv/a", "", ""},
              {"PUT", "/v1/kv/a", "1", ""},
              {"POST", "/v1/kv/a?ttl=1h", "", ""},
              {"POST", "/v1/kv/n?increment=1", "", ""},
              {"PATCH", "/v1/kv/a", "2", "Content-Type: application/merge-patch+json\r\n"},
              {"DELETE", "/v1/kv/a", "", ""}};
    case route_kind::list:
      return {{"GET", "/v1/kv?prefix=a", "", ""}, {"DELETE", "/v1/kv?prefix=a", "", ""}};
    case route_kind::transaction:
      return {{"POST", "/v1/txn", R"({"checks":[{"key":"a","exists":false}]})", ""},
              {"POST", "/v1/txn", R"({"operations":[{"put":"a","value":1}]})", ""}};
    case route_kind::watch:
      return {{"HEAD", "/v1/watch?prefix=a", "", ""}};
    case route_kind::export_keys:
      return {{"GET", "/v1/export?prefix=a", "", ""}};
    case route_kind::import_keys:
      return {{"POST", "/v1/import", R"({"key":"a","value":1})", ""}};
    case route_kind::settings:
      return {{"GET", "/v1/settings", "", ""}, {"PATCH", "/v1/settings", "{}", json_type}};
    case route_kind::backups:
      return {{"POST", "/v1/backups", "{}", json_type}};
    case route_kind::locks:
      return {{"GET", "/v1/locks?prefix=a", "", ""}};
    case route_kind::named_lock:
      return {{"GET", "/v1/locks/a", "", ""}, {"POST", "/v1/locks/a?wait=0&id=1", "", ""}};
    case route_kind::ticket:
      return {{"GET", "/v1/locks/a/tickets/1", "", ""},
              {"PUT", "/v1/locks/a/tickets/1", "", ""},
              {"DELETE", "/v1/locks/a/tickets/2", "", ""}};
    case route_kind::named_lock_events:
      return {{"HEAD", "/v1/locks/a/events", "", ""}};
    case route_kind::lock_events:
      return {{"HEAD", "/v1/lock/events", "", ""}};
    case route_kind::lock_trace:
      return {{"HEAD", "/v1/lock/trace?duration=1ms", "", ""}};
    default:
      return {{"GET", std::string(one.path), "", ""}};
  }
}

/// The scopes that a probe needs, for all keys.
std::vector<std::string> needs_of(server::resource const& one, probe const& asked) {
  auto const reads = asked.method == "GET" || asked.method == "HEAD" || asked.body.find("checks") != std::string::npos;
  switch (one.access.of(reads ? server::method::get : server::method::post)) {
    case need::nothing:
    case need::any_token:
      return {};
    case need::keys:
      if (reads) return {"reader"};
      if (asked.method == "PATCH" || asked.target.find("increment") != std::string::npos) return {"reader", "writer"};
      return {"writer"};
    case need::locks:
      return {"locker"};
    case need::overview:
      return {"reader or admin"};
    case need::admin:
      return {"admin"};
  }
  return {};
}

TEST_F(tokens, of_each_scope_open_each_route_or_not_as_the_route_table_says) {
  for (auto const& one : server::all_resources()) {
    for (auto const& probe : probes_of(one)) {
      auto const needs = needs_of(one, probe);
      auto const method = probe.method == "GET" || probe.method == "HEAD" ? server::method::get : server::method::post;
      auto const is_open = one.access.of(method) == need::nothing;
      auto const what = probe.method + ' ' + probe.target + ' ' + probe.body;
      auto const status_by = [&](std::string const& name) {
        return status_of(name, probe.method, probe.target, probe.body, probe.more);
      };
      EXPECT_EQ(status_by("") == 401, !is_open) << what;
      EXPECT_EQ(status_by("nobody") == 401, !is_open) << what;
      EXPECT_EQ(status_by("old") == 401, !is_open) << what;
      for (std::string const name : {"reader", "writer", "locker", "admin"}) {
        auto const allows = [&](std::string const& needed) { return needed.find(name) != std::string::npos; };
        auto const is_allowed = std::all_of(needs.begin(), needs.end(), allows);
        auto const status = status_by(name);
        EXPECT_EQ(status != 403, is_allowed) << what << " by " << name << ": " << status;
        EXPECT_NE(status, 401) << what << " by " << name;
      }
      auto const all = status_by("all");
      EXPECT_TRUE(all != 401 && all != 403) << what << ": " << all;
    }
  }
}

TEST_F(tokens, that_are_missing_or_wrong_are_asked_for) {
  auto const none = ask("", "GET", "/v1/kv/a");
  EXPECT_EQ(none.code(), "token_needed");
  EXPECT_EQ(none.field("www-authenticate"), "Bearer realm=\"holdfast\"");
  auto const unknown = ask("nobody", "GET", "/v1/kv/a");
  EXPECT_NE(unknown.field("www-authenticate").find("error=\"invalid_token\""), std::string::npos);
  EXPECT_NE(ask("old", "GET", "/v1/kv/a").detail().find("expired"), std::string::npos);
  EXPECT_EQ(client->ask(request("GET", "/v1/kv/a", "", "Authorization: Basic YTpi\r\n")).status, 401);
  EXPECT_EQ(client->ask(request("GET", "/v1/kv/a", "", "Authorization: bearer   all-secret\r\n")).status, 404);
  // In a URL, a token would get into logs and histories.
  EXPECT_EQ(ask("", "GET", "/v1/kv/a?access_token=all-secret").status, 401);
  EXPECT_EQ(raw_client(server->port())
                .ask(request("GET", "/v1/kv/a", "", bearer("all-secret") + bearer("all-secret")))
                .status,
            400);
}

TEST_F(tokens, of_a_prefix_end_where_the_prefix_ends) {
  EXPECT_EQ(ask("users", "PUT", "/v1/kv/users/zoe", "1").status, 201);
  EXPECT_EQ(ask("users", "GET", "/v1/kv/users/zoe").status, 200);
  EXPECT_EQ(ask("users", "GET", "/v1/kv/users%2Fzoe").status, 200);
  auto const other = ask("users", "GET", "/v1/kv/orders/1");
  EXPECT_EQ(other.code(), "scope_missing");
  EXPECT_EQ(json::parse(other.body)["scope"], "read");
  EXPECT_EQ(json::parse(other.body)["prefix"], "orders/1");
  EXPECT_EQ(ask("users", "PUT", "/v1/kv/users", "1").status, 403);
  EXPECT_EQ(ask("users", "GET", "/v1/kv?prefix=users/").status, 200);
  // Lists are never filtered, because a partial list would look complete.
  EXPECT_EQ(ask("users", "GET", "/v1/kv").status, 403);
  EXPECT_EQ(ask("users", "GET", "/v1/kv?prefix=user").status, 403);
  EXPECT_EQ(ask("users", "DELETE", "/v1/kv?prefix=u").status, 403);
  EXPECT_EQ(ask("users", "GET", "/v1/export").status, 403);
  EXPECT_EQ(ask("users", "GET", "/v1/watch?key=orders/1").status, 403);
  EXPECT_EQ(ask("users", "GET", "/v1/lock").status, 403);
}

TEST_F(tokens, are_checked_for_each_part_of_a_transaction_and_each_line_of_an_import) {
  auto const transact = [&](std::string const& body) { return ask("users", "POST", "/v1/txn", body); };
  EXPECT_EQ(transact(R"({"operations":[{"put":"users/a","value":1},{"get":"users/a"}]})").status, 200);
  auto const part = transact(R"({"operations":[{"put":"users/b","value":1},{"get":"orders/1"}]})");
  EXPECT_EQ(json::parse(part.body)["prefix"], "orders/1");
  for (std::string const operation :
       {R"({"put":"o","value":1})", R"({"delete":"o"})", R"({"touch":"o","ttl":"1s"})", R"({"increment":"o"})",
        R"({"patch":"o","merge":1})", R"({"list":"o"})", R"({"list":""})", R"({"get":"o"})"})
    EXPECT_EQ(transact("{\"operations\":[{\"put\":\"users/b\",\"value\":1}," + operation + "]}").status, 403)
        << operation;
  EXPECT_EQ(transact(R"({"checks":[{"key":"o","exists":false}],"operations":[]})").status, 403);
  EXPECT_EQ(ask("users", "GET", "/v1/kv/users/b").status, 404);

  auto const import =
      ask("users", "POST", "/v1/import", "{\"key\":\"users/c\",\"value\":1}\n{\"key\":\"o\",\"value\":1}\n");
  EXPECT_EQ(import.code(), "scope_missing");
  EXPECT_EQ(json::parse(import.body)["line"], 2);
  EXPECT_EQ(json::parse(import.body)["stored"], 1);
  EXPECT_EQ(ask("all", "GET", "/v1/kv/o").status, 404);
}

TEST_F(tokens, without_read_learn_no_value_and_without_lock_hold_nobody_up) {
  EXPECT_EQ(ask("writer", "PUT", "/v1/kv/a", "1").status, 201);
  EXPECT_EQ(ask("writer", "POST", "/v1/kv/a?increment=1").status, 403);
  EXPECT_EQ(ask("writer", "DELETE", "/v1/kv/a", "", "Prefer: return=representation\r\n").status, 403);
  EXPECT_EQ(ask("reader", "GET", "/v1/kv/a?hold=1ms").status, 403);
  EXPECT_EQ(ask("reader", "GET", "/v1/export?hold=1ms").status, 403);
  EXPECT_EQ(ask("all", "GET", "/v1/kv/a?hold=1ms").status, 200);
}

TEST_F(tokens, of_a_locks_prefix_open_no_other_lock) {
  EXPECT_EQ(ask("deploy", "POST", "/v1/locks/deploy%2Fweb?id=1&wait=0").status, 201);
  EXPECT_EQ(ask("locker", "POST", "/v1/locks/other?id=1&wait=0").status, 201);
  EXPECT_EQ(ask("deploy", "GET", "/v1/locks?prefix=deploy/").status, 200);
  for (std::string const target : {"/v1/locks", "/v1/locks?prefix=d", "/v1/locks/other", "/v1/locks/other/events",
                                   "/v1/locks/other/tickets/1", "/v1/locks/%64eploy/tickets/1"})
    EXPECT_EQ(ask("deploy", "GET", target).status, 403) << target;
  EXPECT_EQ(ask("deploy", "POST", "/v1/locks/other?id=2").status, 403);
  EXPECT_EQ(ask("deploy", "PUT", "/v1/locks/other/tickets/1").status, 403);
  EXPECT_EQ(ask("deploy", "DELETE", "/v1/locks/other/tickets/1").status, 403);
  EXPECT_EQ(ask("deploy", "DELETE", "/v1/locks/deploy%2Fweb/tickets/1").status, 204);
}

// A cycle can include locks of others. A token that may not use them must not learn their names and owners.
TEST_F(tokens, of_a_locks_prefix_learn_no_other_lock_from_a_deadlock) {
  auto const as = [](std::string const& owner) { return R"({"owner":")" + owner + R"("})"; };
  EXPECT_EQ(ask("all", "POST", "/v1/locks/elsewhere?id=1&lease=60s", as("bob")).status, 201);
  EXPECT_EQ(ask("all", "POST", "/v1/locks/deploy%2Fweb?id=2&lease=60s", as("amy")).status, 201);
  EXPECT_EQ(ask("all", "POST", "/v1/locks/elsewhere?id=3&lease=60s", as("amy")).status, 202);
  json const seen{{"owner", "bob"}, {"waits_for", "deploy/web"}, {"held_by", "amy"}};
  for (std::string const target : {"?id=4", "?id=4&wait=30s", "?id=4&keep=connection"}) {
    auto const refused = ask("deploy", "POST", "/v1/locks/deploy%2Fweb" + target, as("bob"));
    EXPECT_EQ(refused.code(), "deadlock");
    EXPECT_EQ(json::parse(refused.body)["cycle"], json::array({seen}));
    EXPECT_EQ(refused.body.find("elsewhere"), std::string::npos) << refused.body;
  }
  EXPECT_EQ(json::parse(ask("locker", "POST", "/v1/locks/deploy%2Fweb?id=4", as("bob")).body)["cycle"].size(), 2U);
}

// There are 4,096 names. Clients without a token could use up all of them, and no other name would be shown.
TEST_F(tokens, give_their_holders_names_which_others_cannot_use_up) {
  for (auto i = 0U; i < server::source_names::names_max; ++i) {
    auto const named = "Holdfast-Source: stranger " + std::to_string(i) + "\r\n";
    ASSERT_EQ(client->ask(request("HEAD", "/v1/kv/a", "", named)).status, 401);
  }
  raw_client holder(server->port());
  server->ask_for_lock(holder, request("PUT", "/v1/kv/a?hold=30s", "1", by("all") + "Holdfast-Source: known\r\n"));
  EXPECT_EQ(json::parse(ask("all", "GET", "/v1/lock").body)["owner"]["source"], "known");
}

// A client that guesses the idempotency key of another's request must not be able to block it or learn of it.
TEST_F(tokens, have_idempotency_keys_of_their_own) {
  std::string const key = "Idempotency-Key: \"1\"\r\n";
  EXPECT_EQ(ask("users", "PUT", "/v1/kv/users/a", "1", key).status, 201);
  EXPECT_EQ(ask("writer", "PUT", "/v1/kv/b", "2", key).status, 201);
  EXPECT_EQ(ask("writer", "PUT", "/v1/kv/users/a", "1", key).status, 422);
  EXPECT_EQ(ask("users", "PUT", "/v1/kv/users/a", "1", key).field("idempotent-replayed"), "true");
  EXPECT_EQ(ask("all", "PUT", "/v1/kv/users/a", "1", key).status, 204);
}

// A log line must be JSON, whatever a client asks for.
TEST_F(tokens, are_refused_and_written_down_as_json_whatever_the_prefix_is) {
  auto const refused = ask("users", "DELETE", "/v1/kv?prefix=%C3%BF%22%0A");
  EXPECT_EQ(refused.code(), "scope_missing");
  EXPECT_EQ(json::parse(refused.body)["prefix"], "\xC3\xBF\"\n");
  EXPECT_EQ(ask("all", "DELETE", "/v1/kv?prefix=%C3").status, 400) << "it is no UTF-8";
  EXPECT_EQ(ask("all", "DELETE", "/v1/kv?prefix=%C3%BF%22").status, 200);
  EXPECT_EQ(lines_of(audit_file, 2).back()["subject"], "\xC3\xBF\"");
}

// A header that a thread knows is not parsed again; it must not matter who sent it first.
TEST_F(tokens, belong_to_a_request_and_not_to_its_connection_or_thread) {
  EXPECT_EQ(ask("all", "PUT", "/v1/kv/a", "1").status, 201);
  raw_client others[4]{raw_client(server->port()), raw_client(server->port()), raw_client(server->port()),
                       raw_client(server->port())};
  for (int i = 0; i < 3; ++i) {
    for (auto& other : others) {
      EXPECT_EQ(other.ask(request("GET", "/v1/kv/a", "", bearer("all-secret"))).status, 200);
      EXPECT_EQ(other.ask(request("GET", "/v1/kv/a")).status, 401);
      EXPECT_EQ(other.ask(request("GET", "/v1/kv/a", "", bearer("all-secreT"))).status, 401);
      EXPECT_EQ(other.ask(request("GET", "/v1/kv/a", "", bearer("writer-secret"))).status, 403);
    }
  }
}

TEST_F(tokens, are_nowhere_but_in_the_request) {
  for (std::string const name : {"all", "nobody", "old", "users"}) ask(name, "GET", "/v1/kv/a");
  ask("all", "PUT", "/v1/kv/a?ttl=1h", "1");
  std::string seen;
  for (std::string const target : {"/metrics", "/v1/lock", "/v1/settings", "/version", "/v1/kv/none", "/nowhere"})
    seen += ask("all", "GET", target).body;
  seen += ask("nobody", "GET", "/v1/kv/a").body;
  lines_of(access_file, 10);
  seen += text_of(access_file) + text_of(audit_file);
  EXPECT_EQ(seen.find("-secret"), std::string::npos);
}

TEST_F(tokens, are_read_again_and_a_bad_file_changes_nothing) {
  EXPECT_EQ(ask("reader", "GET", "/v1/kv/a").status, 404);
  write_tokens(entry("reader", {"write:"}) + entry("new", {"read:"}));
  server->reload();
  EXPECT_EQ(ask("reader", "GET", "/v1/kv/a").status, 403);
  EXPECT_EQ(ask("new", "GET", "/v1/kv/a").status, 404);
  EXPECT_EQ(ask("all", "GET", "/v1/kv/a").status, 401);
  write_tokens("[[token]]\nname = 1\n");
  server->reload();
  EXPECT_EQ(ask("new", "GET", "/v1/kv/a").status, 404);
}

TEST_F(tokens, make_a_line_of_each_write_and_each_refusal) {
  ask("all", "PUT", "/v1/kv/a", "1");
  ask("all", "GET", "/v1/kv/a");
  ask("all", "GET", "/v1/kv/a?hold=1ms");
  ask("all", "POST", "/v1/txn", R"({"operations":[{"put":"b","value":1},{"get":"a"},{"delete":"c"}]})");
  ask("users", "PUT", "/v1/kv/o", "1");
  ask("", "GET", "/v1/kv/a");
  ask("all", "PATCH", "/v1/settings", R"({"read_hold":"0"})", "Content-Type: application/json\r\n");
  auto const audit = lines_of(audit_file, 6);
  EXPECT_EQ(audit[0]["action"], "PUT");
  EXPECT_EQ(audit[0]["token"], "all");
  EXPECT_EQ(audit[0]["subject"], "a");
  EXPECT_EQ(audit[0]["status"], 201);
  EXPECT_TRUE(audit[0]["peer"].get<std::string>().starts_with("127.0.0.1:"));
  EXPECT_EQ(audit[1]["action"], "GET");
  EXPECT_GE(audit[1]["hold_us"], 1000);
  EXPECT_EQ(audit[2]["keys"], json::parse(R"(["b","c"])"));
  EXPECT_EQ(audit[3]["status"], 403);
  EXPECT_EQ(audit[3]["path"], "/v1/kv/o");
  EXPECT_EQ(audit[4]["status"], 401);
  EXPECT_FALSE(audit[4].contains("token"));
  EXPECT_EQ(audit[5]["action"], "SETTINGS");

  auto const all = lines_of(access_file, 7);
  EXPECT_EQ(all[0]["method"], "PUT");
  EXPECT_EQ(all[0]["body_bytes"], 1);
  EXPECT_EQ(all[1]["content_bytes"], 1);
  EXPECT_EQ(all[1]["path"], "/v1/kv/a");
  EXPECT_EQ(all[2]["path"], "/v1/kv/a");
  EXPECT_GE(all[2]["hold_us"], 1000);
}

// A client that takes the lock and disconnects has used it nevertheless.
TEST_F(tokens, write_down_whom_nobody_could_answer) {
  raw_client holder(server->port());
  server->ask_for_lock(holder, request("PUT", "/v1/kv/a?hold=30s", "1", bearer("all-secret")));
  holder.close();
  auto const audit = lines_of(audit_file, 1);
  EXPECT_EQ(audit[0]["status"], 499);
  EXPECT_EQ(audit[0]["subject"], "a");
}

// The change had been made, but the line was written only after the answer had been sent to its end.
TEST_F(tokens, write_down_whose_answers_were_not_read_to_the_end) {
  auto const value = '"' + std::string(900'000, 'x') + '"';
  raw_client writer(server->port(), 2048);
  writer.send(request("PUT", "/v1/kv/a", value, bearer("all-secret") + "Prefer: return=representation\r\n"));
  writer.receive_until("\r\n\r\n");
  writer.reset();
  auto const audit = lines_of(audit_file, 1);
  EXPECT_EQ(audit[0]["action"], "PUT");
  EXPECT_EQ(audit[0]["status"], 201);
  auto const all = lines_of(access_file, 1);
  EXPECT_EQ(all[0]["status"], 201);
  EXPECT_EQ(all[0]["body_bytes"], value.size());
  EXPECT_GT(all[0]["content_bytes"], 0);
  EXPECT_LT(all[0]["content_bytes"], value.size());
}

struct client_limits : files {
  std::unique_ptr<running_server> start(std::function<void(server::access_settings&)> const& change) const {
    auto settings = running_server::test_settings();
    change(settings.access);
    return std::make_unique<running_server>(settings);
  }
};

TEST_F(client_limits, of_requests_are_told_with_when_to_try_again) {
  auto const server = start([](auto& to) { to.rates.requests = 2; });
  raw_client client(server->port());
  EXPECT_EQ(client.ask(request("PUT", "/v1/kv/a", "1")).status, 201);
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).status, 200);
  auto const refused = client.ask(request("GET", "/v1/kv/a"));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.code(), "rate_limited");
  EXPECT_EQ(refused.field("retry-after"), "1");
  EXPECT_EQ(client.ask(request("GET", "/livez")).status, 200);
}

TEST_F(client_limits, of_the_lock_make_a_long_hold_cost_its_time) {
  auto const server = start([](auto& to) { to.rates.lock_time = 1us; });
  raw_client client(server->port());
  EXPECT_EQ(client.ask(request("PUT", "/v1/kv/a?hold=10ms", "1")).status, 201);
  auto const refused = client.ask(request("PUT", "/v1/kv/a", "1"));
  EXPECT_EQ(refused.status, 429);
  EXPECT_GE(std::stoi(refused.field("retry-after")), 9'000);
}

TEST_F(client_limits, of_the_lock_count_each_hold_also_of_an_export) {
  auto const server = start([](auto& to) { to.rates.lock_time = 1us; });
  raw_client client(server->port());
  client.send(request("GET", "/v1/export?hold=10ms"));
  client.receive_until("\r\n0\r\n\r\n");
  EXPECT_GE(std::stoi("0" + client.ask(request("GET", "/v1/kv/a")).field("retry-after")), 9'000);
}

// A client that disconnects during a hold has made others wait nevertheless.
TEST_F(client_limits, of_the_lock_count_a_hold_whose_client_hung_up) {
  auto const server = start([](auto& to) { to.rates.lock_time = 1ms; });
  {
    raw_client holder(server->port());
    server->ask_for_lock(holder, request("PUT", "/v1/kv/a?hold=30s", "1"));
    std::this_thread::sleep_for(5ms);
  }
  raw_client client(server->port());
  auto status = 0;
  for (int i = 0; i < 1000 && status != 429; ++i) {
    status = client.ask(request("GET", "/v1/kv/a?lock-timeout=1ms")).status;
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_EQ(status, 429);
}

// A stream may have no end at which it could be charged.
TEST_F(client_limits, of_the_lock_count_what_streams_and_waits_for_locks_take) {
  struct use {
    std::string method, target, seen;  // empty: it ends
  };
  for (auto const& [method, target, seen] :
       {use{"GET", "/v1/watch?initial=true", "event: live"},
        use{"GET", "/v1/watch?initial=true&format=ndjson", "\"live\""},
        use{"POST", "/v1/locks/a?keep=connection", "\"held\""}, use{"POST", "/v1/locks/b?wait=10s", ""},
        use{"GET", "/v1/kv/a?wait=1ms", ""}}) {
    auto const server = start([](auto& to) { to.rates.lock_time = 1ns; });
    raw_client client(server->port()), other(server->port());
    client.send(request(method, target));
    if (seen.empty()) {
      EXPECT_NE(client.receive().status, 429) << target;
    } else {
      client.receive_until(seen);
    }
    EXPECT_EQ((seen.empty() ? client : other).ask(request("GET", "/v1/kv/a")).status, 429) << target;
  }
}

TEST_F(client_limits, of_streams_count_locks_that_connections_keep) {
  auto const server = start([](auto& to) { to.streams_max = 1; });
  raw_client first(server->port());
  first.send(request("POST", "/v1/locks/a?keep=connection"));
  first.receive_until("\r\n\r\n");
  EXPECT_EQ(raw_client(server->port()).ask(request("POST", "/v1/locks/b?keep=connection")).status, 429);
}

TEST_F(client_limits, of_streams_count_imports) {
  auto const server = start([](auto& to) { to.streams_max = 1; });
  raw_client first(server->port()), second(server->port());
  first.send("POST /v1/import HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 23\r\n\r\n");
  EXPECT_EQ(first.receive().status, 100) << "it is being read";
  EXPECT_EQ(second.ask(request("POST", "/v1/import", "{}")).status, 429);
  EXPECT_EQ(first.ask("{\"key\":\"a\",\"value\":10}\n").status, 200);
}

TEST_F(client_limits, of_bytes_count_bodies_and_answers) {
  auto const server = start([](auto& to) { to.rates.bytes = 1000; });
  raw_client client(server->port());
  EXPECT_EQ(client.ask(request("PUT", "/v1/kv/a", '"' + std::string(5000, 'x') + '"')).status, 201);
  auto const seconds = client.ask(request("GET", "/v1/kv/a")).field("retry-after");
  EXPECT_TRUE(seconds == "5" || seconds == "4") << seconds << ": the wait had begun when it was refused";
}

TEST_F(client_limits, of_bytes_count_a_body_that_never_came_to_its_end) {
  auto const server = start([](auto& to) { to.rates.bytes = 1000; });
  auto const put = request("PUT", "/v1/kv/a", '"' + std::string(50'000, 'x') + '"');
  raw_client(server->port()).send(std::string_view(put).substr(0, 40'000));
  raw_client client(server->port());
  auto status = 0;
  for (int i = 0; i < 100 && status != 429; ++i) {
    server->settle();
    status = client.ask(request("GET", "/v1/kv/a")).status;
  }
  EXPECT_EQ(status, 429);
}

TEST_F(client_limits, are_each_tokens_own) {
  write_tokens(entry("a", {"read:"}) + entry("b", {"read:"}));
  auto const server = start([&](auto& to) {
    to.rates.requests = 1;
    to.tokens_file = tokens_file;
  });
  raw_client client(server->port());
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a", "", bearer("a-secret"))).status, 404);
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a", "", bearer("a-secret"))).status, 429);
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a", "", bearer("b-secret"))).status, 404);
}

// Without a limit of its own, each guessed token would get a new limit.
TEST_F(client_limits, of_an_address_count_its_wrong_tokens_together) {
  write_tokens(entry("a", {"read:"}));
  auto const server = start([&](auto& to) {
    to.rates.requests = 1;
    to.tokens_file = tokens_file;
  });
  raw_client client(server->port());
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a", "", bearer("x"))).status, 401);
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a", "", bearer("y"))).status, 429);
}

TEST_F(client_limits, of_streams_and_connections_are_given_back) {
  auto const server = start([](auto& to) {
    to.streams_max = 1;
    to.connections_max = 2;
  });
  raw_client first(server->port());
  first.send(request("GET", "/v1/watch?prefix=a"));
  first.receive_until("\r\n\r\n");
  {
    raw_client second(server->port());
    EXPECT_EQ(second.ask(request("GET", "/v1/watch?prefix=a")).status, 429);
    EXPECT_EQ(second.ask(request("GET", "/livez")).status, 200);
    EXPECT_EQ(raw_client(server->port()).receive().status, 503);
    first.close();
  }
  for (int i = 0;; ++i) {
    raw_client third(server->port());
    third.send(request("GET", "/v1/watch?prefix=a"));
    if (third.receive_until("\r\n\r\n").find("200 OK") != std::string::npos) break;
    ASSERT_LT(i, 5000);
    std::this_thread::sleep_for(1ms);
  }
}

}  // namespace
}  // namespace holdfast::tests
