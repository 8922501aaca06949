#include "server/cluster/candidacy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/cluster/etcd_process.hpp"

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;

/// A candidate, and a way to wait for its state.
class candidate {
 public:
  candidate(tests::etcd_process const& etcd, std::string const& name, std::chrono::seconds lease = 2s)
      : standing_(std::make_unique<candidacy>(
            settings_of(etcd, name, lease), "secret of " + name, [this] { changed(); },
            [this](notice const& news) {
              std::lock_guard const lock(mutex_);
              notices_.push_back(news);
              changed_.notify_all();
            })) {}

  candidacy& operator*() { return *standing_; }
  candidacy* operator->() { return standing_.get(); }

  /// True if the state is reached within a time limit.
  bool comes_to(std::function<bool(candidacy::standing const&)> const& wanted) {
    std::unique_lock lock(mutex_);
    // Its first changes come during construction.
    return changed_.wait_for(lock, 20s, [&] { return standing_ && wanted(standing_->now()); });
  }
  /// True if such a notice comes within a time limit. @return its text
  std::optional<std::string> hears(notice::kind what) {
    std::unique_lock lock(mutex_);
    auto const find = [&] { return std::ranges::find(notices_, what, &notice::what); };
    if (!changed_.wait_for(lock, 20s, [&] { return find() != notices_.end(); })) return std::nullopt;
    return find()->text;
  }
  std::ptrdiff_t count(notice::kind what) {
    std::lock_guard const lock(mutex_);
    return std::ranges::count(notices_, what, &notice::what);
  }
  bool leads() {
    return comes_to([](auto const& now) { return now.leads; });
  }

 private:
  static cluster_settings settings_of(tests::etcd_process const& etcd, std::string const& name,
                                      std::chrono::seconds lease) {
    auto settings = etcd.settings();
    settings.lease = lease;
    settings.advertise = "http://" + name;
    return settings;
  }
  void changed() {
    std::lock_guard const lock(mutex_);
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<notice> notices_;
  std::unique_ptr<candidacy> standing_;
};

class candidacy_test : public testing::Test {
 protected:
  void SetUp() override {
    if (!tests::etcd_process::is_installed()) GTEST_SKIP() << "etcd is not installed (Debian: etcd-server)";
    etcd.emplace();
    client.emplace(etcd->settings().etcd, cancel);
  }
  static auto soon() { return etcd_client::clock::now() + 20s; }

