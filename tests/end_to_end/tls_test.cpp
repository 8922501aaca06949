// The server over TLS, with OpenSSL's own client functions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <ctime>
#include <filesystem>
#include <optional>
#include <thread>
#include <vector>

#include "server/net/tls_certificates.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/support/stopwatch.hpp"
#include "tests/support/tls_files.hpp"

namespace holdfast::tests {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

struct tls : ::testing::Test {
  tls() {
    auto const identity = files.issue("server");
    settings.tls = {.certificate = identity.certificate, .key = identity.key, .client_ca = {}};
  }

  void start() { server.emplace(settings); }

  [[nodiscard]] raw_client connect(int receive_buffer_bytes = 0) const {
    return {server->port(), tls_terms{.ca_file = files.authority()}, receive_buffer_bytes};
  }

  /// The error that a client with these settings gets in the handshake or as the answer to its first request; empty:
  /// none.
  [[nodiscard]] std::string refusal(tls_terms const& terms) const {
    try {
      raw_client client(server->port(), terms);
      client.send(request("GET", "/livez"));
      client.receive();
      return {};
    } catch (std::runtime_error const& error) {
      return error.what();
    }
  }

  [[nodiscard]] double metric(std::string const& name) const {
    auto const text = server->connect().ask(request("GET", "/metrics")).body;
    auto const at = text.find('\n' + name + ' ');
    return at == std::string::npos ? -1 : std::stod(text.substr(at + 1 + name.size()));
  }

