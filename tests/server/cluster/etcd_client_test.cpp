#include "server/cluster/etcd_client.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "tests/server/cluster/etcd_process.hpp"
#include "tls/context.hpp"

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;
using kind = etcd_step::kind;

auto soon(std::chrono::milliseconds time = 20s) {
  return etcd_client::clock::now() + time;
}

class etcd_client_test : public testing::Test {
 protected:
  void SetUp() override {
    if (!tests::etcd_process::is_installed()) GTEST_SKIP() << "etcd is not installed (Debian: etcd-server)";
    etcd.emplace();
    client.emplace(etcd->settings().etcd, cancel);
  }

  etcd_error::kind error_of(std::function<void()> const& what) {
    try {
      what();
    } catch (etcd_error const& error) {
      return error.why();
    }
    ADD_FAILURE() << "it has thrown nothing";
    return etcd_error::kind::refused;
  }

  cancel_signal cancel;
  std::optional<tests::etcd_process> etcd;
  std::optional<etcd_client> client;
};

TEST_F(etcd_client_test, every_byte_of_keys_and_values_comes_back) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (std::size_t cut = 0; cut < 4; ++cut)
    client->transact({}, {{.what = kind::put, .key = "k" + all.substr(cut), .value = all.substr(cut)}}, soon());
  auto const page = client->range("k", "l", 0, 0, soon());
  ASSERT_EQ(page.entries.size(), 4);
  for (auto const& one : page.entries) EXPECT_EQ(one.key, "k" + one.value);
}

TEST_F(etcd_client_test, a_transaction_whose_check_fails_does_nothing) {
  auto const first = client->transact({}, {{.what = kind::put, .key = "a", .value = "1"}}, soon());
  etcd_check const is_new{.which = etcd_check::number::create_revision, .key = "a", .is = 0};
  EXPECT_FALSE(client->transact({is_new}, {{.what = kind::put, .key = "a", .value = "2"}}, soon()).succeeded);
  etcd_check const unchanged{.which = etcd_check::number::mod_revision, .key = "a", .is = first.revision};
  EXPECT_TRUE(client->transact({unchanged}, {{.what = kind::put, .key = "a", .value = "3"}}, soon()).succeeded);
  EXPECT_EQ(client->range("a", {}, 0, 0, soon()).entries.at(0).value, "3");
}

TEST_F(etcd_client_test, a_lease_that_is_gone_is_not_kept_alive_and_takes_its_keys_with_it) {
  auto const lease = client->grant(5s, soon());
  EXPECT_GE(lease.time, 1s);
  client->transact({}, {{.what = kind::put, .key = "a", .value = "1", .lease = lease.id}}, soon());
  EXPECT_TRUE(client->keep_alive(lease.id, soon()));
  client->revoke(lease.id, soon());
  EXPECT_FALSE(client->keep_alive(lease.id, soon()));
  EXPECT_TRUE(client->range("a", {}, 0, 0, soon()).entries.empty());
}

TEST_F(etcd_client_test, an_endpoint_that_is_not_there_is_passed_over) {
  auto settings = etcd->settings().etcd;
  settings.endpoints.insert(settings.endpoints.begin(), "http://127.0.0.1:1");
  etcd_client other(settings, cancel);
  EXPECT_TRUE(other.range("a", {}, 0, 0, soon()).entries.empty());
  EXPECT_EQ(other.endpoint(), etcd->url());
}

TEST_F(etcd_client_test, a_silent_etcd_is_waited_for_no_longer_than_allowed_and_used_again_later) {
  etcd->pause();
  auto const began = etcd_client::clock::now();
  EXPECT_EQ(error_of([&] { static_cast<void>(client->range("a", {}, 0, 0, soon(300ms))); }),
            etcd_error::kind::unreachable);
  EXPECT_LT(etcd_client::clock::now() - began, 5s);
  etcd->go_on();
  EXPECT_TRUE(client->range("a", {}, 0, 0, soon()).entries.empty());
}

TEST_F(etcd_client_test, a_wait_ends_when_it_is_cancelled) {
  client->watch("a", "b", 1, soon());
  std::thread other([&] { cancel.set(); });
  EXPECT_EQ(error_of([&] { static_cast<void>(client->next_events(soon(60s))); }), etcd_error::kind::cancelled);
  other.join();
}

