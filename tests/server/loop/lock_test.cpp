#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <holdfast/sync/guarded.hpp>
#include <holdfast/sync/mutex.hpp>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "server/loop/asio.hpp"
#include "server/loop/timer.hpp"

// Locks with a time limit, whose timer is the loop's.
namespace holdfast::server {
namespace {

using namespace std::literals;

constexpr auto or_throw = [](std::exception_ptr const& error) {
  if (error) std::rethrow_exception(error);
};

TEST(lock_on_a_loop, wait_ends_with_its_time) {
  event_loop loop;
  sync::mutex mutex;
  auto const held = mutex.try_lock();
  error_code got;
  auto waits = [&]() -> awaitable<> {
    auto [error, lock] = co_await mutex.async_lock_for(5ms, as_values);
    got = error;
    loop.stop();
  };
  asio::co_spawn(loop, waits(), or_throw);
  loop.run();
  EXPECT_EQ(got, asio::error::timed_out);
}

TEST(lock_on_a_loop, granted_in_time_calls_its_timer_off) {
  event_loop loop;
  sync::mutex mutex;
  auto held = mutex.try_lock();
  bool got = false;
  auto waits = [&]() -> awaitable<> {
    auto [error, lock] = co_await mutex.async_lock_for(1h, as_values);
    got = !error && lock;
  };
  asio::co_spawn(loop, waits(), or_throw);
  loop.poll();
  EXPECT_FALSE(got);
  held = {};
  loop.poll();
  EXPECT_TRUE(got);
}

TEST(lock_on_a_loop, waiters_with_a_time_limit_go_with_the_loop) {
  sync::mutex mutex;
  auto const held = mutex.try_lock();
  auto const alive = std::make_shared<int>();
  {
    event_loop loop;
    auto waits = [&](std::shared_ptr<int>) -> awaitable<> {
      auto [error, lock] = co_await mutex.async_lock_for(1h, as_values);
      ADD_FAILURE();
    };
    for (int i = 0; i < 3; ++i) asio::co_spawn(loop, waits(alive), or_throw);
    loop.poll();
    EXPECT_EQ(alive.use_count(), 4);
  }
  EXPECT_EQ(alive.use_count(), 1);
}

TEST(lock_on_a_loop, may_be_asked_for_with_a_time_limit_from_another_thread) {
  event_loop loop;
  sync::mutex mutex;
  std::atomic<int> left{4000};
  std::jthread const runner([&] { loop.run(); });
  std::atomic<long> granted{0};
  {
    std::vector<std::jthread> others;
    for (int t = 0; t < 2; ++t)
      others.emplace_back([&] {
        for (int i = 0; i < 2000; ++i)
          mutex.async_lock_for(i % 2 ? 10us : 1h,
                               asio::bind_executor(loop.get_executor(), [&](error_code error, sync::mutex::lock lock) {
                                 if (!error) ++granted;
                                 lock = {};
                                 if (--left == 0) loop.stop();
                               }));
      });
  }
  EXPECT_GE(granted, 0);
}

TEST(lock_on_a_loop, is_shared_by_several_loops_with_time_limits) {
  constexpr int loops = 3, coroutines = 8, rounds = 1'000;
  sync::guarded<long> count(0);
  std::atomic<long> granted{0}, late{0};
  std::atomic<int> left{loops * coroutines};
  std::vector<std::unique_ptr<event_loop>> all;
  for (int i = 0; i < loops; ++i) all.push_back(std::make_unique<event_loop>());
  auto adds = [&]() -> awaitable<> {
    for (int i = 0; i < rounds; ++i) {
      auto [error, lock] = co_await count.async_lock_for(i % 3 == 0   ? 20us
                                                         : i % 3 == 1 ? 1h
                                                                      : timer::duration(100us),
                                                         as_values);
      if (error) {
        ++late;
        continue;
      }
      ++*lock;
      ++granted;
      if (i % 16 == 0) {
        timer hold(co_await asio::this_coro::executor, 10us);
        co_await hold.async_wait(as_values);
      }
    }
    if (--left == 0)
      for (auto const& one : all) one->stop();
  };
  for (auto const& one : all)
    for (int i = 0; i < coroutines; ++i) asio::co_spawn(*one, adds(), or_throw);
  {
    std::vector<std::jthread> threads;
    for (auto const& one : all) threads.emplace_back([&loop = *one] { loop.run(); });
  }
  EXPECT_EQ(*count.try_lock(), granted);
  EXPECT_EQ(granted + late, long{loops} * coroutines * rounds);
  std::printf("granted %ld late %ld\n", granted.load(), late.load());
}

}  // namespace
}  // namespace holdfast::server
