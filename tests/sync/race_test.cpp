#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <functional>
#include <holdfast/sync/mutex.hpp>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

// Repeated races between two threads, each with exactly two valid results.
namespace holdfast::sync {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

/// A thread that unlocks on request. It spins instead of sleeping, to react as fast as possible.
class unlocker {
 public:
  void unlock_soon(mutex::lock lock) {
    lock_ = std::move(lock);
    asked_.fetch_add(1, std::memory_order_release);
  }
  void wait_until_done() const {
    while (done_.load(std::memory_order_acquire) != asked_.load(std::memory_order_relaxed)) std::this_thread::yield();
  }
  ~unlocker() {
    stop_ = true;
    thread_.join();
  }

 private:
  void run() {
    for (int done = 0; !stop_;) {
      if (asked_.load(std::memory_order_acquire) == done) {
        std::this_thread::yield();
        continue;
      }
      lock_.unlock();
      done_.store(++done, std::memory_order_release);
    }
  }

  mutex::lock lock_;  // owned in turn, according to the counts
  std::atomic<int> asked_{0};
  std::atomic<int> done_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_{[this] { run(); }};
};

constexpr int rounds = 1000;

enum class ending : unsigned char { none, granted, given_up };

asio::awaitable<void> wait_for_lock(mutex& m, ending& end) {
  auto [error, lock] = co_await m.async_lock(asio::as_tuple(asio::use_awaitable));
  EXPECT_EQ(lock.owns_lock(), !error);
  end = lock ? ending::granted : ending::given_up;
}
asio::awaitable<void> wait_for_section(mutex& m, ending& end) {
  bool has_run = false;
  auto section = [&has_run] { has_run = true; };
  auto [error] = co_await m.async_run(section, asio::as_tuple(asio::deferred));
  EXPECT_EQ(has_run, !error);
  end = has_run ? ending::granted : ending::given_up;
}
asio::awaitable<void> wait_for_section_in_time(mutex& m, ending& end) {
  bool has_run = false;
  auto section = [&has_run] { has_run = true; };
  auto [error] = co_await m.async_run_for(std::chrono::hours(1), section, asio::as_tuple(asio::deferred));
  EXPECT_EQ(has_run, !error);
  end = has_run ? ending::granted : ending::given_up;
}
asio::awaitable<void> wait_for_either(mutex& m, ending& end) {
  using namespace asio::experimental::awaitable_operators;
  co_await asio::this_coro::throw_if_cancelled(false);
  asio::steady_timer never(co_await asio::this_coro::executor, std::chrono::hours(1));
  auto const won = co_await (m.async_lock(asio::as_tuple(asio::use_awaitable)) ||
                             never.async_wait(asio::as_tuple(asio::use_awaitable)));
  end = won.index() == 0 && std::get<1>(std::get<0>(won)).owns_lock() ? ending::granted : ending::given_up;
}

using wait_function = asio::awaitable<void> (*)(mutex&, ending&);

class race_test : public testing::TestWithParam<wait_function> {};

TEST_P(race_test, unlock_and_cancel_at_once_end_in_a_grant_or_in_a_free_mutex) {
  mutex m;
  unlocker other;
  for (int i = 0; i < rounds; ++i) {
    asio::io_context context(1);
    auto held = m.try_lock();
    ASSERT_TRUE(held);
    ending end = ending::none;
    asio::cancellation_signal signal;
    asio::co_spawn(context, GetParam()(m, end), asio::bind_cancellation_slot(signal.slot(), asio::detached));
    context.poll();
    other.unlock_soon(std::move(held));
    for (int pause = i % 64; pause != 0; --pause) std::atomic_signal_fence(std::memory_order_seq_cst);
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    other.wait_until_done();
    ASSERT_NE(end, ending::none);
  }
  EXPECT_TRUE(m.try_lock());
}

TEST_P(race_test, unlock_and_the_end_of_the_waiters_context_at_once_leave_a_free_mutex) {
  mutex m;
  unlocker other;
  for (int i = 0; i < rounds; ++i) {
    auto context = std::make_unique<asio::io_context>(1);
    auto held = m.try_lock();
    ASSERT_TRUE(held);
    ending end = ending::none;
    asio::co_spawn(*context, GetParam()(m, end), asio::detached);
    asio::co_spawn(asio::make_strand(*context), GetParam()(m, end), asio::detached);
    context->poll();
    other.unlock_soon(std::move(held));
    for (int pause = i % 64; pause != 0; --pause) std::atomic_signal_fence(std::memory_order_seq_cst);
    context.reset();
    other.wait_until_done();
    EXPECT_EQ(end, ending::none);
  }
  EXPECT_TRUE(m.try_lock());
}

constexpr char const* name_of(std::size_t index) {
  constexpr char const* names[] = {"a_lock", "a_section", "a_section_in_time", "a_lock_or_a_timer"};
  return names[index];
}
INSTANTIATE_TEST_SUITE_P(of, race_test,
                         testing::Values(&wait_for_lock, &wait_for_section, &wait_for_section_in_time,
                                         &wait_for_either),
                         [](auto const& tested) { return name_of(tested.index); });

// A waiter that is woken while its deadline passes must own the lock or pass it on.
TEST(deadline_race_test, unlock_and_deadline_at_once_let_the_next_one_in) {
  mutex m;
  unlocker other;
  for (int i = 0; i < rounds / 2; ++i) {
    asio::io_context context(1);
    auto held = m.try_lock();
    ASSERT_TRUE(held);
    int ended = 0;
    bool patient_owned = false;
    m.async_lock_for(std::chrono::microseconds(5),
                     asio::bind_executor(context, [&](error_code error, mutex::lock lock) {
                       EXPECT_EQ(lock.owns_lock(), !error);
                       ++ended;
                     }));
    m.async_lock(asio::bind_executor(context, [&](error_code, mutex::lock lock) { patient_owned = lock.owns_lock(); }));
    other.unlock_soon(std::move(held));
    context.run();
    other.wait_until_done();
    EXPECT_EQ(ended, 1);
    EXPECT_TRUE(patient_owned);
  }
}

// The completion reports what happened to the function.
TEST(deadline_race_test, unlock_and_deadline_of_a_function_at_once_run_it_or_time_it_out) {
  mutex m;
  unlocker other;
  int ran = 0, timed_out = 0;
  for (int i = 0; i < rounds; ++i) {
    asio::io_context context(1);
    auto held = m.try_lock();
    ASSERT_TRUE(held);
    bool has_run = false, next_has_run = false;
    int ended = 0;
    m.async_run_for(
        std::chrono::microseconds(5), [&] { has_run = true; },
        asio::bind_executor(context, [&](std::exception_ptr error) {
          EXPECT_EQ(has_run, !error);
          ++ended;
          ++(error ? timed_out : ran);
        }));
    m.async_run([&] { next_has_run = true; }, asio::bind_executor(context, [](std::exception_ptr) {}));
    // From long before the deadline to long after it.
    for (int pause = 32 * (i % 64); pause != 0; --pause) std::atomic_signal_fence(std::memory_order_seq_cst);
    other.unlock_soon(std::move(held));
    context.run();
    other.wait_until_done();
    EXPECT_EQ(ended, 1);
    EXPECT_TRUE(next_has_run);
  }
  EXPECT_EQ(ran + timed_out, rounds);
  EXPECT_TRUE(m.try_lock());
}

// The lock is granted after the timer has won: its coroutine receives the lock, its result is ignored, and the lock is
// released.
TEST(operators_test, lock_granted_in_the_turn_in_which_the_timer_wins_is_passed_on) {
  asio::io_context context(1);
  mutex m;
  auto held = m.try_lock();
  std::string log;
  auto lock_or_timer = [](mutex& mx, std::string& l) -> asio::awaitable<void> {
    using namespace asio::experimental::awaitable_operators;
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::seconds(-1));
    auto const won = co_await (timer.async_wait(asio::use_awaitable) || mx.async_lock(asio::use_awaitable));
    l += won.index() == 0 ? 't' : 'l';
  };
  asio::co_spawn(context, lock_or_timer(m, log), asio::detached);
  // Release between the timer's expiry and the end of its coroutine.
  asio::post(context, [&] { asio::post(context, [&] { held.unlock(); }); });
  m.async_lock(asio::bind_executor(context, [&](error_code, mutex::lock lock) { log += lock ? 'n' : '!'; }));
  context.run();
  EXPECT_EQ(log.size(), 2U);
  EXPECT_NE(log.find('n'), std::string::npos);
  EXPECT_TRUE(m.try_lock());
}

