#include "server/cluster/copy_keeper.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "server/cluster/etcd_upkeep.hpp"
#include "tests/server/cluster/leaders.hpp"

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;

class beside_a_leader : public tests::with_leaders {
 protected:
  void SetUp() override {
    with_leaders::SetUp();
    if (!IsSkipped()) begin();
  }

  void put(std::string const& key) { commit({changes.put(key)}); }

  static bool comes_to(std::function<bool()> const& wanted) {
    auto const until = soon();
    while (!wanted() && etcd_client::clock::now() < until) std::this_thread::sleep_for(5ms);
    return wanted();
  }
};

TEST_F(beside_a_leader, a_copy_follows_the_commits_and_says_how_far_behind_it_is) {
  put("before");
  copy_keeper copy(settings);
  ASSERT_TRUE(comes_to([&] { return copy.now().is_following && copy.now().revision == 1; }));
  EXPECT_FALSE(copy.now().lag) << "of a commit whose arrival it has not seen";
  put("after");
  ASSERT_TRUE(comes_to([&] { return copy.now().revision == 2; }));
  ASSERT_TRUE(copy.now().lag);
  EXPECT_LT(*copy.now().lag, 10s);
  auto const taken = copy.take();
  EXPECT_EQ(taken.last().revision, journal->last_revision());
  EXPECT_EQ(taken.entries().size(), 2U);
}

// The copy waited for revisions that the restored etcd had not reached, and missed all that came until then. The next
// leader had it for the data.
TEST_F(beside_a_leader, a_copy_is_read_again_after_etcd_was_restored) {
  put("kept");
  etcd->save();
  auto const saved = changes;
  std::atomic<int> loads{0}, discards{0};
  copy_keeper copy(
      settings, [&](auto) { ++loads; },
      [&](notice const& news) { discards += news.what == notice::kind::copy_discarded ? 1 : 0; });
  for (auto const* const key : {"lost/1", "lost/2", "lost/3", "lost/4", "lost/5", "lost/6"}) put(key);
  ASSERT_TRUE(comes_to([&] { return copy.now().is_following && copy.now().revision == 7; }));
  etcd->restore();
  ASSERT_TRUE(comes_to([&] { return copy.now().is_following && copy.now().revision == 1; }));
  changes = saved;
  begin();
  put("new");
  ASSERT_TRUE(comes_to([&] { return copy.now().revision == 2; }));
  EXPECT_EQ(loads, 2);
  EXPECT_EQ(discards, 1);
  auto const taken = copy.take();
  EXPECT_EQ(taken.last().revision, journal->last_revision());
  EXPECT_EQ(taken.entries().size(), 2U);
}

TEST_F(beside_a_leader, a_copy_goes_on_without_reading_all_again_when_etcd_has_restarted) {
  put("before");
  std::atomic<int> loads{0};
  copy_keeper copy(settings, [&](auto) { ++loads; });
  ASSERT_TRUE(comes_to([&] { return copy.now().is_following; }));
  etcd->save();
  put("after");
  ASSERT_TRUE(comes_to([&] { return copy.now().revision == 2; }));
  EXPECT_EQ(loads, 1);
}

TEST_F(beside_a_leader, a_copy_says_why_it_cannot_follow_and_when_it_can_again) {
  std::mutex mutex;
  std::vector<notice> notices;
  copy_keeper copy(settings, {}, [&](notice const& news) {
    std::lock_guard const lock(mutex);
    notices.push_back(news);
  });
  auto const last_is = [&](notice::kind what) {
    return comes_to([&] {
      std::lock_guard const lock(mutex);
      return !notices.empty() && notices.back().what == what;
    });
  };
  ASSERT_TRUE(comes_to([&] { return copy.now().is_following; }));
  {
    std::lock_guard const lock(mutex);
    EXPECT_TRUE(notices.empty());
  }
  etcd->stop();
  ASSERT_TRUE(last_is(notice::kind::etcd_fails));
  etcd->start();
  EXPECT_TRUE(last_is(notice::kind::etcd_answers));
  std::lock_guard const lock(mutex);
  EXPECT_NE(notices.front().text.find(etcd->url()), std::string::npos);
}

// Without a commit its time is 1970.
TEST_F(beside_a_leader, a_copy_of_a_database_without_commits_has_no_lag) {
  settings.name = "another";
  copy_keeper copy(settings);
  ASSERT_TRUE(comes_to([&] { return copy.now().is_following; }));
  begin();
  auto const looks_until = etcd_client::clock::now() + 100ms;
  while (etcd_client::clock::now() < looks_until) {
    ASSERT_FALSE(copy.now().lag);
    std::this_thread::sleep_for(1ms);
  }
  put("first");
  ASSERT_TRUE(comes_to([&] { return copy.now().lag.has_value(); }));
  EXPECT_LT(*copy.now().lag, 10s);
}

// The snapshot has the leader's place as well, and its lease.
TEST_F(beside_a_leader, its_upkeep_tells_that_etcd_was_restored_to_less_than_was_committed) {
  etcd->save();
  put("lost");
  std::mutex mutex;
  std::string reason;
  etcd_upkeep upkeep(settings, place, *journal, [&](std::string const& why) {
    std::lock_guard const lock(mutex);
    reason = why;
  });
  etcd->restore();
  EXPECT_TRUE(comes_to([&] {
    std::lock_guard const lock(mutex);
    return reason.find("restored") != std::string::npos;
  }));
}

TEST_F(beside_a_leader, its_upkeep_compacts_and_tells_of_a_silent_etcd_and_of_another_leader) {
  settings.compaction_period = 1ms;
  std::atomic<bool> is_lost{false};
  etcd_upkeep upkeep(settings, place, *journal, [&](auto const&) { is_lost = true; });
  auto const first = client->range("a", {}, 0, 0, soon()).revision;
  auto const is_compacted = [&] {
    put("x");
    try {
      static_cast<void>(client->range("a", {}, first, 0, soon()));
      return false;
    } catch (etcd_error const& error) {
      return error.why() == etcd_error::kind::compacted;
    }
  };
  ASSERT_TRUE(comes_to(is_compacted));
  EXPECT_GT(upkeep.latency(), 0ns);
  etcd->pause();
  ASSERT_TRUE(comes_to([&] { return etcd_upkeep::clock::now() - upkeep.answered_at() > 1500ms; }));
  etcd->go_on();
  ASSERT_TRUE(comes_to([&] { return etcd_upkeep::clock::now() - upkeep.answered_at() < 500ms; }));
  EXPECT_FALSE(is_lost);
  remove(place.key);
  EXPECT_TRUE(comes_to([&] { return is_lost.load(); }));
}

}  // namespace
}  // namespace holdfast::server
