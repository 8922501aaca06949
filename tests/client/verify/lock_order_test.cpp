#include "client/load/verify/lock_order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace holdfast::client::verify {
namespace {

constexpr instant ms = 1'000'000;

enum class discipline : std::uint8_t { fifo, lifo, random };

/// A lock that many fight for, on a virtual clock. Each request spends some time on its way, waits, holds, and spends
/// some time on its way back; the server tells wait and hold as it would, rounded to microseconds.
std::vector<lock_use> simulate(std::mt19937& random, discipline order, int connections, int requests) {
  auto const up_to = [&](instant most) { return std::uniform_int_distribution<instant>(0, most)(random); };
  struct request {
    instant invoked, asked;
  };
  auto const ask = [&](instant now) { return request{now, now + up_to(30 * ms)}; };
  std::vector<request> coming;
  for (int i = 0; i < connections; ++i) coming.push_back(ask(up_to(100 * ms)));
  std::vector<request> queue;
  std::vector<lock_use> uses;
  instant now = 0;
  std::uint64_t revision = 0;
  auto const rounded = [](instant duration) { return (duration + 500) / 1000 * 1000; };
  while (static_cast<int>(uses.size()) < requests) {
    std::ranges::sort(coming, {}, &request::asked);
    if (queue.empty()) now = std::max(now, coming.front().asked);
    while (!coming.empty() && coming.front().asked <= now) {
      queue.push_back(coming.front());
      coming.erase(coming.begin());
    }
    auto const place = order == discipline::fifo ? 0
                       : order == discipline::lifo
                           ? queue.size() - 1
                           : static_cast<std::size_t>(up_to(static_cast<instant>(queue.size()) - 1));
    auto const granted = queue[place];
    queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(place));
    auto const hold = up_to(20 * ms);
    lock_use use;
    use.invoked = granted.invoked;
    use.wait = rounded(now - granted.asked);
    use.hold = rounded(hold);
    use.is_put = up_to(1) == 1;
    if (use.is_put) ++revision;
    // A server without revisions in some of the answers.
    use.revision = up_to(3) == 0 ? 0 : revision;
    now += hold;
    use.responded = now + up_to(30 * ms);
    uses.push_back(use);
    coming.push_back(ask(use.responded));
  }
  std::ranges::shuffle(uses, random);
  return uses;
}

TEST(lock_order, never_accuses_a_lock_that_grants_in_order_of_arrival) {
  std::mt19937 random(5);
  std::uint64_t judged = 0;
  for (int round = 0; round < 300; ++round) {
    auto const audit = audit_lock_order(simulate(random, discipline::fifo, 2 + round % 30, 300));
    ASSERT_EQ(audit.broken_pairs, 0U) << "round " << round;
    ASSERT_EQ(audit.broken_revisions, 0U) << "round " << round;
    ASSERT_EQ(audit.implausible, 0U);
    judged += audit.judged_pairs;
  }
  EXPECT_GT(judged, 10'000U);
}

TEST(lock_order, finds_a_lock_that_grants_to_the_last_first) {
  std::mt19937 random(5);
  auto const audit = audit_lock_order(simulate(random, discipline::lifo, 16, 2000));
  EXPECT_GT(audit.broken_pairs, 100U);
  ASSERT_TRUE(audit.example);
  EXPECT_GT(audit.example->margin, lock_audit::tolerance);
  EXPECT_GT(audit.example->asked_first.wait, audit.example->granted_first.wait);
  // It is out of turn, but it is a lock: revisions agree with it.
  EXPECT_EQ(audit.broken_revisions, 0U);
}

TEST(lock_order, finds_a_lock_that_grants_to_anybody) {
  std::mt19937 random(5);
  EXPECT_GT(audit_lock_order(simulate(random, discipline::random, 16, 2000)).broken_pairs, 10U);
}

TEST(lock_order, judges_nothing_without_timing_or_revisions) {
  auto const audit = audit_lock_order({{.invoked = 0, .responded = 10 * ms, .wait = -1, .hold = -1},
                                       {.invoked = 20 * ms, .responded = 30 * ms, .wait = -1, .hold = -1}});
  EXPECT_EQ(audit.timed, 0U);
  EXPECT_EQ(audit.judged_pairs, 0U);
  EXPECT_EQ(audit.judged_revisions, 0U);
}

TEST(lock_order, does_not_judge_by_less_than_its_tolerance) {
  // The first waits for 10 s; the second asks a little later and is granted at once.
  auto const second_asks = [](instant after) {
    return audit_lock_order({{.invoked = 0, .responded = 10'000 * ms, .wait = 10'000 * ms, .hold = 0},
                             {.invoked = after, .responded = after + ms, .wait = 0, .hold = ms}});
  };
  EXPECT_EQ(second_asks(49 * ms).judged_pairs, 0U);
  EXPECT_EQ(second_asks(51 * ms).broken_pairs, 1U);
}

TEST(lock_order, leaves_aside_timing_that_can_not_be) {
  auto const audit = audit_lock_order({{.invoked = 0, .responded = 10 * ms, .wait = 20 * ms, .hold = 0}});
  EXPECT_EQ(audit.timed, 0U);
  EXPECT_EQ(audit.implausible, 1U);
}

TEST(lock_order, finds_a_put_whose_revision_is_not_higher_than_one_told_before) {
  auto const put = [](instant invoked, std::uint64_t revision) {
    return lock_use{
        .invoked = invoked, .responded = invoked + ms, .wait = -1, .hold = -1, .revision = revision, .is_put = true};
  };
  auto get = put(4 * ms, 8);
  get.is_put = false;
  EXPECT_EQ(audit_lock_order({put(0, 7), put(2 * ms, 8), get}).broken_revisions, 0U);
  EXPECT_EQ(audit_lock_order({put(0, 7), put(2 * ms, 7)}).broken_revisions, 1U);
  EXPECT_EQ(audit_lock_order({get, put(6 * ms, 8)}).broken_revisions, 1U);
  // Under way at once: either may be first.
  EXPECT_EQ(audit_lock_order({put(0, 7), put(ms / 2, 6)}).judged_revisions, 0U);
}

}  // namespace
}  // namespace holdfast::client::verify
