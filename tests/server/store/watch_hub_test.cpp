// A hub whose loop and clock are controlled by the test.
#include "server/store/watch_hub.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "tests/support/virtual_time.hpp"

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;
using state = watch_hub::watcher::state;

struct a_hub : testing::Test {
  /// The next change, of one key.
  void change_of(std::string const& key, std::size_t value_bytes = 1) {
    auto const revision = changes.last_revision() + 1;
    changes.append({.sequence = revision,
                    .revision = revision,
                    .key = key,
                    .value = std::make_shared<std::string const>(value_bytes, '1'),
                    .expires_at = {}});
  }

  std::unique_ptr<watch_hub::watcher> watch(std::string key, bool is_prefix, std::optional<std::uint64_t> after = {},
                                            int* rung = nullptr) {
    return std::make_unique<watch_hub::watcher>(hub, std::move(key), is_prefix, after.value_or(hub.last_revision()),
                                                [rung] {
                                                  if (rung != nullptr) ++*rung;
                                                });
  }

  /// The available changes: `1 3 4`, with `lost` if that was reported.
  static std::string taken(watch_hub::watcher& by) {
    std::string text;
    for (auto now = state::more; now != state::in_step;) {
      std::vector<change> some;
      now = by.take(some);
      for (auto const& one : some) text += std::to_string(one.revision) + ' ';
      if (now == state::lost) text += "lost ";
    }
    if (!text.empty()) text.pop_back();
    return text;
  }

  void run() { time.run(5ms); }

  tests::virtual_time time;
  history changes{1000, 10'000'000};
  watch_hub hub{time.loop, changes};
};

TEST_F(a_hub, hands_each_change_to_the_watchers_of_its_key_and_of_its_prefixes_in_order) {
  auto const key = watch("a/1", false), prefix = watch("a/", true), all = watch("", true), other = watch("b", false);
  for (auto const* one : {"a/1", "a/2", "a", "b", "a/1", "a/10"}) change_of(one);
  run();
  EXPECT_EQ(taken(*key), "1 5");
  EXPECT_EQ(taken(*prefix), "1 2 5 6");
  EXPECT_EQ(taken(*all), "1 2 3 4 5 6");
  EXPECT_EQ(taken(*other), "4");
  EXPECT_EQ(taken(*all), "") << "once";
}

// Whoever watches keys that do not change has to hear that the others' changes have been passed on.
TEST_F(a_hub, tells_when_an_expected_revision_has_passed_even_if_it_concerns_others) {
  int rung = 0;
  auto const quiet = watch("quiet", false, {}, &rung);
  quiet->expect(3);
  change_of("busy");
  change_of("busy");
  run();
  EXPECT_EQ(rung, 0);
  change_of("busy");
  run();
  EXPECT_EQ(rung, 1);
  EXPECT_EQ(taken(*quiet), "");
  EXPECT_EQ(quiet->revision(), 3U);
  change_of("busy");
  run();
  EXPECT_EQ(rung, 1) << "once";
  auto gone = watch("quiet", false, {}, &rung);
  gone->expect(5);
  gone.reset();
  change_of("busy");
  run();
  EXPECT_EQ(rung, 1);
}

TEST_F(a_hub, tells_a_watcher_once_until_it_takes) {
  int rung = 0, others = 0;
  auto const one = watch("a", false, {}, &rung), other = watch("b", false, {}, &others);
  change_of("a");
  run();
  change_of("a");
  run();
  EXPECT_EQ(rung, 1);
  EXPECT_EQ(taken(*one), "1 2");
  change_of("a");
  run();
  EXPECT_EQ(rung, 2);
  EXPECT_EQ(others, 0) << "a change of another key is no news";
}

TEST_F(a_hub, looks_at_changes_in_batches_a_pause_apart) {
  int rung = 0;
  auto const one = watch("a", false, {}, &rung);
  change_of("a");
  time.loop.poll();
  EXPECT_EQ(taken(*one), "1") << "the first at once";
  change_of("a");
  time.loop.poll();
  EXPECT_EQ(rung, 1);
  time.skip(watch_hub::pause_time);
  time.loop.poll();
  EXPECT_EQ(rung, 2);
  EXPECT_EQ(taken(*one), "2");
}

