#include "server/loop/deadline.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;
using clock = event_loop::clock;

struct alarm final : deadline {
  using deadline::deadline;
  void on_deadline() override {
    ++rings;
    if (then) then();
  }
  int rings = 0;
  std::function<void()> then;
};

class deadline_test : public testing::Test {
 protected:
  deadline_test() { loop.set_time(time); }

  void pass(clock::duration how_long) {
    loop.set_time(time += how_long);
    loop.poll();
  }

  clock::time_point time{1h};
  event_loop loop;
};

TEST_F(deadline_test, rings_not_early_and_little_late) {
  for (auto due = time; due < time + 2 * deadline::precision; due += 7ms) {
    alarm one(loop);
    one.arm(due);
    loop.set_time(due - 1ns);
    loop.poll();
    EXPECT_EQ(one.rings, 0);
    loop.set_time(due + deadline::precision);
    loop.poll();
    EXPECT_EQ(one.rings, 1);
  }
}

TEST_F(deadline_test, those_of_many_ring_together) {
  alarm one(loop), other(loop);
  one.arm(time + 251ms);
  other.arm(time + 374ms);
  pass(374ms);
  EXPECT_EQ(one.rings + other.rings, 0);
  pass(1ms);
  EXPECT_EQ(one.rings, 1);
  EXPECT_EQ(other.rings, 1);
}

TEST_F(deadline_test, that_was_called_off_does_not_ring) {
  alarm one(loop);
  one.arm(time + 10ms);
  one.disarm();
  pass(1h);
  EXPECT_EQ(one.rings, 0);
  one.arm(time + 10ms);
  one.arm(clock::time_point::max());
  pass(1h);
  EXPECT_EQ(one.rings, 0);
}

TEST_F(deadline_test, that_was_moved_later_rings_later_and_once) {
  alarm one(loop);
  auto const start = time;
  for (int i = 0; i <= 100; ++i) {
    pass(50ms);
    one.arm(time + 1s);
  }
  EXPECT_EQ(one.rings, 0);
  pass(999ms);
  EXPECT_EQ(one.rings, 0);
  pass(126ms);
  EXPECT_EQ(one.rings, 1);
  EXPECT_GE(time - start, 6s);
}

TEST_F(deadline_test, moved_later_stays_where_it_is_queued) {
  alarm one(loop);
  one.arm(time + 1s);
  one.arm(time + 1h);
  EXPECT_FALSE(loop.run_one_turn());
  loop.set_time(time + 2s);
  EXPECT_TRUE(loop.run_one_turn()) << "it is looked at when the old time has come";
  EXPECT_EQ(one.rings, 0);
}

TEST_F(deadline_test, that_was_moved_earlier_does_not_wait_for_its_old_time) {
  alarm one(loop);
  one.arm(time + 24h);
  one.arm(time + 10ms);
  pass(135ms);
  EXPECT_EQ(one.rings, 1);
  pass(48h);
  EXPECT_EQ(one.rings, 1);
}

TEST_F(deadline_test, that_was_called_off_may_be_armed_for_an_earlier_time) {
  alarm one(loop);
  one.arm(time + 24h);
  one.disarm();
  one.arm(time + 10ms);
  pass(135ms);
  EXPECT_EQ(one.rings, 1);
}

TEST_F(deadline_test, as_far_off_as_the_clock_goes_does_not_ring) {
  alarm one(loop);
  one.arm(clock::time_point::max() - 1ns);
  pass(24h * 365);
  EXPECT_EQ(one.rings, 0);
}

TEST_F(deadline_test, that_is_destroyed_leaves_the_loop) {
  auto gone = std::make_unique<alarm>(loop);
  gone->arm(time + 10ms);
  gone.reset();
  pass(1s);
}

TEST_F(deadline_test, may_outlive_the_loop) {
  alarm one(loop);
  {
    event_loop other;
    alarm outlives(other);
    outlives.arm(other.now() + 1h);
    other.shut_down();
    EXPECT_EQ(outlives.rings, 0);
  }
}

TEST_F(deadline_test, that_rings_may_destroy_others_and_itself) {
  std::vector<std::unique_ptr<alarm>> all;
  int rings = 0;
  for (int i = 0; i < 3; ++i) {
    all.push_back(std::make_unique<alarm>(loop));
    all.back()->arm(time + 10ms);
    all.back()->then = [&] {
      ++rings;
      std::exchange(all, {}).clear();
    };
  }
  pass(1s);
  EXPECT_EQ(rings, 1);
}

TEST_F(deadline_test, that_rings_may_be_armed_again) {
  alarm one(loop);
  one.then = [&] {
    if (one.rings < 3) one.arm(loop.now() + 1ms);
  };
  one.arm(time);
  for (int i = 0; i < 5; ++i) pass(126ms);
  EXPECT_EQ(one.rings, 3);
}

// The former timer wheel stopped forever when one of its deadlines threw: its timer was restarted only after the last
// of those due.
TEST_F(deadline_test, what_one_throws_keeps_no_other_from_ringing) {
  alarm throws(loop), same_time(loop), later(loop);
  throws.then = [] { throw std::runtime_error("no memory, say"); };
  throws.arm(time + 1ms);
  same_time.arm(time + 1ms);
  later.arm(time + 1s);
  loop.set_time(time += 125ms);
  EXPECT_THROW(loop.poll(), std::runtime_error);
  loop.poll();
  EXPECT_EQ(same_time.rings, 1);
  pass(1s);
  EXPECT_EQ(later.rings, 1);
  throws.arm(time);
  EXPECT_THROW(pass(125ms), std::runtime_error) << "it may be armed again";
}

TEST(deadline_and_the_clock, what_one_throws_keeps_no_other_from_ringing) {
  event_loop loop;
  alarm throws(loop), later(loop);
  throws.then = [] { throw std::runtime_error("no memory, say"); };
  later.then = [&] { loop.stop(); };
  throws.arm(loop.now() + 1ms);
  later.arm(loop.now() + 200ms);
  EXPECT_THROW(loop.run(), std::runtime_error);
  loop.run();
  EXPECT_EQ(later.rings, 1);
}

}  // namespace
}  // namespace holdfast::server