  /// Waits until the metric exists, because reload() runs on a thread of the server.
  void await_metric(std::string const& name, double wanted) const {
    stopwatch const watch;
    while (metric(name) != wanted && watch.elapsed_ms() < 20'000) std::this_thread::yield();
    EXPECT_EQ(metric(name), wanted);
  }

  tls_files files;
  server::settings settings = running_server::test_settings();
  std::optional<running_server> server;
};

std::string value_of(std::size_t bytes) {
  std::string text(bytes, '"');
  for (std::size_t i = 1; i + 1 < bytes; ++i) text[i] = static_cast<char>('a' + i * i % 23);
  return text;
}

TEST_F(tls, a_request_is_answered_and_the_connection_is_kept) {
  start();
  auto client = connect();
  EXPECT_EQ(client.version(), "TLSv1.3");
  EXPECT_EQ(client.protocol(), "http/1.1");
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(client.ask(request("PUT", "/v1/kv/a", std::to_string(i))).status, i ? 204U : 201U);
  EXPECT_EQ(client.ask(request("GET", "/v1/kv/a")).body, "2");
}

TEST_F(tls, a_request_may_come_in_records_of_one_byte) {
  start();
  auto client = connect();
  client.send_by_one(request("PUT", "/v1/kv/a", "[1,2,3]"));
  EXPECT_EQ(client.receive().status, 201U);
  client.send_by_one(request("GET", "/v1/kv/a") + request("GET", "/v1/kv/a"));
  EXPECT_EQ(client.receive().body, "[1,2,3]");
  EXPECT_EQ(client.receive().body, "[1,2,3]");
}

// More than one read takes, so that some of it stays inside OpenSSL, where the socket does not show it.
TEST_F(tls, requests_in_a_pipeline_are_all_answered) {
  start();
  auto client = connect();
  ASSERT_EQ(client.ask(request("PUT", "/v1/kv/a", "1")).status, 201U);
  constexpr int each = 3'000;
  std::string many;
  for (int i = 0; i < each; ++i) many += request("HEAD", "/livez");
  ASSERT_GT(many.size(), 100'000U);
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(client.send(many + request("GET", "/v1/kv/a")));
    for (int i = 0; i < each; ++i) ASSERT_EQ(client.receive(true).status, 200U);
    ASSERT_EQ(client.receive().body, "1");
  }
}

TEST_F(tls, values_of_a_megabyte_go_both_ways) {
  start();
  auto const value = value_of(1024 * 1024);
  auto client = connect();
  EXPECT_EQ(client.ask(request("PUT", "/v1/kv/a", value)).status, 201U);
  EXPECT_TRUE(client.ask(request("GET", "/v1/kv/a")).body == value);
  auto other = connect();
  EXPECT_TRUE(other.ask(request("GET", "/v1/kv/a")).body == value);
}

TEST_F(tls, a_client_that_reads_slowly_gets_all_and_keeps_nobody_waiting) {
  settings.threads = 1;
  start();
  auto const value = value_of(1024 * 1024);
  auto other = connect();
  ASSERT_EQ(other.ask(request("PUT", "/v1/kv/a", value)).status, 201U);
  auto slow = connect(4096);
  constexpr int answers = 6;
  for (int i = 0; i < answers; ++i) slow.send(request("GET", "/v1/kv/a"));
  for (int i = 0; i < 50; ++i) ASSERT_EQ(other.ask(request("GET", "/livez")).status, 200U);
  for (int i = 0; i < answers; ++i) ASSERT_TRUE(slow.receive().body == value);
}

TEST_F(tls, a_watch_shows_changes_as_they_come) {
  start();
  auto watcher = connect();
  watcher.send(request("GET", "/v1/watch?prefix=a&initial=true&format=ndjson"));
  watcher.receive_until("\"live\"");
  auto writer = connect();
  for (int i = 0; i < 3; ++i) {
    writer.ask(request("PUT", "/v1/kv/a" + std::to_string(i), "1"));
    watcher.receive_until("\"key\":\"a" + std::to_string(i) + '"');
  }
}

TEST_F(tls, a_client_that_hangs_up_while_it_holds_releases_the_lock) {
  start();
  for (bool const orderly : {true, false}) {
    auto holder = connect();
    server->ask_for_lock(holder, request("PUT", "/v1/kv/a?hold=60s", "1"));
    ASSERT_TRUE(server->is_lock_taken());
    if (orderly) {
      holder.half_close();
    } else {
      holder.reset();
    }
    stopwatch const watch;
    while (server->is_lock_taken() && watch.elapsed_ms() < 20'000) std::this_thread::yield();
    EXPECT_FALSE(server->is_lock_taken()) << orderly;
  }
}

// The server read the end together with the request, and so before the hold that the end should have cut short.
TEST_F(tls, a_client_that_hangs_up_along_with_its_request_does_not_hold) {
  start();
  auto holder = connect(), other = connect();
  holder.send_and_leave(request("PUT", "/v1/kv/a?hold=60s", "1"));
  holder.receive_rest();  // the server has ended the connection
  stopwatch const watch;
  EXPECT_EQ(other.ask(request("GET", "/v1/kv/a")).body, "1");
  EXPECT_LT(watch.elapsed_ms(), 20'000);
}

// Renewing the keys of a connection costs the server as much as some requests, and OpenSSL does it in a loop of its
// own.
TEST_F(tls, a_client_that_only_renews_its_keys_is_dropped) {
  settings.threads = 1;
  start();
  auto busy = connect(), other = connect();
  EXPECT_TRUE(busy.renew_keys(100));
  EXPECT_EQ(busy.ask(request("GET", "/livez")).status, 200U);
  for (stopwatch const watch; watch.elapsed_ms() < 20'000 && busy.renew_keys(100);)
    ASSERT_EQ(other.ask(request("GET", "/livez")).status, 200U);
  EXPECT_TRUE(busy.is_dropped_by_peer());
  EXPECT_EQ(other.ask(request("GET", "/livez")).status, 200U);
}

TEST_F(tls, a_client_that_hangs_up_while_it_waits_leaves_the_queue) {
  start();
  auto holder = connect(), waiting = connect();
  server->ask_for_lock(holder, request("PUT", "/v1/kv/a?hold=60s", "1"));
  server->ask_for_lock(waiting, request("PUT", "/v1/kv/b?hold=60s", "1"));
  await_metric("holdfast_lock_waiting", 1);
  waiting.notify_close();
  await_metric("holdfast_lock_waiting", 0);
  EXPECT_TRUE(server->is_lock_taken());
  holder.reset();
}

TEST_F(tls, a_drain_ends_connections_by_close_notify) {
  start();
  auto client = connect();
  ASSERT_EQ(client.ask(request("GET", "/livez")).status, 200U);
  server->stop();
  EXPECT_TRUE(client.is_closed_by_peer());
  EXPECT_TRUE(server->ends_within(20s));
}

TEST_F(tls, a_connection_that_the_client_ends_is_ended_by_close_notify_too) {
  start();
  auto client = connect();
  ASSERT_EQ(client.ask(request("GET", "/livez", {}, "Connection: close\r\n")).status, 200U);
  EXPECT_TRUE(client.is_closed_by_peer());
}

TEST_F(tls, a_handshake_has_as_long_as_a_header) {
  settings.sessions.header_timeout = std::chrono::milliseconds(sanitized ? 3000 : 200);
  settings.sessions.idle_timeout = 60s;
  start();
  auto client = connect();
  raw_client silent(server->port()), stuck(server->port());
  stuck.send("\x16\x03\x01\x02");  // the beginning of a record
  stopwatch const watch;
  EXPECT_TRUE(silent.is_dropped_by_peer());
  EXPECT_TRUE(stuck.is_dropped_by_peer());
  EXPECT_LT(watch.elapsed_ms(), 20'000);
  EXPECT_EQ(metric("holdfast_tls_handshakes_total{result=\"failed\"}"), 2);
  // Clients that have completed the handshake are not subject to this limit.
  EXPECT_EQ(client.ask(request("GET", "/livez")).status, 200U);
}

TEST_F(tls, plain_http_is_told_to_use_https) {
  start();
  raw_client plain(server->port());
  auto const answer = plain.ask(request("PUT", "/v1/kv/a", value_of(100'000)));
  EXPECT_EQ(answer.status, 400U);
  EXPECT_THAT(answer.body, HasSubstr("https://"));
  EXPECT_TRUE(plain.is_closed_by_peer());
  EXPECT_EQ(connect().ask(request("GET", "/v1/kv/a")).status, 404U);
}

TEST_F(tls, noise_is_no_handshake) {
  start();
  raw_client noise(server->port());
  noise.send(std::string(1000, '\x01'));
  noise.receive_rest();
  await_metric("holdfast_tls_handshakes_total{result=\"failed\"}", 1);
}

TEST_F(tls, versions_before_1_2_are_refused) {
  start();
  EXPECT_THAT(refusal({.version_min = 0x0301, .version_max = 0x0302}), HasSubstr("protocol version"));
  EXPECT_EQ(refusal({.version_min = 0x0303, .version_max = 0x0303}), "");
  EXPECT_EQ(refusal({.version_min = 0x0304, .version_max = 0x0304}), "");
}

TEST_F(tls, a_renegotiation_is_refused) {
  start();
  raw_client client(server->port(), tls_terms{.version_max = 0x0303});
  ASSERT_EQ(client.ask(request("GET", "/livez")).status, 200U);
  EXPECT_FALSE(client.renegotiate());
}

TEST_F(tls, a_client_certificate_may_be_required) {
  auto const client = files.issue("client", "DNS:client");
  tls_files strangers;
  auto const stranger = strangers.issue("client", "DNS:client");
  settings.tls.client_ca = files.authority();
  start();
  EXPECT_NE(refusal({}), "");
  EXPECT_NE(refusal({.certificate = stranger.certificate, .key = stranger.key}), "");
  EXPECT_EQ(refusal({.certificate = client.certificate, .key = client.key}), "");
}

TEST_F(tls, a_certificate_is_exchanged_under_load_without_a_failed_request) {
  start();
  std::atomic<bool> stop{false};
  std::atomic<int> answered{0}, failed{0};
  auto const ask = [&](raw_client& client) {
    try {
      client.ask(request("GET", "/livez")).status == 200U ? ++answered : ++failed;
    } catch (std::runtime_error const&) {
      ++failed;
    }
  };
  std::thread kept([&] {
    auto client = connect();
    while (!stop) ask(client);
  });
  std::thread anew([&] {
    while (!stop) {
      try {
        auto client = connect();
        ask(client);
      } catch (std::runtime_error const&) {
        ++failed;
      }
    }
  });
  auto const before = connect().certificate_serial();
  constexpr int exchanges = 5;
  for (int i = 1; i <= exchanges; ++i) {
    files.issue("server");
    server->reload();
    await_metric("holdfast_tls_certificate_reloads_total{result=\"taken\"}", i);
    auto const seen = answered.load();
    stopwatch const watch;
    while (answered < seen + 20 && watch.elapsed_ms() < 20'000) std::this_thread::yield();
  }
  stop = true;
  kept.join();
  anew.join();
  EXPECT_EQ(failed, 0);
  EXPECT_GT(answered, 20 * exchanges);
  EXPECT_EQ(metric("holdfast_tls_certificate_reloads_total{result=\"taken\"}"), exchanges);
  EXPECT_EQ(std::stol(connect().certificate_serial()), std::stol(before) + exchanges);
}

TEST_F(tls, a_certificate_that_can_not_be_used_leaves_the_old_one) {
  start();
  auto const before = connect().certificate_serial();
  auto const not_after = metric("holdfast_tls_certificate_not_after_seconds");
  EXPECT_NEAR(not_after, static_cast<double>(std::time(nullptr)) + 3600, 60) << "issued for an hour";
  files.write("server.pem", "nothing of the kind");
  server->reload();
  await_metric("holdfast_tls_certificate_reloads_total{result=\"failed\"}", 1);
  EXPECT_EQ(connect().certificate_serial(), before);
  // A valid certificate, but for another key.
  auto const other = files.issue("other");
  std::filesystem::copy_file(other.certificate, files.path("server.pem"),
                             std::filesystem::copy_options::overwrite_existing);
  server->reload();
  await_metric("holdfast_tls_certificate_reloads_total{result=\"failed\"}", 2);
  EXPECT_EQ(connect().certificate_serial(), before);
  EXPECT_EQ(metric("holdfast_tls_certificate_not_after_seconds"), not_after);
}

TEST_F(tls, files_that_change_are_read_again_once_they_rest) {
  server::tls_certificates certificates(settings.tls);
  auto const first = certificates.current();
  certificates.look();
  certificates.look();
  EXPECT_EQ(certificates.current(), first);
  files.issue("server");
  certificates.look();
  EXPECT_EQ(certificates.current(), first);  // its key may not have been replaced yet
  certificates.look();
  EXPECT_NE(certificates.current(), first);
  EXPECT_EQ(certificates.figures().reloads, 1U);
  certificates.look();
  EXPECT_EQ(certificates.figures().reloads, 1U);
}

}  // namespace
}  // namespace holdfast::tests