TEST_F(a_hub, lets_others_have_their_turn_between_full_batches) {
  auto const one = watch("a", false);
  for (int i = 0; i < 200; ++i) change_of("a");
  time.loop.run_one_turn();
  time.loop.run_one_turn();
  EXPECT_TRUE(one->has_news());
  EXPECT_LT(one->revision(), 200U);
  time.loop.poll();  // without a pause
  std::vector<change> some;
  EXPECT_EQ(one->take(some), state::in_step);
  EXPECT_EQ(some.size(), 200U);
}

TEST_F(a_hub, a_watcher_of_the_past_reads_what_it_wants_from_the_history_and_goes_on_without_a_gap) {
  for (int i = 0; i < 10; ++i) change_of(i % 2 == 0 ? "a" : "b");
  auto const one = watch("a", false, 3);
  EXPECT_TRUE(one->has_news());
  change_of("a");
  run();
  EXPECT_EQ(taken(*one), "5 7 9 11");
  change_of("b");
  change_of("a");
  run();
  EXPECT_EQ(taken(*one), "13");
  EXPECT_EQ(one->revision(), 13U);
}

TEST_F(a_hub, a_watcher_of_nothing_that_happens_knows_how_far_it_has_come) {
  auto const one = watch("none", false), of_past = watch("none", false, 0);
  for (int i = 0; i < 500; ++i) change_of("a");
  run();
  EXPECT_EQ(taken(*one), "");
  EXPECT_EQ(taken(*of_past), "");
  EXPECT_EQ(one->revision(), 500U);
  EXPECT_EQ(of_past->revision(), 500U);
}

TEST_F(a_hub, a_watcher_that_does_not_take_costs_so_much_and_catches_up_from_the_history) {
  auto const slow = watch("", true), quick = watch("", true);
  std::string expected;
  for (int i = 1; i <= 900; ++i) {
    change_of("a");
    run();
    EXPECT_EQ(taken(*quick), std::to_string(i)) << "it is not delayed";
    expected += std::to_string(i) + ' ';
  }
  std::vector<change> first;
  EXPECT_EQ(slow->take(first), state::more);
  EXPECT_EQ(first.size(), watch_hub::queued_changes_max);
  EXPECT_EQ(slow->revision(), watch_hub::queued_changes_max);
  auto const rest = taken(*slow);
  expected.pop_back();
  EXPECT_EQ(rest, expected.substr(expected.find("257")));
}

