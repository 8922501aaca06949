#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <holdfast/sync/event.hpp>
#include <holdfast/sync/semaphore.hpp>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/sync/manual_executor.hpp"

namespace holdfast::sync {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using test::manual_context;

/// Logs each completion: `!` for an abort, `?` for a deadline.
class waiting_test : public testing::Test {
 protected:
  auto told(char name) {
    return asio::bind_executor(context_.get_executor(), [this, name](error_code error) {
      log_ += name;
      if (error == asio::error::operation_aborted) log_ += '!';
      if (error == asio::error::timed_out) log_ += '?';
    });
  }
  auto told(char name, asio::cancellation_signal& signal) {
    return asio::bind_cancellation_slot(signal.slot(), told(name));
  }
  std::string run() {
    context_.run();
    return std::exchange(log_, {});
  }
  manual_context context_;
  std::string log_;
};

class semaphore_test : public waiting_test {};
class event_test : public waiting_test {};

TEST_F(semaphore_test, as_many_get_in_as_there_are_permits) {
  semaphore s(2);
  EXPECT_TRUE(s.try_acquire());
  EXPECT_TRUE(s.try_acquire());
  EXPECT_FALSE(s.try_acquire());
  s.release();
  EXPECT_EQ(s.available(), 1u);
  EXPECT_TRUE(s.try_acquire());
  EXPECT_FALSE(s.try_acquire());
}

TEST_F(semaphore_test, waiters_are_served_in_the_order_of_asking_and_nobody_barges_in) {
  semaphore s(1);
  for (char const name : {'a', 'b', 'c', 'd'}) s.async_acquire(told(name));
  EXPECT_EQ(log_, "");  // never inside the call
  EXPECT_EQ(run(), "a");
  s.release(2);
  EXPECT_EQ(log_, "");  // never inside release()
  EXPECT_FALSE(s.try_acquire());
  EXPECT_EQ(run(), "bc");
  s.release(3);
  EXPECT_EQ(run(), "d");
  EXPECT_EQ(s.available(), 2u);
}

TEST_F(semaphore_test, cancelled_waiter_takes_no_permit_and_the_others_keep_their_order) {
  semaphore s(0);
  asio::cancellation_signal signal;
  s.async_acquire(told('a'));
  s.async_acquire(told('b', signal));
  s.async_acquire(told('c'));
  signal.emit(asio::cancellation_type::total);
  EXPECT_EQ(run(), "b!");
  s.release(3);
  EXPECT_EQ(run(), "ac");
  EXPECT_EQ(s.available(), 1u);
}

TEST_F(semaphore_test, waiter_that_was_granted_before_the_signal_has_its_permit) {
  semaphore s(0);
  asio::cancellation_signal signal;
  s.async_acquire(told('a', signal));
  s.release();
  signal.emit(asio::cancellation_type::terminal);
  EXPECT_EQ(run(), "a");
  EXPECT_EQ(s.available(), 0u);
}

TEST_F(semaphore_test, waiter_gives_up_at_its_deadline) {
  semaphore s(0);
  auto const now = std::chrono::steady_clock::now();
  s.async_acquire_until(now + std::chrono::seconds(1), told('a'));
  s.async_acquire(told('b'));
  context_.pass_time_until(now + std::chrono::seconds(2));
  EXPECT_EQ(run(), "a?");
  s.release();
  EXPECT_EQ(run(), "b");
}

TEST_F(semaphore_test, destroyed_semaphore_aborts_its_waiters_and_what_was_granted_but_not_told) {
  auto s = std::make_unique<semaphore>(0);
  asio::cancellation_signal signal;
  s->async_acquire(told('a', signal));
  s->async_acquire(told('b'));
  s->release();
  s.reset();
  signal.emit(asio::cancellation_type::all);
  EXPECT_EQ(run(), "a!b!");
}

TEST_F(semaphore_test, permit_that_was_granted_to_a_destroyed_context_is_given_back) {
  semaphore s(0);
  {
    manual_context goes;
    for (int i = 0; i < 3; ++i) {
      s.async_acquire(asio::bind_executor(goes.get_executor(), [](error_code) { FAIL(); }));
    }
    s.async_acquire(told('x'));
    s.release(1);  // in flight when the context is destroyed
  }
  EXPECT_EQ(run(), "x");
  EXPECT_EQ(s.available(), 0u);
  s.release();
  EXPECT_EQ(s.available(), 1u);
}

TEST_F(semaphore_test, operation_that_has_not_begun_may_outlive_the_semaphore) {
  auto s = std::make_unique<semaphore>(1);
  [[maybe_unused]] auto const pending = s->async_acquire(asio::deferred);
  s.reset();
}

TEST_F(event_test, set_lets_everybody_go_on_in_the_order_of_asking_and_later_ones_too) {
  event e;
  for (char const name : {'a', 'b', 'c'}) e.async_wait(told(name));
  EXPECT_EQ(run(), "");
  e.set();
  EXPECT_TRUE(e.is_set());
  EXPECT_EQ(log_, "");  // never inside set()
  e.async_wait(told('d'));
  EXPECT_EQ(run(), "abcd");
  e.set();
  e.reset();
  EXPECT_FALSE(e.is_set());
  e.async_wait(told('e'));
  EXPECT_EQ(run(), "");
  e.set();
  e.reset();  // too late for e
  EXPECT_EQ(run(), "e");
}

TEST_F(event_test, event_may_be_set_from_the_beginning) {
  event e(true);
  e.async_wait(told('a'));
  EXPECT_EQ(run(), "a");
}

TEST_F(event_test, waiters_are_cancelled_timed_out_and_aborted) {
  auto e = std::make_unique<event>();
  auto const now = std::chrono::steady_clock::now();
  asio::cancellation_signal signal;
  e->async_wait(told('a', signal));
  e->async_wait_until(now + std::chrono::seconds(1), told('b'));
  e->async_wait(told('c'));
  signal.emit(asio::cancellation_type::partial);
  context_.pass_time_until(now + std::chrono::seconds(2));
  EXPECT_EQ(run(), "a!b?");
  e.reset();
  EXPECT_EQ(run(), "c!");
}

TEST_F(event_test, context_that_goes_takes_its_waiters_along) {
  event e;
  {
    manual_context goes;
    e.async_wait(asio::bind_executor(goes.get_executor(), [](error_code) { FAIL(); }));
    e.async_wait(told('a'));
  }
  e.set();
  EXPECT_EQ(run(), "a");
}

asio::awaitable<void> pass_through(semaphore& s, event& e, std::string& log) {
  co_await e.async_wait();
  co_await s.async_acquire(asio::use_awaitable);
  auto const [error] = co_await s.async_acquire(asio::as_tuple(asio::deferred));
  log += error ? '!' : 'a';
}

TEST(waiting_coroutine_test, coroutine_goes_on_without_suspension_if_it_need_not_wait) {
  asio::io_context context(1);
  semaphore s(2);
  event e(true);
  std::string log;
  asio::co_spawn(context, pass_through(s, e, log), asio::detached);
  asio::post(context, [&] { log += '.'; });
  context.run();
  EXPECT_EQ(log, "a.");
}

TEST(waiting_coroutine_test, future_is_fulfilled) {
  asio::thread_pool pool(1);
  semaphore s(0);
  auto future = s.async_acquire(asio::bind_executor(pool, asio::use_future));
  s.release();
  future.get();
}

constexpr int tasks = 32;
constexpr int rounds = 500;

asio::awaitable<void> take_and_give_back(semaphore& s, std::atomic<int>& inside, int inside_max,
                                         std::atomic<int>& done) {
  auto const executor = co_await asio::this_coro::executor;
  for (int i = 0; i < rounds; ++i) {
    if (i % 3 == 0) {
      auto const [error] =
          co_await s.async_acquire_for(std::chrono::microseconds(i % 50), asio::as_tuple(asio::use_awaitable));
      if (error) continue;
    } else {
      co_await s.async_acquire(asio::use_awaitable);
    }
    EXPECT_LE(++inside, inside_max);
    if (i % 2 == 0) co_await asio::post(executor, asio::use_awaitable);
    --inside;
    s.release();
  }
  ++done;
}

// Deadlines pass while permits are released, on many threads.
TEST(waiting_stress_test, no_permit_is_lost_and_none_is_made) {
  constexpr int permits = 3;
  semaphore s(permits);
  std::atomic<int> inside{0};
  std::atomic<int> done{0};
  {
    asio::thread_pool pool(4);
    for (int i = 0; i < tasks; ++i) {
      asio::co_spawn(asio::make_strand(pool), take_and_give_back(s, inside, permits, done), asio::detached);
    }
    pool.join();
  }
  EXPECT_EQ(done, tasks);
  EXPECT_EQ(s.available(), std::uint64_t{permits});
}

asio::awaitable<void> wait_for_all(std::vector<std::unique_ptr<event>>& events, int const& written,
                                   std::atomic<int>& seen) {
  for (auto const& e : events) co_await e->async_wait(asio::use_awaitable);
  seen += written;
}

TEST(waiting_stress_test, what_was_done_before_an_event_is_seen_by_those_who_waited) {
  for (int round = 0; round < 50; ++round) {
    std::vector<std::unique_ptr<event>> events;
    for (int i = 0; i < 8; ++i) events.push_back(std::make_unique<event>());
    int written = 0;
    std::atomic<int> seen{0};
    asio::thread_pool pool(2);
    for (int i = 0; i < 4; ++i) asio::co_spawn(pool, wait_for_all(events, written, seen), asio::detached);
    std::thread setter([&] {
      written = 1;
      for (auto const& e : events) e->set();
    });
    setter.join();
    pool.join();
    EXPECT_EQ(seen, 4);
  }
}

asio::awaitable<void> acquire_once(semaphore& s, int& granted, int& given_up) {
  auto const [error] = co_await s.async_acquire(asio::as_tuple(asio::use_awaitable));
  ++(error ? given_up : granted);
}

// A thread releases a permit while the waiter is cancelled, or while its context ends.
TEST(waiting_stress_test, release_beside_a_signal_and_beside_the_end_of_a_context_loses_no_permit) {
  semaphore s(0);
  for (int round = 0; round < 1000; ++round) {
    int granted = 0;
    int given_up = 0;
    auto context = std::make_unique<asio::io_context>(1);
    asio::cancellation_signal signal;
    asio::co_spawn(*context, acquire_once(s, granted, given_up),
                   asio::bind_cancellation_slot(signal.slot(), asio::detached));
    context->poll();
    std::thread other([&] { s.release(); });
    if (round % 2 == 0) {
      signal.emit(asio::cancellation_type::terminal);
      context->run();
      EXPECT_EQ(granted + given_up, 1);
    }
    context.reset();
    other.join();
    EXPECT_EQ(s.available() + static_cast<unsigned>(granted), 1u);
    if (granted == 0) {
      EXPECT_TRUE(s.try_acquire());
    }
  }
}

}  // namespace
}  // namespace holdfast::sync