template <class Executor>
asio::awaitable<void, Executor> take_part(mutex& m, int times, long& total, long& timed_out) {
  auto section = [&total] { ++total; };
  for (int i = 0; i < times; ++i) {
    {
      auto lock = co_await m.async_lock();
      ++total;
      if (i % 3 == 0) co_await asio::post(asio::deferred);
    }
    co_await m.async_run(section);
    auto [error, lock] = co_await m.async_lock_for(std::chrono::microseconds(i % 50), asio::as_tuple(asio::deferred));
    if (error) {
      lock = co_await m.async_lock();
      ++timed_out;
    }
    ++total;
    lock = {};
    auto [late] = co_await m.async_run_for(std::chrono::microseconds(i % 50), section, asio::as_tuple(asio::deferred));
    if (late) co_await m.async_run(section);
    lock = m.try_lock_spinning();
    if (lock) {
      ++total;
    } else {
      co_await m.async_run(section);
    }
  }
}

TEST(threads_test, coroutines_of_all_kinds_of_executors_exclude_each_other) {
  constexpr int times = 300, tasks = 4;
  mutex m;
  long total = 0, timed_out = 0;
  asio::thread_pool pool(2);
  asio::io_context alone(1), shared;
  auto const join_in = [&](auto executor) {
    using executor_type = decltype(executor);
    for (int i = 0; i < tasks; ++i) {
      asio::co_spawn(executor, take_part<executor_type>(m, times, total, timed_out), asio::detached);
    }
  };
  join_in(pool.get_executor());
  join_in(asio::make_strand(pool.get_executor()));
  join_in(asio::any_io_executor(pool.get_executor()));
  join_in(alone.get_executor());
  join_in(shared.get_executor());
  std::thread threads[] = {std::thread([&] { alone.run(); }), std::thread([&] { shared.run(); })};
  shared.run();
  for (auto& thread : threads) thread.join();
  pool.join();
  EXPECT_EQ(total, 5L * tasks * times * 5);
  EXPECT_TRUE(m.try_lock());
}

}  // namespace
}  // namespace holdfast::sync