TEST_F(a_hub, large_values_are_bounded_in_bytes_but_a_single_one_is_handed_out) {
  auto const one = watch("", true);
  change_of("a", 1'000'000);
  run();
  std::vector<change> some;
  EXPECT_EQ(one->take(some), state::in_step);
  EXPECT_EQ(some.size(), 1U);
  for (int i = 0; i < 5; ++i) change_of("a", 30'000);
  run();
  some.clear();
  EXPECT_EQ(one->take(some), state::more);
  EXPECT_EQ(some.size(), 2U);
  EXPECT_EQ(taken(*one), "4 5 6");
}

TEST_F(a_hub, tells_a_watcher_that_changes_are_lost_and_goes_on_behind_them) {
  auto const slow = watch("", true);
  for (int i = 0; i < 3000; ++i) change_of("a");
  run();
  std::vector<change> first;
  EXPECT_EQ(slow->take(first), state::lost) << "the hub itself came too late";
  EXPECT_TRUE(first.empty());
  EXPECT_EQ(slow->revision(), 3000U);
  change_of("a");
  run();
  EXPECT_EQ(taken(*slow), "3001");

  for (int i = 0; i < 300; ++i) change_of("a");
  run();
  for (int i = 0; i < 40; ++i) {
    for (int j = 0; j < 50; ++j) change_of("b");
    run();
  }
  auto const told = taken(*slow);
  EXPECT_TRUE(told.starts_with("3002 3003 ")) << "what was queued for it";
  EXPECT_TRUE(told.ends_with("lost")) << told.substr(told.size() - 50);
}

TEST_F(a_hub, a_watcher_of_a_forgotten_past_is_told_that_it_is_lost) {
  for (int i = 0; i < 1500; ++i) change_of("a");
  EXPECT_TRUE(hub.knows_all_after(500));
  EXPECT_FALSE(hub.knows_all_after(499));
  auto const one = watch("", true, 499), fine = watch("", true, 1498);
  EXPECT_EQ(taken(*one), "lost");
  EXPECT_EQ(taken(*fine), "1499 1500");
}

TEST_F(a_hub, watchers_come_and_go_at_any_moment) {
  std::mt19937 random(7);
  struct one_watcher {
    std::unique_ptr<watch_hub::watcher> watcher;
    std::string key;
    std::uint64_t seen;  // of its key, up to here
  };
  std::vector<one_watcher> all;
  std::vector<std::string> keys{""};  // by revision
  for (int i = 0; i < 3000; ++i) {
    if (all.size() < 20 && random() % 3 == 0) {
      auto key = std::string(1, static_cast<char>('a' + random() % 3));
      auto const after = random() % 2 == 0 ? changes.last_revision()
                                           : std::max<std::uint64_t>(changes.last_revision(), 500) - random() % 500;
      auto const from = std::min(after, changes.last_revision());
      all.push_back({watch(key, random() % 2 == 0, from), key, from});
    }
    for (auto count = random() % 4; count > 0; --count) {
      keys.emplace_back(1, static_cast<char>('a' + random() % 3));
      change_of(keys.back());
    }
    if (random() % 2 == 0) time.loop.run_one_turn();
    if (random() % 4 == 0) run();
    if (!all.empty()) {
      auto& one = all[random() % all.size()];
      std::vector<change> some;
      if (one.watcher->take(some) == state::lost) ADD_FAILURE() << "nothing is forgotten so soon";
      for (auto const& each : some) {
        for (++one.seen; one.seen < each.revision; ++one.seen) ASSERT_NE(keys[one.seen], one.key) << "a gap";
        ASSERT_EQ(each.key, one.key);
        ASSERT_EQ(each.revision, one.seen) << "out of order";
      }
      // Sometimes the last watcher leaves, and the next one comes before the hub's turn.
      if (random() % 20 == 0)
        all.clear();
      else if (random() % 4 == 0)
        all.erase(all.begin() + static_cast<std::ptrdiff_t>(random() % all.size()));
    }
  }
}

// 10,000 watchers of other prefixes must not make a change more expensive. Compared with a few in alternation, so that
// other load on the machine affects both.
TEST_F(a_hub, watchers_that_do_not_match_cost_nothing) {
  auto const time_changes = [&] {
    auto best = std::chrono::steady_clock::duration::max();
    for (int i = 0; i < 7; ++i) {
      for (int j = 0; j < 60; ++j) change_of("key");
      auto const start = std::chrono::steady_clock::now();
      time.loop.poll();
      best = std::min(best, std::chrono::steady_clock::now() - start);
      run();
    }
    return best;
  };
  auto const one = watch("key", false), few = watch("another prefix", true);
  auto const with_few = time_changes();
  std::vector<std::unique_ptr<watch_hub::watcher>> many;
  for (int i = 0; i < 10'000; ++i) many.push_back(watch("tenant " + std::to_string(10'000 + i) + '/', true));
  auto const with_many = time_changes();
  EXPECT_LT(with_many, 20 * with_few + 100us) << with_many.count() << " and " << with_few.count() << " ns";
  EXPECT_NE(taken(*one), "");
}

TEST_F(a_hub, without_watchers_is_rung_for_nothing) {
  watch("a", false);
  run();
  change_of("a");
  run();
  change_of("a");
  EXPECT_FALSE(time.loop.run_one_turn());
}

TEST(a_hub_and_a_writer, on_two_threads_leave_no_change_out) {
  event_loop loop;
  history changes(1'000'000, 1'000'000'000);
  watch_hub hub(loop, changes);
  constexpr std::uint64_t count = 20'000;
  std::uint64_t seen = 0;
  std::optional<watch_hub::watcher> watcher;
  auto const take = [&] {
    std::vector<change> some;
    while (watcher->take(some) == state::more) {
    }
    for (auto const& one : some) EXPECT_EQ(one.revision, ++seen);
    if (seen == count) loop.stop();
  };
  watcher.emplace(hub, "k", false, 0, take);
  std::thread writer([&] {
    auto const value = std::make_shared<std::string const>("1");
    for (std::uint64_t i = 1; i <= count; ++i) {
      changes.append({.sequence = i, .revision = i, .key = "k", .value = value, .expires_at = {}});
      if (i % 1000 == 0) std::this_thread::yield();
    }
  });
  loop.run();
  writer.join();
  EXPECT_EQ(seen, count);
  watcher.reset();
}

}  // namespace
}  // namespace holdfast::server
