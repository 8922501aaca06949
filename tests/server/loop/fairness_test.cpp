#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "server/loop/deadline.hpp"
#include "server/loop/event_loop.hpp"
#include "server/loop/timer.hpp"
#include "tests/server/loop/bell.hpp"

namespace holdfast::server {
namespace {

using namespace std::literals;

/// Posts itself repeatedly.
struct endless_posts {
  explicit endless_posts(event_loop& l) : loop(l) {
    asio::post(loop, [this] { go_on(); });
  }
  void go_on() {
    ++runs;
    asio::post(loop, [this] { go_on(); });
  }
  event_loop& loop;
  int runs = 0;
};

/// A timer that is due again as soon as it has fired.
struct endless_timer {
  endless_timer(event_loop& loop, timer::duration time) : one(loop), each(time) { go_on(); }
  void go_on() {
    one.expires_after(each);
    one.async_wait([this](auto error) {
      if (error) return;
      ++runs;
      go_on();
    });
  }
  timer one;
  timer::duration each;
  int runs = 0;
};

constexpr int turns = 3;  // a post may be needed before a timer

void run_some_turns(event_loop& loop) {
  for (int i = 0; i < turns; ++i) EXPECT_TRUE(loop.run_one_turn());
}

TEST(fairness, endless_chains_of_posts_keep_no_descriptor_waiting) {
  event_loop loop;
  endless_posts one(loop), other(loop);
  bell ready(loop);
  ready.ring();
  run_some_turns(loop);
  EXPECT_EQ(ready.rings, 1);
  EXPECT_EQ(one.runs + other.runs, turns * event_loop::posts_per_turn);
}

TEST(fairness, endless_chains_of_posts_keep_no_timer_waiting) {
  event_loop loop;
  endless_posts one(loop), other(loop);
  bool is_over = false;
  timer due(loop);
  due.async_wait([&](auto) { is_over = true; });
  run_some_turns(loop);
  EXPECT_TRUE(is_over);
}

TEST(fairness, endless_chains_of_posts_keep_no_deadline_and_no_alarm_waiting) {
  event_loop loop;
  endless_posts one(loop), other(loop);
  timer due(loop, 5ms);
  auto const armed_at = due.now();
  due.async_wait([&](auto) { loop.stop(); });
  loop.run();
  EXPECT_LT(due.now() - armed_at, 1s);
}

TEST(fairness, endless_chains_of_posts_keep_no_other_thread_waiting) {
  event_loop loop;
  endless_posts one(loop), other(loop);
  bool ran = false;
  loop.run_one_turn();
  std::jthread([&] { asio::post(loop, [&] { ran = true; }); }).join();
  run_some_turns(loop);
  EXPECT_TRUE(ran);
}

TEST(fairness, descriptors_that_are_always_ready_keep_no_post_and_no_timer_waiting) {
  event_loop loop;
  std::vector<std::unique_ptr<bell>> ready;
  for (int i = 0; i < 2 * event_loop::descriptors_per_turn; ++i) {
    ready.push_back(std::make_unique<bell>(loop));
    ready.back()->stays_ready = true;
    ready.back()->ring();
  }
  bool ran = false, is_over = false;
  timer due(loop);
  due.async_wait([&](auto) { is_over = true; });
  asio::post(loop, [&] { ran = true; });
  run_some_turns(loop);
  EXPECT_TRUE(ran);
  EXPECT_TRUE(is_over);
}

TEST(fairness, each_of_many_ready_descriptors_has_its_turn) {
  event_loop loop;
  std::vector<std::unique_ptr<bell>> ready;
  for (int i = 0; i < 3 * event_loop::descriptors_per_turn; ++i) {
    ready.push_back(std::make_unique<bell>(loop));
    ready.back()->stays_ready = true;
    ready.back()->ring();
  }
  for (int i = 0; i < 3; ++i) loop.run_one_turn();
  for (auto const& one : ready) EXPECT_EQ(one->rings, 1);
}

TEST(fairness, timers_that_are_always_due_keep_nobody_waiting) {
  event_loop loop;
  std::vector<std::unique_ptr<endless_timer>> due;
  for (int i = 0; i < 2 * event_loop::timers_per_turn; ++i)
    due.push_back(std::make_unique<endless_timer>(loop, i % 2 == 0 ? 0ns : timer::duration(-1h)));
  for (int i = 0; i < 6; ++i) loop.run_one_turn();
  bell ready(loop);
  ready.ring();
  bool ran = false, is_over = false;
  asio::post(loop, [&] { ran = true; });
  timer also_due(loop);
  asio::post(loop, [&] { also_due.async_wait([&](auto) { is_over = true; }); });
  for (int i = 0; i < 6; ++i) loop.run_one_turn();
  EXPECT_EQ(ready.rings, 1);
  EXPECT_TRUE(ran);
  EXPECT_TRUE(is_over);
  for (auto const& one : due) EXPECT_GE(one->runs, 1);
}

TEST(fairness, who_throws_whenever_he_runs_keeps_nobody_waiting) {
  event_loop loop;
  struct throws_always {
    explicit throws_always(event_loop& l) : loop(l) { again(); }
    void again() {
      asio::post(loop, [this] {
        again();
        throw std::runtime_error("again");
      });
    }
    event_loop& loop;
  } one(loop);
  struct throws_whenever_due {
    explicit throws_whenever_due(event_loop& loop) : due(loop) { again(); }
    void again() {
      due.async_wait([this](auto error) {
        if (error) return;
        again();
        throw std::runtime_error("again");
      });
    }
    timer due;
  } two(loop);
  bell three(loop, [] { throw std::runtime_error("again"); });
  three.stays_ready = true;
  three.ring();
  for (int i = 0; i < 10; ++i) EXPECT_THROW(loop.poll(), std::runtime_error);
  bell ready(loop);
  ready.ring();
  bool has_run = false, is_over = false;
  asio::post(loop, [&] { has_run = true; });
  timer due(loop);
  due.async_wait([&](auto) { is_over = true; });
  for (int i = 0; i < 30; ++i) EXPECT_THROW(loop.poll(), std::runtime_error);
  EXPECT_EQ(ready.rings, 1);
  EXPECT_TRUE(has_run);
  EXPECT_TRUE(is_over);
}

}  // namespace
}  // namespace holdfast::server