TEST_F(etcd_client_test, a_watch_tells_all_changes_in_their_order_and_its_begin_may_be_compacted) {
  auto const first = client->transact({}, {{.what = kind::put, .key = "a", .value = "1"}}, soon()).revision;
  client->transact({}, {{.what = kind::put, .key = "a", .value = std::string(1'000'000, 'x')}}, soon());
  auto const last = client->transact({}, {{.what = kind::remove, .key = "a"}}, soon()).revision;
  client->watch("a", "b", first, soon());
  std::vector<etcd_event> events;
  while (events.size() < 3) {
    auto more = client->next_events(soon());
    ASSERT_FALSE(more.empty());
    for (auto& one : more) events.push_back(std::move(one));
  }
  EXPECT_EQ(events[0].entry.value, "1");
  EXPECT_EQ(events[1].entry.value.size(), 1'000'000);
  EXPECT_TRUE(events[2].is_removal);
  EXPECT_EQ(events[2].entry.mod_revision, last);
  // Nothing more.
  EXPECT_TRUE(client->next_events(soon(50ms)).empty());

  client->compact(last, soon());
  client->compact(last, soon());  // as another leader would
  client->watch("a", "b", first, soon());
  EXPECT_EQ(error_of([&] { static_cast<void>(client->next_events(soon())); }), etcd_error::kind::compacted);
}

TEST_F(etcd_client_test, its_size_and_quota_are_known) {
  auto const status = client->status(soon());
  EXPECT_GT(status.bytes, 0);
  EXPECT_EQ(status.bytes_max, 2ULL * 1024 * 1024 * 1024);
}

TEST_F(etcd_client_test, the_last_key_of_a_range_is_found) {
  EXPECT_FALSE(client->last("a/", "a0", soon()));
  for (auto const* const key : {"a/1", "a/3", "a/2", "b/4"})
    client->transact({}, {{.what = kind::put, .key = key, .value = std::string("value of ") + key}}, soon());
  auto const last = client->last("a/", "a0", soon());
  ASSERT_TRUE(last);
  EXPECT_EQ(last->key, "a/3");
  EXPECT_EQ(last->value, "value of a/3");
}

TEST_F(etcd_client_test, a_watch_may_leave_removals_out) {
  auto const first = client->transact({}, {{.what = kind::put, .key = "a", .value = "1"}}, soon()).revision;
  client->transact({}, {{.what = kind::remove, .key = "a"}}, soon());
  client->transact({}, {{.what = kind::put, .key = "a", .value = "2"}}, soon());
  client->watch("a", "b", first, soon(), etcd_client::watched::puts);
  std::string values;
  while (values.size() < 2)
    for (auto const& one : client->next_events(soon())) {
      EXPECT_FALSE(one.is_removal);
      values += one.entry.value;
    }
  EXPECT_EQ(values, "12");
}

TEST(etcd_client_files, one_that_is_not_there_is_refused_with_its_flag_and_the_reason) {
  cancel_signal const cancel;
  try {
    etcd_client const client({.endpoints = {"https://127.0.0.1:1"}, .ca_certificate = "/nope"}, cancel);
    ADD_FAILURE() << "it was not";
  } catch (tls::error const& error) {
    std::string const text = error.what();
    EXPECT_NE(text.find("--etcd-ca"), std::string::npos) << text;
    EXPECT_NE(text.find("'/nope': No such file or directory"), std::string::npos) << text;
  }
}

TEST(etcd_client_urls, what_is_no_url_is_refused) {
  cancel_signal const cancel;
  for (auto const* const bad : {"", "127.0.0.1:2379", "http://", "http://a:b", "http://a/b:1"})
    EXPECT_THROW(etcd_client({.endpoints = {bad}}, cancel), std::invalid_argument) << bad;
  EXPECT_THROW(etcd_client({}, cancel), std::invalid_argument);
  etcd_client({.endpoints = {"http://a", "http://[::1]:1", "http://b:2379/"}}, cancel);
}

}  // namespace
}  // namespace holdfast::server