  cancel_signal cancel;
  std::optional<tests::etcd_process> etcd;
  std::optional<etcd_client> client;
};

TEST_F(candidacy_test, the_first_leads_and_hands_over_at_once_when_it_resigns) {
  candidate first(*etcd, "a");
  ASSERT_TRUE(first.leads());
  candidate second(*etcd, "b");
  ASSERT_TRUE(second.comes_to([](auto const& now) { return now.leader_url == "http://a"; }));
  EXPECT_FALSE(second->now().leads);
  auto const began = candidacy::clock::now();
  first->resign();
  ASSERT_TRUE(second.leads());
  // Much less than the lease of 2 s.
  EXPECT_LT(candidacy::clock::now() - began, 1s);
  EXPECT_GT(second->now().term, first->now().term);
  EXPECT_FALSE(first->now().leads);
}

// The margin was the same for all leases, and too small for long ones.
TEST_F(candidacy_test, a_leader_counts_on_its_lease_for_two_percent_less_than_it_lasts) {
  candidate one(*etcd, "a", 50s);
  ASSERT_TRUE(one.leads());
  auto const place = one->place();
  ASSERT_TRUE(place);
  EXPECT_LE(place->valid_until(), candidacy::clock::now() + 49s);
  EXPECT_GT(place->valid_until(), candidacy::clock::now() + 29s);
}

TEST_F(candidacy_test, all_candidates_share_the_secret_of_the_first) {
  candidate first(*etcd, "a");
  ASSERT_TRUE(first.leads());
  EXPECT_EQ(first->secret(), "secret of a");
  candidate second(*etcd, "b");
  ASSERT_TRUE(second.comes_to([](auto const& now) { return !now.key.empty(); }));
  EXPECT_EQ(second->secret(), "secret of a");
  first->resign();
  ASSERT_TRUE(second.leads());
  EXPECT_EQ(second->secret(), "secret of a");
}

TEST_F(candidacy_test, one_that_has_vanished_is_followed_when_its_lease_ends) {
  auto const lease = client->grant(2s, soon());
  auto const ends_at = candidacy::clock::now() + lease.time;
  client->transact({},
                   {{.what = etcd_step::kind::put,
                     .key = etcd->settings().candidates() + "vanished",
                     .value = "http://vanished",
                     .lease = lease.id}},
                   soon());
  candidate next(*etcd, "b");
  ASSERT_TRUE(next.comes_to([](auto const& now) { return now.leader_url == "http://vanished"; }));
  ASSERT_TRUE(next.leads());
  EXPECT_GE(candidacy::clock::now(), ends_at - 200ms);
}

TEST_F(candidacy_test, a_leader_that_cannot_reach_etcd_knows_before_its_lease_ends_and_stands_again) {
  candidate one(*etcd, "a");
  ASSERT_TRUE(one.leads());
  auto const term = one->now().term;
  etcd->pause();
  auto const paused_at = candidacy::clock::now();
  ASSERT_TRUE(one.comes_to([](auto const& now) { return !now.leads; }));
  EXPECT_LT(candidacy::clock::now() - paused_at, 2s);
  EXPECT_LE(one->valid_until(), candidacy::clock::now());
  etcd->go_on();
  ASSERT_TRUE(one.comes_to([&](auto const& now) { return now.leads && now.term > term; }));
  // An operator reads in the log what happened.
  EXPECT_NE(one.hears(notice::kind::etcd_fails).value_or("").find("no answer from etcd"), std::string::npos);
  EXPECT_NE(one.hears(notice::kind::place_lost).value_or("").find("no answer from etcd"), std::string::npos);
  EXPECT_TRUE(one.hears(notice::kind::etcd_answers));
  EXPECT_EQ(one.count(notice::kind::place_lost), 1);
}

TEST_F(candidacy_test, a_leader_keeps_its_place_longer_than_a_lease_and_loses_it_with_its_key) {
  candidate one(*etcd, "a");
  ASSERT_TRUE(one.leads());
  auto const before = one->now();
  auto const first_end = one->valid_until();
  // Until two extensions.
  ASSERT_FALSE(first_end == candidacy::clock::time_point());
  auto const wanted = first_end + 1s;
  auto const until = candidacy::clock::now() + 20s;
  while (one->valid_until() < wanted && candidacy::clock::now() < until) std::this_thread::sleep_for(10ms);
  EXPECT_GE(one->valid_until(), wanted);
  EXPECT_EQ(one->now(), before);
  client->transact({}, {{.what = etcd_step::kind::remove, .key = before.key}}, soon());
  ASSERT_TRUE(one.comes_to([&](auto const& now) { return now.leads && now.term > before.term; }));
  EXPECT_NE(one.hears(notice::kind::place_lost).value_or("").find("was removed"), std::string::npos);
  EXPECT_EQ(one.count(notice::kind::place_lost), 1);
}

TEST_F(candidacy_test, one_that_resigns_has_lost_nothing) {
  candidate one(*etcd, "a");
  ASSERT_TRUE(one.leads());
  one->resign();
  EXPECT_EQ(one.count(notice::kind::place_lost), 0);
  EXPECT_EQ(one.count(notice::kind::etcd_fails), 0);
}

// Two servers with the same URL: the standbys forward to the wrong one of them.
TEST_F(candidacy_test, another_candidate_with_the_same_url_is_reported_with_its_key) {
  candidate one(*etcd, "a"), another(*etcd, "b");
  ASSERT_TRUE(one.comes_to([](auto const& now) { return now.term != 0; }));
  candidate same(*etcd, "a");
  ASSERT_TRUE(same.comes_to([](auto const& now) { return now.term != 0; }));
  EXPECT_EQ(one.hears(notice::kind::url_is_shared), same->now().key);
  EXPECT_EQ(same.count(notice::kind::url_is_shared), 0) << "the older may be its own earlier run";
  EXPECT_EQ(same.hears(notice::kind::url_is_shared), one->now().key) << "but not longer than a lease";
  EXPECT_EQ(another.count(notice::kind::url_is_shared), 0);
}

// Its clock would otherwise say that the earlier leader, which may have slept meanwhile, still leads.
TEST_F(candidacy_test, a_place_that_has_ended_does_not_come_back_with_the_next_one) {
  candidate one(*etcd, "a");
  ASSERT_TRUE(one.leads());
  auto const first = one->place();
  ASSERT_TRUE(first);
  EXPECT_GT(first->valid_until(), candidacy::clock::now());
  client->transact({}, {{.what = etcd_step::kind::remove, .key = first->key}}, soon());
  ASSERT_TRUE(one.comes_to([&](auto const& now) { return now.leads && now.term > first->term; }));
  EXPECT_LT(first->valid_until(), candidacy::clock::now());
  ASSERT_TRUE(one->place());
  EXPECT_GT(one->place()->valid_until(), candidacy::clock::now());
}

}  // namespace
}  // namespace holdfast::server
