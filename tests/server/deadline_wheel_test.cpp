#include "server/deadline_wheel.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;
using clock = deadline::clock;

struct alarm final : deadline {
  void on_deadline() override {
    rung_at = clock::now();
    ++rings;
    if (then) then();
  }
  clock::time_point rung_at{};
  int rings = 0;
  std::function<void()> then;
};

class wheel_test : public ::testing::Test {
 protected:
  asio::io_context io{1};
  deadline_wheel wheel{io};
};

TEST_F(wheel_test, rings_not_early_and_at_most_a_tick_late) {
  alarm one;
  auto const due = clock::now() + 60ms;
  wheel.arm(one, due);
  io.run();
  EXPECT_EQ(one.rings, 1);
  EXPECT_GE(one.rung_at, due);
}

TEST_F(wheel_test, runs_no_timer_while_no_deadline_is_linked) {
  alarm one;
  wheel.arm(one, clock::time_point::max());
  EXPECT_EQ(io.run(), 0U);
}

TEST_F(wheel_test, what_was_called_off_does_not_ring) {
  alarm one;
  wheel.arm(one, clock::now() + 10ms);
  deadline_wheel::disarm(one);
  io.run();
  EXPECT_EQ(one.rings, 0);
}

TEST_F(wheel_test, what_was_moved_later_rings_later_and_once) {
  alarm one;
  auto const due = clock::now() + 300ms;
  wheel.arm(one, clock::now() + 10ms);
  wheel.arm(one, due);
  io.run();
  EXPECT_EQ(one.rings, 1);
  EXPECT_GE(one.rung_at, due);
}

TEST_F(wheel_test, what_was_moved_earlier_does_not_wait_for_its_old_time) {
  alarm one;
  wheel.arm(one, clock::now() + 24h);
  wheel.arm(one, clock::now() + 10ms);
  io.run();
  EXPECT_EQ(one.rings, 1);
}

TEST_F(wheel_test, an_earlier_deadline_does_not_take_a_later_one_along) {
  alarm soon, later;
  wheel.arm(later, clock::now() + 400ms);
  wheel.arm(soon, clock::now() + 10ms);
  while (soon.rings == 0) io.run_one();
  EXPECT_EQ(later.rings, 0);
  io.run();
  EXPECT_EQ(later.rings, 1);
}

TEST_F(wheel_test, a_deadline_beyond_a_turn_of_the_wheel_waits_for_its_own_turn) {
  alarm far;
  wheel.arm(far, clock::now() + 2 * 512 * deadline_wheel::tick_length);
  io.run_for(300ms);
  EXPECT_EQ(far.rings, 0);
}

TEST_F(wheel_test, a_deadline_that_is_destroyed_leaves_the_wheel) {
  auto gone = std::make_unique<alarm>();
  wheel.arm(*gone, clock::now() + 10ms);
  gone.reset();
  io.run();
}

TEST_F(wheel_test, one_that_rings_may_destroy_its_neighbour) {
  alarm first;
  auto second = std::make_unique<alarm>();
  auto const due = clock::now() + 10ms;
  wheel.arm(first, due);
  wheel.arm(*second, due);
  first.then = [&] { second.reset(); };
  io.run();
  EXPECT_EQ(first.rings, 1);
}

TEST_F(wheel_test, one_that_rings_may_arm_itself_again) {
  alarm one;
  one.then = [&] {
    if (one.rings < 3) wheel.arm(one, clock::now() + 1ms);
  };
  wheel.arm(one, clock::now());
  io.run();
  EXPECT_EQ(one.rings, 3);
}

TEST_F(wheel_test, an_empty_wheel_that_rested_long_takes_up_the_time_of_day) {
  alarm one;
  wheel.arm(one, clock::now());
  io.run();
  io.restart();
  auto const due = clock::now() + 200ms;
  wheel.arm(one, due);
  io.run();
  EXPECT_EQ(one.rings, 2);
  EXPECT_GE(one.rung_at, due);
}

}  // namespace
}  // namespace holdfast::server
