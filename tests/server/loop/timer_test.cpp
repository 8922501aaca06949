#include "server/loop/timer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::server {
namespace {

using namespace std::literals;
using boost::system::error_code;
using clock = event_loop::clock;

/// A loop whose clock the test moves.
class steered : public testing::Test {
 protected:
  steered() { loop.set_time(time); }

  /// Lets everything until then happen, in steps of a millisecond.
  void pass(std::chrono::milliseconds how_long) {
    for (auto left = how_long; left > 0ms; left -= 1ms) {
      loop.poll();
      loop.set_time(time += 1ms);
    }
    loop.poll();
  }

  auto writes(char what) {
    return [this, what](error_code error) { order += error ? '!' : what; };
  }

  event_loop loop;
  clock::time_point time{1h};
  std::string order;
};

class a_timer : public steered {};

TEST_F(a_timer, completes_when_its_time_has_come_and_not_a_moment_before) {
  timer one(loop, 10ms);
  one.async_wait(writes('a'));
  loop.set_time(time + 10ms - 1ns);
  loop.poll();
  EXPECT_EQ(order, "");
  loop.set_time(time + 10ms);
  loop.poll();
  EXPECT_EQ(order, "a");
}

TEST_F(a_timer, completes_in_the_order_of_time_and_then_of_arming) {
  timer a(loop, 5ms), b(loop, 5ms), c(loop, 4ms), d(loop, 6ms);
  d.async_wait(writes('d'));
  a.async_wait(writes('a'));
  b.async_wait(writes('b'));
  c.async_wait(writes('c'));
  pass(10ms);
  EXPECT_EQ(order, "cabd");
}

TEST_F(a_timer, without_a_time_completes_soon_but_not_within_async_wait) {
  timer one(loop);
  asio::post(loop, [&] {
    one.async_wait(writes('a'));
    order += '.';
  });
  loop.poll();
  EXPECT_EQ(order, ".a");
}

TEST_F(a_timer, that_expired_long_ago_completes_soon) {
  timer one(loop, clock::time_point::min()), other(loop, -1h);
  one.async_wait(writes('a'));
  other.async_wait(writes('b'));
  loop.poll();
  EXPECT_EQ(order, "ab");
}

TEST_F(a_timer, that_is_too_long_for_the_clock_waits_for_ever) {
  timer one(loop, timer::duration::max()), other(loop, timer::time_point::max());
  EXPECT_EQ(one.expiry(), timer::time_point::max());
  one.async_wait(writes('a'));
  other.async_wait(writes('b'));
  pass(100ms);
  EXPECT_EQ(order, "");
  one.cancel();
  loop.poll();
  EXPECT_EQ(order, "!");
}

TEST_F(a_timer, that_is_cancelled_completes_with_an_error_but_not_within_cancel) {
  timer one(loop, 10ms);
  one.async_wait(writes('a'));
  asio::post(loop, [&] {
    one.cancel();
    order += '.';
  });
  loop.poll();
  EXPECT_EQ(order, ".!");
  pass(20ms);
  EXPECT_EQ(order, ".!");
}

TEST_F(a_timer, that_is_cancelled_before_it_has_reached_the_loop_completes_with_an_error) {
  timer one(loop);
  one.async_wait(writes('a'));
  one.cancel();
  loop.poll();
  EXPECT_EQ(order, "!");
}

TEST_F(a_timer, that_is_destroyed_is_cancelled) {
  auto one = std::make_unique<timer>(loop, 10ms);
  one->async_wait(writes('a'));
  loop.poll();
  one.reset();
  loop.poll();
  EXPECT_EQ(order, "!");
}

TEST_F(a_timer, may_be_destroyed_by_its_own_handler) {
  auto one = std::make_unique<timer>(loop);
  one->async_wait([&](error_code) {
    one.reset();
    order += 'a';
  });
  loop.poll();
  EXPECT_EQ(order, "a");
}

TEST_F(a_timer, given_a_new_time_cancels_the_wait_for_the_old_one) {
  timer one(loop, 10ms);
  one.async_wait(writes('a'));
  one.expires_after(20ms);
  one.async_wait(writes('b'));
  pass(19ms);
  EXPECT_EQ(order, "!");
  pass(1ms);
  EXPECT_EQ(order, "!b");
}

TEST_F(a_timer, may_be_used_again_by_its_handler) {
  timer one(loop, 1ms);
  int left = 3;
  std::function<void(error_code)> again = [&](error_code) {
    order += 'a';
    if (--left == 0) return;
    one.expires_at(one.expiry() + 1ms);
    one.async_wait(again);
  };
  one.async_wait(again);
  pass(2ms);
  EXPECT_EQ(order, "aa");
  pass(2ms);
  EXPECT_EQ(order, "aaa");
}

TEST_F(a_timer, cancelled_when_it_has_completed_does_nothing) {
  timer one(loop);
  one.async_wait(writes('a'));
  loop.poll();
  one.cancel();
  one.cancel();
  loop.poll();
  EXPECT_EQ(order, "a");
}

TEST_F(a_timer, is_cancelled_by_the_slot_of_its_handler) {
  asio::cancellation_signal stop;
  timer one(loop, 10ms);
  one.async_wait(asio::bind_cancellation_slot(stop.slot(), writes('a')));
  loop.poll();
  asio::post(loop, [&] { stop.emit(asio::cancellation_type::total); });
  loop.poll();
  EXPECT_EQ(order, "!");
}

TEST_F(a_timer, may_be_cancelled_by_its_owner_and_its_slot) {
  asio::cancellation_signal stop;
  timer one(loop, 10ms);
  one.async_wait(asio::bind_cancellation_slot(stop.slot(), writes('a')));
  stop.emit(asio::cancellation_type::terminal);
  one.cancel();
  loop.poll();
  EXPECT_EQ(order, "!");
  one.async_wait(asio::bind_cancellation_slot(stop.slot(), writes('b')));
  asio::post(loop, [&] {
    stop.emit(asio::cancellation_type::terminal);
    one.cancel();
  });
  loop.poll();
  EXPECT_EQ(order, "!!");
}

TEST_F(a_timer, leaves_the_slot_before_its_handler_runs) {
  asio::cancellation_signal stop;
  timer one(loop);
  one.async_wait(asio::bind_cancellation_slot(stop.slot(), [&](error_code) {
    EXPECT_FALSE(stop.slot().has_handler());
    order += 'a';
  }));
  EXPECT_TRUE(stop.slot().has_handler());
  loop.poll();
  EXPECT_EQ(order, "a");
}

TEST_F(a_timer, whose_loop_has_ended_may_still_be_named_by_a_slot) {
  asio::cancellation_signal stop;
  {
    event_loop other;
    timer one(other, 10ms);
    one.async_wait(asio::bind_cancellation_slot(stop.slot(), writes('a')));
    other.poll();
  }
  stop.emit(asio::cancellation_type::terminal);
  EXPECT_EQ(order, "");
}

TEST_F(a_timer, completes_on_its_handlers_executor) {
  asio::io_context io;
  timer one(loop);
  one.async_wait(asio::bind_executor(io.get_executor(), [&](error_code) {
    EXPECT_TRUE(io.get_executor().running_in_this_thread());
    order += 'a';
  }));
  loop.poll();
  EXPECT_EQ(order, "");
  EXPECT_EQ(io.run(), 1U);
  EXPECT_EQ(order, "a");
}

TEST_F(a_timer, counts_as_work_of_its_handlers_executor) {
  asio::io_context io;
  timer one(loop);
  one.async_wait(asio::bind_executor(io.get_executor(), writes('a')));
  io.poll();
  EXPECT_FALSE(io.stopped());
  loop.poll();
  io.poll();
  EXPECT_TRUE(io.stopped());
}

TEST_F(a_timer, may_have_a_handler_that_can_only_be_moved) {
  timer one(loop);
  one.async_wait([this, owned = std::make_unique<char>('a')](error_code) { order += *owned; });
  loop.poll();
  EXPECT_EQ(order, "a");
}

// --- from other threads ----------------------------------------------------------------------------------------------

TEST(a_timer_and_threads, may_be_armed_cancelled_and_destroyed_from_another_thread) {
  event_loop loop;
  std::atomic<int> cancelled{0}, expired{0};
  constexpr int rounds = 2'000;
  std::jthread const runner([&] { loop.run(); });
  for (int i = 0; i < rounds; ++i) {
    timer one(loop, i % 3 == 0 ? 0ns : i % 3 == 1 ? 1h : timer::duration(10us));
    one.async_wait([&](error_code error) { ++(error ? cancelled : expired); });
    if (i % 2 == 0) one.cancel();
    if (i % 5 == 0) std::this_thread::yield();
  }
  while (cancelled + expired < rounds) std::this_thread::yield();
  loop.stop();
  EXPECT_GE(cancelled, rounds / 6);
}

TEST(a_timer_and_threads, a_cancellation_on_its_way_when_the_loop_ends_is_harmless) {
  bool has_run = false;
  {
    event_loop loop;
    timer one(loop, 1h);
    one.async_wait([&](error_code) { has_run = true; });
    loop.poll();
    std::jthread([&] { one.cancel(); }).join();
  }
  EXPECT_FALSE(has_run);
}

TEST(a_timer_and_threads, armed_by_another_thread_wakes_the_loop) {
  event_loop loop;
  std::optional<timer> one;
  std::jthread const other([&] {
    std::this_thread::sleep_for(20ms);
    one.emplace(loop, 1ms);
    one->async_wait([&](error_code) { loop.stop(); });
  });
  loop.run();
}

// --- against the real clock ------------------------------------------------------------------------------------------

TEST(a_timer_and_the_clock, is_never_early_and_hardly_late) {
  event_loop loop;
  std::vector<timer::duration> late;
  timer one(loop);
  std::minstd_rand random(1);
  std::function<void()> next = [&] {
    if (late.size() == 100) return loop.stop();
    one.expires_after(std::chrono::microseconds(std::uniform_int_distribution(1, 5'000)(random)));
    one.async_wait([&](error_code) {
      late.push_back(clock::now() - one.expiry());
      next();
    });
  };
  next();
  loop.run();
  std::ranges::sort(late);
  EXPECT_GE(late.front(), 0ns);
  EXPECT_LT(late[late.size() / 10], 1ms) << "on a machine that is busy otherwise";
}

TEST(a_timer_and_the_clock, that_is_earlier_than_all_others_does_not_wait_for_them) {
  event_loop loop;
  timer later(loop, 1h), soon(loop);
  later.async_wait([](error_code) {});
  loop.poll();  // the alarm is set for the later one now
  auto const start = clock::now();
  soon.expires_after(5ms);
  soon.async_wait([&](error_code) { loop.stop(); });
  loop.run();
  EXPECT_GE(clock::now() - start, 5ms);
  EXPECT_LT(clock::now() - start, 1s);
}

TEST(a_timer_and_the_clock, after_one_that_was_called_off_keeps_its_own_time) {
  event_loop loop;
  timer called_off(loop, 5ms), other(loop, 30ms);
  called_off.async_wait([](error_code) {});
  other.async_wait([&](error_code) { loop.stop(); });
  loop.poll();
  called_off.cancel();
  auto const due = other.expiry();
  loop.run();
  EXPECT_GE(clock::now(), due);
}

}  // namespace
}  // namespace holdfast::server
