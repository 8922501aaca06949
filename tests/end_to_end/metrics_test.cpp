// Metrics, settings and the trace, over a real socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <thread>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/trace_check.hpp"

namespace holdfast::tests {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;

bool is_installed(char const* program) {
  return std::system(("command -v " + std::string(program) + " >/dev/null").c_str()) == 0;
}

/// What a command prints, standard error included, and its status.
std::pair<std::string, int> output_of(std::string const& command) {
  std::string text;
  auto* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::array<char, 4096> buffer{};
  while (auto const got = std::fread(buffer.data(), 1, buffer.size(), pipe)) text.append(buffer.data(), got);
  return {text, ::pclose(pipe)};
}

std::string metrics_of(running_server const& server) {
  return raw_client(server.port()).ask(request("GET", "/metrics")).body;
}

double value_of(std::string const& metrics, std::string const& sample) {
  auto const at = metrics.find('\n' + sample + ' ');
  if (at == std::string::npos) throw std::runtime_error("there is no " + sample);
  return std::stod(metrics.substr(at + sample.size() + 2));
}

/// Some requests of every kind.
void make_traffic(running_server const& server) {
  raw_client client(server.port()), holder(server.port()), waiter(server.port());
  client.ask(request("PUT", "/v1/kv/a", "1"));
  client.ask(request("GET", "/v1/kv/a"));
  client.ask(request("HEAD", "/v1/kv/a"));
  client.ask(request("GET", "/v1/kv/none"));
  client.ask(request("DELETE", "/v1/kv/a"));
  client.ask(request("GET", "/livez"));
  client.ask(request("POST", "/v1/kv/a"));
  server.ask_for_lock(holder, request("GET", "/v1/kv/a?hold=60s"));
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a?lock-timeout=1ms")).status, 503);
  server.ask_for_lock(waiter, request("GET", "/v1/kv/a"));
  holder.close();
  waiter.receive();
  client.ask(request("POST", "/v1/locks/l?id=1"));
  client.ask(request("BREW", "/"));
  client.send("broken\r\n\r\n");
  client.receive();
}

TEST(metrics, count_what_happened) {
  running_server server;
  make_traffic(server);
  auto const text = metrics_of(server);
  EXPECT_EQ(value_of(text, "holdfast_lock_acquisitions_total{operation=\"GET\"}"), 4);
  EXPECT_EQ(value_of(text, "holdfast_lock_acquisitions_total{operation=\"HEAD\"}"), 1);
  EXPECT_EQ(value_of(text, "holdfast_lock_acquisitions_total{operation=\"PUT\"}"), 1);
  EXPECT_EQ(value_of(text, "holdfast_lock_acquisitions_total{operation=\"DELETE\"}"), 1);
  EXPECT_EQ(value_of(text, "holdfast_lock_contended_acquisitions_total"), 1);
  EXPECT_EQ(value_of(text, "holdfast_lock_timeouts_total"), 1);
  EXPECT_EQ(value_of(text, "holdfast_lock_holds_cut_short_total"), 1);
  EXPECT_EQ(value_of(text, "holdfast_lock_waiting"), 0);
  EXPECT_EQ(value_of(text, "holdfast_lock_holding"), 0);
  std::string const duration = "http_server_request_duration_seconds_count";
  auto const requests = [&](std::string const& method, std::string const& route, int status) {
    return value_of(text, duration + "{http_request_method=\"" + method + "\",http_route=\"" + route +
                              "\",http_response_status_code=\"" + std::to_string(status) + "\"}");
  };
  EXPECT_EQ(requests("GET", "/v1/kv/{key}", 404), 2) << "the one that hung up was not answered";
  EXPECT_EQ(requests("GET", "/v1/kv/{key}", 503), 1);
  EXPECT_EQ(requests("PUT", "/v1/kv/{key}", 201), 1);
  EXPECT_EQ(requests("POST", "/v1/kv/{key}", 400), 1);
  EXPECT_EQ(requests("_OTHER", "/", 501), 1);
  EXPECT_EQ(requests("_OTHER", "other", 400), 1);
}

// The names are those by which dashboards know any process.
TEST(metrics, tell_what_the_process_and_its_data_take) {
  running_server const server;
  auto const before = metrics_of(server);
  raw_client(server.port()).ask(request("PUT", "/v1/kv/a", '"' + std::string(10'000, 'x') + '"'));
  auto const after = metrics_of(server);
  EXPECT_GT(value_of(after, "process_cpu_seconds_total"), 0);
  EXPECT_GT(value_of(after, "process_resident_memory_bytes"), 1e6);
  EXPECT_GE(value_of(after, "process_virtual_memory_bytes"), value_of(after, "process_resident_memory_bytes"));
  EXPECT_GT(value_of(after, "process_open_fds"), 3);
  EXPECT_GT(value_of(after, "process_max_fds"), value_of(after, "process_open_fds"));
  auto const now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_NEAR(value_of(after, "process_start_time_seconds"), now, 60);
  EXPECT_EQ(value_of(after, "holdfast_keys"), value_of(before, "holdfast_keys") + 1);
  std::string const data = "holdfast_memory_bytes{kind=\"data\"}";
  EXPECT_GE(value_of(after, data), value_of(before, data) + 10'000);
}

TEST(metrics, show_who_waits_and_holds_now) {
  running_server server;
  raw_client holder(server.port()), waiter(server.port());
  server.ask_for_lock(holder, request("GET", "/v1/kv/a?hold=60s"));
  server.ask_for_lock(waiter, request("GET", "/v1/kv/a"));
  auto const text = metrics_of(server);
  EXPECT_EQ(value_of(text, "holdfast_lock_holding"), 1);
  EXPECT_EQ(value_of(text, "holdfast_lock_waiting"), 1);
  EXPECT_GE(value_of(text, "holdfast_connections"), 3);
}

TEST(metrics, tell_of_each_named_lock) {
  running_server server;
  raw_client client(server.port());
  client.ask(request("POST", "/v1/locks/deploy%20%22a%22?id=1"));
  client.ask(request("POST", "/v1/locks/deploy%20%22a%22?id=2"));
  auto const of = [&](std::string const& what) {
    return value_of(metrics_of(server), "holdfast_named_lock_" + what + R"({lock="deploy \"a\""})");
  };
  EXPECT_EQ(of("held"), 1);
  EXPECT_EQ(of("waiting"), 1);
  EXPECT_EQ(of("wait_seconds_count"), 1);
  EXPECT_EQ(of("hold_seconds_count"), 0);
  client.ask(request("DELETE", "/v1/locks/deploy%20%22a%22/tickets/1"));
  EXPECT_EQ(of("wait_seconds_count"), 2);
  EXPECT_EQ(of("hold_seconds_count"), 1);
  EXPECT_EQ(value_of(metrics_of(server), R"(holdfast_named_lock_held{lock="_other"})"), 0);
}

TEST(metrics, agree_with_what_the_answers_said) {
  running_server server;
  raw_client client(server.port());
  double holds_ms = 0;
  constexpr int requests = 50;
  for (int i = 0; i < requests; ++i)
    holds_ms += client.ask(request("GET", i % 10 != 0 ? "/v1/kv/a" : "/v1/kv/a?hold=1ms")).hold_ms();
  auto const text = metrics_of(server);
  EXPECT_NEAR(value_of(text, "holdfast_lock_hold_seconds_sum{operation=\"GET\"}") * 1000, holds_ms, requests * 0.00051);
  EXPECT_EQ(value_of(text, "holdfast_lock_hold_seconds_count{operation=\"GET\"}"), requests);
}

TEST(metrics, promtool_finds_nothing_to_say) {
  if (!is_installed("promtool")) GTEST_SKIP() << "promtool is not installed (Debian: prometheus)";
  running_server server;
  make_traffic(server);
  auto const file = std::filesystem::path(testing::TempDir()) / ("metrics-" + std::to_string(server.port()));
  std::ofstream(file) << metrics_of(server);
  auto const [said, status] = output_of("promtool check metrics < " + file.string());
  EXPECT_EQ(status, 0) << said;
  EXPECT_EQ(said, "");
  std::filesystem::remove(file);
}

std::string text_of(std::filesystem::path const& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::filesystem::path const docker_files = HOLDFAST_DOCKER_FILES;

/// What a pattern with one group matches in a line of a file.
std::string said_in(char const* file, char const* pattern) {
  std::smatch found;
  auto const text = text_of(docker_files / file);
  return std::regex_search(text, found, std::regex(pattern)) ? found[1].str() : std::string("nothing");
}

TEST(metrics, the_ready_configuration_scrapes_where_the_image_serves) {
  auto const target = said_in("prometheus.yml", R"(targets: \["([^"]+)\"\])");
  auto const port = target.substr(target.find(':') + 1);
  auto const compose = text_of(docker_files / "compose.yaml");
  EXPECT_THAT(compose, HasSubstr("\n  " + target.substr(0, target.find(':')) + ":\n    image: holdfast\n"));
  EXPECT_EQ(said_in("Dockerfile", "HOLDFAST_LISTEN=0\\.0\\.0\\.0:([0-9]+)"), port);
  EXPECT_EQ(said_in("Dockerfile", "EXPOSE ([0-9]+)"), port);
  EXPECT_EQ(std::to_string(server::settings().listen_port), port);
  EXPECT_THAT(compose, HasSubstr("\"127.0.0.1:" + port + ":" + port + "\""));
  EXPECT_EQ(said_in("prometheus.yml", "(metrics_path|scheme)"), "nothing") << "the defaults are what the server has";
  // The configuration of Prometheus points to the real endpoint.
  EXPECT_EQ(said_in("compose.yaml", R"(\./prometheus\.yml:([^:]+):ro)"),
            said_in("compose.yaml", R"(--config\.file=([^,\]]+))"));
}

TEST(metrics, promtool_accepts_the_ready_configuration) {
  if (!is_installed("promtool")) GTEST_SKIP() << "promtool is not installed (Debian: prometheus)";
  auto const [said, status] = output_of("promtool check config " + (docker_files / "prometheus.yml").string());
  EXPECT_EQ(status, 0) << said;
}

TEST(metrics, alerts_fire_when_something_is_wrong_and_only_then) {
  if (!is_installed("promtool")) GTEST_SKIP() << "promtool is not installed (Debian: prometheus)";
  auto const [said, status] = output_of("promtool test rules " HOLDFAST_ALERTS_TEST);
  EXPECT_EQ(status, 0) << said;
}

TEST(metrics, a_prometheus_with_the_ready_configuration_scrapes_the_server) {
  if (!is_installed("prometheus")) GTEST_SKIP() << "prometheus is not installed";
  running_server server;
  make_traffic(server);
  auto const folder = std::filesystem::path(testing::TempDir()) / ("prometheus-" + std::to_string(server.port()));
  std::filesystem::create_directories(folder);
  auto ready = text_of(docker_files / "prometheus.yml");
  ready = std::regex_replace(ready, std::regex("server:8080"), "127.0.0.1:" + std::to_string(server.port()));
  ready =
      std::regex_replace(ready, std::regex("scrape_interval: .*"), "scrape_interval: 100ms\n  scrape_timeout: 100ms");
  std::ofstream(folder / "prometheus.yml") << ready;
  // Nobody sends it requests, so any free port is good. A fixed port was once in use.
  auto const log = folder / "log";
  auto const more = said_in("compose.yaml", R"((--storage\.tsdb\.retention[^,\]]*))");
  auto const command = "cd " + folder.string() +
                       " && { timeout 60 prometheus --config.file=prometheus.yml --storage.tsdb.path=data " + more +
                       " --web.listen-address=127.0.0.1:0 > log 2>&1 & echo $!; }";
  auto const [pid, started] = output_of("bash -c '" + command + "'");
  ASSERT_EQ(started, 0) << pid;
  struct killer {
    std::string pid;
    ~killer() { static_cast<void>(std::system(("kill " + pid).c_str())); }
  } const ends{pid.substr(0, pid.find('\n'))};

  std::string found;
  for (int i = 0; i < 300 && found.empty(); ++i) {
    // The scrape is visible in the server's own counters, so the port of Prometheus is not needed.
    auto const text = metrics_of(server);
    std::smatch count;
    static std::regex const scrapes(
        "http_server_request_duration_seconds_count\\{http_request_method=\"GET\",http_route=\"/metrics\","
        "http_response_status_code=\"200\"\\} ([0-9]+)");
    if (std::regex_search(text, count, scrapes) && std::stoi(count[1]) > i + 3) found = count[1];
    std::this_thread::sleep_for(100ms);
  }
  auto const told = text_of(log);
  EXPECT_FALSE(found.empty()) << told;
  EXPECT_THAT(told, ::testing::Not(HasSubstr("level=warn component=\"scrape manager\"")));
}

// --- settings -----------------------------------------------------------------------------------------------------

std::string patch(std::string const& body, std::string const& more = "Content-Type: application/json\r\n",
                  std::string const& host = "127.0.0.1") {
  return "PATCH /v1/settings HTTP/1.1\r\nHost: " + host + "\r\n" + more +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

TEST(settings, are_told_and_changed_while_the_server_runs) {
  running_server server;
  raw_client client(server.port());
  auto const before = json::parse(client.ask(request("GET", "/v1/settings")).body);
  EXPECT_EQ(before["read_hold"], "0");
  EXPECT_EQ(before["live"], true);
  auto const reply = client.ask(patch(R"({"read_hold":"20ms"})"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(json::parse(reply.body)["read_hold"], "20ms");
  EXPECT_EQ(json::parse(reply.body)["writer_period"], "0");
  EXPECT_GE(client.ask(request("GET", "/v1/kv/a")).hold_ms(), 20);
  EXPECT_LT(client.ask(request("GET", "/v1/kv/a?hold=0")).hold_ms(), 20);
}

TEST(settings, start_and_stop_the_writer) {
  running_server server;  // whose writer is off
  raw_client client(server.port());
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/my-key")).status, 404);
  EXPECT_EQ(client.ask(patch(R"({"writer_period":"1ms"})")).status, 200);
  while (client.ask(request("GET", "/v1/kv/my-key")).status != 200) server.settle();
  EXPECT_EQ(client.ask(patch(R"({"writer_period":"0"})")).status, 200);
  server.settle();
  auto const tag = client.ask(request("GET", "/v1/kv/my-key")).field("etag");
  EXPECT_TRUE(client.stays_silent(20ms));
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/my-key")).field("etag"), tag);
}

TEST(settings, are_refused_whole_where_anything_is_wrong) {
  running_server server;
  raw_client client(server.port());
  for (auto const* const body : {R"({"read_hold":"10ms","writer_period":"soon"})", R"({"read_hold":"10"})",
                                 R"({"read_hold":10})", R"({"read_hold":"10ms","hold":"1s"})", "[]", "{", ""}) {
    auto const reply = client.ask(patch(body));
    EXPECT_EQ(reply.status, 400) << body;
    EXPECT_FALSE(reply.detail().empty()) << body;
  }
  EXPECT_EQ(client.ask(patch(R"({"read_hold":"2h"})")).code(), "hold_too_long");
  EXPECT_EQ(json::parse(client.ask(request("GET", "/v1/settings")).body)["read_hold"], "0");
}

TEST(settings, may_not_be_changed_from_another_site) {
  running_server server;
  auto const body = R"({"read_hold":"10ms"})";
  auto const status_of = [&](std::string const& bytes) { return raw_client(server.port()).ask(bytes).status; };
  std::string const json_type = "Content-Type: application/json\r\n";
  EXPECT_EQ(status_of(patch(body, "Origin: http://127.0.0.1\r\n" + json_type)), 200);
  EXPECT_EQ(status_of(patch(body, "Origin: http://localhost:80\r\n" + json_type, "localhost:80")), 200);
  EXPECT_EQ(status_of(patch(body, json_type, "[::1]:8080")), 200);
  EXPECT_EQ(status_of(patch(body, "Origin: http://evil.example\r\n" + json_type)), 403);
  EXPECT_EQ(status_of(patch(body, "Origin: null\r\n" + json_type)), 403);
  EXPECT_EQ(status_of(patch(body, "Origin: http://127.0.0.1:81\r\n" + json_type)), 403);
  EXPECT_EQ(status_of(patch(body, "Origin: http://evil.example\r\n" + json_type, "evil.example")), 403)
      << "a name that an attacker has pointed to this address";
  EXPECT_EQ(status_of(patch(body, "Content-Type: text/plain\r\n")), 415);
  EXPECT_EQ(status_of(patch(body, "")), 415);
  EXPECT_EQ(status_of(patch(body, "Content-Type: application/json; charset=utf-8\r\n")), 200);
  EXPECT_EQ(raw_client(server.port()).ask(request("PUT", "/v1/settings", "{}")).field("allow"),
            "GET, HEAD, PATCH, OPTIONS");
}

TEST(settings, take_a_host_name_that_the_server_was_told) {
  auto its_settings = running_server::test_settings();
  its_settings.routes.host_names = {"holdfast.example"};
  running_server server(its_settings);
  EXPECT_EQ(
      raw_client(server.port()).ask(patch("{}", "Content-Type: application/json\r\n", "Holdfast.example:8080")).status,
      200);
}

TEST(settings, stay_as_they_are_where_the_server_says_so) {
  auto its_settings = running_server::test_settings();
  its_settings.live_settings = false;
  running_server server(its_settings);
  raw_client client(server.port());
  auto const reply = client.ask(patch(R"({"read_hold":"10ms"})"));
  EXPECT_EQ(reply.status, 403);
  EXPECT_EQ(reply.code(), "settings_fixed");
  EXPECT_EQ(json::parse(client.ask(request("GET", "/v1/settings")).body)["live"], false);
}

json trace_of(running_server const& server, std::string const& duration) {
  raw_client client(server.port());
  client.send(request("GET", "/v1/lock/trace?duration=" + duration, {}, "Connection: close\r\n"));
  return json::parse(content_of(client.receive_rest()));
}

TEST(trace, has_the_requests_of_the_last_seconds_and_those_that_go_on) {
  running_server server;
  raw_client client(server.port()), holder(server.port()), waiter(server.port());
  for (int i = 0; i < 20; ++i) client.ask(request("GET", "/v1/kv/a?hold=1ms"));
  server.ask_for_lock(holder, request("GET", "/v1/kv/held?hold=60s"));
  server.ask_for_lock(waiter, request("PUT", "/v1/kv/waits", "1"));
  auto const trace = trace_of(server, "10s");
  EXPECT_THAT(complaints_about(trace), ::testing::IsEmpty());
  std::map<std::string, int> slices;
  for (auto const& event : trace["traceEvents"])
    if (event["ph"] == "B")
      ++slices[event["args"]["key"].get<std::string>() + ": " + event["args"]["outcome"].get<std::string>()];
  EXPECT_EQ(slices, (std::map<std::string, int>{{"a: released", 20}, {"held: holds now", 1}, {"waits: waits now", 1}}));
  EXPECT_EQ(client.ask(request("GET", "/v1/lock/trace?duration=10")).status, 400);
}

TEST(trace, is_followed_by_the_answer_to_the_next_request_and_comes_without_chunks_where_these_are_unknown) {
  running_server server;
  raw_client client(server.port()), old(server.port());
  for (int i = 0; i < 500; ++i) client.ask(request("GET", "/v1/kv/" + std::string(1000, 'k')));
  client.send(request("HEAD", "/v1/lock/trace") + request("GET", "/v1/lock/trace") +
              request("GET", "/livez", {}, "Connection: close\r\n"));
  EXPECT_THAT(client.receive_until("\r\n\r\n"), HasSubstr("\r\nTransfer-Encoding: chunked\r\n"));
  auto const both = client.receive_rest();
  auto const end = both.find("\r\n0\r\n\r\nHTTP/1.1 200 OK");
  ASSERT_NE(end, std::string::npos);
  auto const text = content_of(both.substr(0, end + 7));
  EXPECT_GT(text.size(), 1'000'000U) << "several pieces";
  EXPECT_THAT(complaints_about(json::parse(text)), ::testing::IsEmpty());
  old.send("GET /v1/lock/trace HTTP/1.0\r\nHost: test\r\n\r\n");
  old.receive_until("\r\n\r\n");
  EXPECT_EQ(json::parse(old.receive_rest())["traceEvents"], json::parse(text)["traceEvents"]);
}

TEST(trace, of_a_crowded_lock_is_opened_without_a_word) {
  running_server server;
  std::vector<raw_client> clients;
  for (int i = 0; i < 8; ++i) clients.emplace_back(server.port());
  for (int round = 0; round < 25; ++round) {
    for (auto& client : clients) client.send(request("GET", "/v1/kv/a?hold=100us"));
    for (auto& client : clients) client.receive();
  }
  auto const trace = trace_of(server, "60s");
  EXPECT_THAT(complaints_about(trace), ::testing::IsEmpty());
  auto const& events = trace["traceEvents"];
  EXPECT_GE(std::count_if(events.begin(), events.end(), [](json const& one) { return one["ph"] == "s"; }), 100);
}

}  // namespace
}  // namespace holdfast::tests
