// The client over TLS, against the real server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <optional>

#include "client/connection.hpp"
#include "client/line_stream.hpp"
#include "client/load/run.hpp"
#include "server/app/healthcheck.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/tls_files.hpp"
#include "tls/context.hpp"

namespace holdfast::tests {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

struct tls_client : ::testing::Test {
  void start(std::string const& names = "DNS:localhost,IP:127.0.0.1", std::chrono::seconds expires_in = 1h,
             std::string const& client_ca = {}) {
    auto const identity = files.issue("server", names, expires_in);
    auto settings = running_server::test_settings();
    settings.tls = {.certificate = identity.certificate, .key = identity.key, .client_ca = client_ca};
    server.emplace(settings);
    at = client::parse_server_url("https://127.0.0.1:" + std::to_string(server->port())).value();
    at.trust.ca_certificate = files.authority();
  }

  template <class T>
  static T run(boost::asio::io_context& context, client::awaitable<T> what) {
    std::optional<T> outcome;
    boost::asio::co_spawn(context, std::move(what), [&](std::exception_ptr const& thrown, T got) {
      EXPECT_FALSE(thrown);
      outcome.emplace(std::move(got));
    });
    context.run();
    context.restart();
    return std::move(outcome.value());
  }

  [[nodiscard]] client::connection connection(boost::asio::io_context& context) const {
    client::connection_settings settings;
    settings.server = at;
    return {context.get_executor(), settings};
  }

  /// The client's error message for its server; empty: no error.
  [[nodiscard]] std::string complaint() const {
    boost::asio::io_context context(1);
    auto asking = connection(context);
    auto const got = run(context, asking.fetch("/v1/settings"));
    return got ? std::string() : got.error().message;
  }

  tls_files files;
  std::optional<running_server> server;
  client::endpoint at;
};

TEST_F(tls_client, values_go_both_ways_on_a_kept_connection) {
  start();
  boost::asio::io_context context(1);
  auto asking = connection(context);
  ASSERT_TRUE(run(context, asking.connect()));
  auto const port = asking.peer();
  std::string const value = '"' + std::string(500'000, 'x') + '"';
  ASSERT_TRUE(run(context, asking.put("a", value)));
  auto const got = run(context, asking.get("a"));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_TRUE(got->value == value);
  EXPECT_TRUE(asking.is_open());
  EXPECT_EQ(asking.peer(), port);
}

TEST_F(tls_client, a_new_connection_resumes_the_session_of_the_last_one_under_the_same_trust_alone) {
  start();
  auto const kept = tls::client_context(at.trust);
  auto const resumed = [&] {
    auto const metrics = server->connect().ask(request("GET", "/metrics")).body;
    std::string_view const name = "result=\"resumed\"} ";
    auto const figure = metrics.find(name);
    return figure == std::string::npos ? -1 : std::stoi(metrics.substr(figure + name.size()));
  };
  EXPECT_EQ(complaint(), "");
  EXPECT_EQ(resumed(), 0);
  EXPECT_EQ(complaint(), "");
  EXPECT_EQ(resumed(), 1);
  EXPECT_EQ(complaint(), "") << "also of a session that was resumed";
  EXPECT_EQ(resumed(), 2);
  at.trust.accept_any = true;
  EXPECT_EQ(complaint(), "");
  EXPECT_EQ(resumed(), 2) << "the other context knows no session";
  at.trust.accept_any = false;
  tls_files strangers;
  at.trust.ca_certificate = strangers.authority();
  EXPECT_THAT(complaint(), HasSubstr("--ca-cert"));
}

TEST_F(tls_client, a_stream_is_read_line_by_line) {
  start();
  boost::asio::io_context context(1);
  auto asking = connection(context);
  ASSERT_TRUE(run(context, asking.put("a", "1")));
  client::line_stream lines(context.get_executor(), at);
  ASSERT_TRUE(run(context, lines.open("/v1/watch?prefix=a&initial=true&format=ndjson")));
  auto const line = run(context, lines.next());
  ASSERT_TRUE(line && *line);
  EXPECT_THAT(**line, HasSubstr("\"key\":\"a\""));
}

TEST_F(tls_client, an_authority_that_is_not_trusted_is_named_with_what_to_do) {
  start();
  at.trust = {};
  EXPECT_THAT(complaint(), HasSubstr("--ca-cert"));
  tls_files strangers;
  at.trust.ca_certificate = strangers.authority();
  EXPECT_THAT(complaint(), HasSubstr("--ca-cert"));
  at.trust = {};
  at.trust.accept_any = true;
  EXPECT_EQ(complaint(), "");
  at.trust = {};
  at.trust.ca_certificate = files.authority();
  EXPECT_EQ(complaint(), "");
  at.trust.ca_certificate = files.path("none.pem");
  EXPECT_THAT(complaint(), HasSubstr("none.pem"));
}

TEST_F(tls_client, a_certificate_for_another_host_is_refused) {
  start("DNS:elsewhere.example");
  EXPECT_THAT(complaint(), HasSubstr("another host name"));
  server.reset();
  start("DNS:localhost");
  EXPECT_THAT(complaint(), HasSubstr("another host name"));
  auto const by_name = client::parse_server_url("https://localhost:" + std::to_string(server->port())).value();
  at.host = by_name.host;
  EXPECT_EQ(complaint(), "");
}

TEST_F(tls_client, a_certificate_that_has_expired_is_refused) {
  start("IP:127.0.0.1", -1s);
  EXPECT_THAT(complaint(), HasSubstr("expired"));
}

TEST_F(tls_client, a_client_certificate_is_shown) {
  auto const ours = files.issue("client", "DNS:client");
  start("IP:127.0.0.1", 1h, files.authority());
  EXPECT_NE(complaint(), "");
  at.trust.client_certificate = ours.certificate;
  at.trust.client_key = ours.key;
  EXPECT_EQ(complaint(), "");
  // The same with the health check.
  tls::client_trust trust{.client_certificate = ours.certificate, .client_key = ours.key, .accept_any = true};
  EXPECT_EQ(server::check_health("127.0.0.1", server->port(), 5s, tls::client_context(trust)), "");
  EXPECT_NE(server::check_health("127.0.0.1", server->port(), 5s, tls::client_context({.accept_any = true})), "");
}

TEST_F(tls_client, plain_http_and_https_name_each_other) {
  start();
  at.is_tls = false;
  EXPECT_THAT(complaint(), HasSubstr("https://"));
  running_server plain;
  at = client::parse_server_url("https://127.0.0.1:" + std::to_string(plain.port())).value();
  EXPECT_THAT(complaint(), HasSubstr("does not speak TLS"));
}

TEST_F(tls_client, load_is_made_over_tls) {
  start();
  client::load::load_settings settings;
  settings.connection.server = at;
  settings.connections = 8;
  settings.pipeline = 4;
  settings.duration = 200ms;
  settings.workload.keys = 50;
  settings.workload.mix = client::load::parse_mix("get=80,put=20").value();
  settings.verify = true;
  settings.quiet = true;
  client::load::progress silent(nullptr, false);
  auto const report = client::load::run_load(settings, silent);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_GT(report->total.success_count(), 0U);
  EXPECT_EQ(report->total.errors(client::error_kind::untrusted), 0U);
  EXPECT_EQ(report->total.errors(client::error_kind::reset), 0U);
}

}  // namespace
}  // namespace holdfast::tests
