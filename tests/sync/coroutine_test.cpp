#include <gtest/gtest.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <holdfast/sync/mutex.hpp>
#include <holdfast/sync/shared_mutex.hpp>
#include <memory>
#include <string>

namespace holdfast::sync {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using io_executor = asio::io_context::executor_type;

TEST(coroutine_test, free_mutex_is_locked_without_suspension) {
  asio::io_context context;
  mutex m;
  std::string log;
  auto lock_twice = [](mutex& mx, std::string& l) -> asio::awaitable<void, io_executor> {
    {
      auto lock = co_await mx.async_lock();
      l += 'a';
    }
    auto nothing = [] {};
    co_await mx.async_run(nothing);
    l += 'b';
  };
  asio::co_spawn(context, lock_twice(m, log), asio::detached);
  asio::post(context, [&] { log += '.'; });
  context.run();
  EXPECT_EQ(log, "ab.");
}

asio::awaitable<void, io_executor> lock_for_ever(mutex& m, bool& stop, std::string& log, char name) {
  while (!stop) {
    auto lock = co_await m.async_lock();
    if (log.empty() || log.back() != name) log += name;
  }
}

TEST(coroutine_test, coroutine_that_never_waits_leaves_its_neighbours_their_turn) {
  asio::io_context context(1);
  mutex m;
  bool stop = false;
  std::string log;
  asio::co_spawn(context, lock_for_ever(m, stop, log, 'a'), asio::detached);
  asio::co_spawn(context, lock_for_ever(m, stop, log, 'b'), asio::detached);
  int turns = 0;
  std::function<void()> count_turns = [&] {
    if (++turns == 10) {
      stop = true;
    } else {
      asio::post(context, count_turns);
    }
  };
  asio::post(context, count_turns);
  context.run();
  EXPECT_GE(log.size(), 10u);
}

template <class Token>
asio::awaitable<void, io_executor> lock_and_then_yield(mutex& m, int sections, Token token) {
  for (int i = 0; i < sections; ++i) {
    {
      auto const lock = co_await m.async_lock(token);
    }
    co_await asio::post(asio::deferred);
  }
}

template <class Token>
std::size_t handlers_run_by(int coroutines, int sections, Token token) {
  asio::io_context context(1);
  mutex m;
  for (int i = 0; i < coroutines; ++i) asio::co_spawn(context, lock_and_then_yield(m, sections, token), asio::detached);
  return context.run();
}

// Each coroutine finds the lock free. The thread's 129th grant was posted nevertheless, because the lock did not know
// that its coroutines had awaited something else in between. While that grant was in flight the others queued, and from
// then on each section was handed over: twice the handlers, and nearly twice the time. A function posted half-way
// through the row came too late if more coroutines than that were ready.
TEST(coroutine_test, coroutines_that_await_something_else_between_their_sections_do_not_queue) {
  EXPECT_LE(handlers_run_by(16, 1000, asio::deferred), 16u * 1030);
  EXPECT_LE(handlers_run_by(1000, 10, asio::deferred), 1000u * 11);
  EXPECT_LE(handlers_run_by(16, 1000, asio::use_awaitable_t<io_executor>()), 16u * 1030);
}

asio::awaitable<void, io_executor> lock_among_others_that_lock_once(mutex& m, bool const& stop) {
  while (!stop) {
    {
      auto const lock = co_await m.async_lock();
    }
    asio::co_spawn(co_await asio::this_coro::executor, lock_and_then_yield(m, 1, asio::deferred), asio::detached);
  }
}

TEST(coroutine_test, coroutine_does_not_keep_the_thread_longer_because_others_are_suspended_inside_it) {
  asio::io_context context(1);
  mutex m;
  bool stop = false;
  asio::co_spawn(context, lock_among_others_that_lock_once(m, stop), asio::detached);
  asio::post(context, [&] { stop = true; });
  EXPECT_LE(context.run(), 1000u);
}

asio::awaitable<void, io_executor> lock_until_cancelled(mutex& m, int& grants) {
  for (;;) {
    auto lock = co_await m.async_lock();
    ++grants;
  }
}

TEST(coroutine_test, cancellation_reaches_a_coroutine_that_never_waits) {
  asio::io_context context(1);
  mutex m;
  int grants = 0;
  asio::cancellation_signal signal;
  asio::co_spawn(context, lock_until_cancelled(m, grants), asio::bind_cancellation_slot(signal.slot(), asio::detached));
  asio::post(context, [&] { signal.emit(asio::cancellation_type::terminal); });
  context.run();
  EXPECT_GT(grants, 0);
}

asio::awaitable<void, io_executor> lock_until_refused(mutex& m, int& grants, error_code& refusal) {
  for (;;) {
    auto [error, lock] = co_await m.async_lock(asio::as_tuple(asio::deferred));
    if (error) {
      refusal = error;
      co_return;
    }
    ++grants;
  }
}

// A coroutine that yields before it asks again is not in the queue; the mutex must find it nevertheless.
TEST(coroutine_test, coroutine_that_lets_others_run_learns_that_the_mutex_is_gone) {
  asio::io_context context(1);
  auto m = std::make_unique<mutex>();
  mutex stays;
  int grants[2] = {};
  error_code refusals[2];
  asio::cancellation_signal signal;
  asio::co_spawn(context, lock_until_refused(*m, grants[0], refusals[0]), asio::detached);
  asio::co_spawn(context, lock_until_refused(stays, grants[1], refusals[1]),
                 asio::bind_cancellation_slot(signal.slot(), asio::detached));
  asio::post(context, [&] { m.reset(); });
  asio::post(context, [&] {
    asio::post(context, [&] {
      EXPECT_EQ(refusals[0], asio::error::operation_aborted);
      EXPECT_FALSE(refusals[1]);
      signal.emit(asio::cancellation_type::terminal);
    });
  });
  context.run();
}

asio::awaitable<void, io_executor> lock_shared_until_refused(shared_mutex& m, error_code& refusal) {
  while (!refusal) {
    auto [error, lock] = co_await m.async_lock_shared(asio::as_tuple(asio::deferred));
    refusal = error;
  }
}

TEST(coroutine_test, reader_that_lets_others_run_learns_that_the_shared_mutex_is_gone) {
  asio::io_context context(1);
  auto m = std::make_unique<shared_mutex>();
  auto keeps_the_state_alive = m->try_lock_shared();
  error_code refusal;
  asio::co_spawn(context, lock_shared_until_refused(*m, refusal), asio::detached);
  asio::post(context, [&] { m.reset(); });
  context.run();
  EXPECT_EQ(refusal, asio::error::operation_aborted);
}

TEST(coroutine_test, context_is_destroyed_while_a_coroutine_lets_others_run) {
  mutex m;
  int grants = 0;
  error_code refusal;
  {
    asio::io_context context(1);
    asio::co_spawn(context, lock_until_refused(m, grants, refusal), asio::detached);
    for (int i = 0; i < 3; ++i) context.run_one();
    EXPECT_GT(grants, 0);
  }
  EXPECT_FALSE(refusal);
  EXPECT_TRUE(m.try_lock());
}

asio::awaitable<void, io_executor> lock_after_cancellation(mutex& m, int rounds, int& grants) {
  co_await asio::this_coro::throw_if_cancelled(false);
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
  co_await timer.async_wait(asio::as_tuple(asio::deferred));
  for (int i = 0; i < rounds; ++i) {
    auto [error, lock] = co_await m.async_lock(asio::as_tuple(asio::deferred));
    if (!error) ++grants;
  }
}

// A coroutine that cleans up after its cancellation must not be cancelled again just because it yielded.
TEST(coroutine_test, cancellation_is_told_once) {
  asio::io_context context(1);
  mutex m;
  int grants = 0;
  asio::cancellation_signal signal;
  asio::co_spawn(context, lock_after_cancellation(m, 1000, grants),
                 asio::bind_cancellation_slot(signal.slot(), asio::detached));
  context.poll();
  signal.emit(asio::cancellation_type::terminal);
  context.run();
  EXPECT_EQ(grants, 1000);
}

asio::awaitable<void, io_executor> lock_and_sleep(mutex& m, std::string& log) {
  auto lock = co_await m.async_lock();
  log += 'a';
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
  co_await timer.async_wait(asio::deferred);
  log += '!';
}
asio::awaitable<void, io_executor> lock_and_say(mutex& m, std::string& log) {
  auto lock = co_await m.async_lock();
  log += 'b';
}

TEST(coroutine_test, owner_that_is_cancelled_passes_the_lock_on) {
  asio::io_context context(1);
  mutex m;
  std::string log;
  asio::cancellation_signal signal;
  asio::co_spawn(context, lock_and_sleep(m, log), asio::bind_cancellation_slot(signal.slot(), asio::detached));
  asio::co_spawn(context, lock_and_say(m, log), asio::detached);
  context.poll();
  EXPECT_EQ(log, "a");
  signal.emit(asio::cancellation_type::terminal);
  context.run();
  EXPECT_EQ(log, "ab");
}

asio::awaitable<void, io_executor> sleep_and_lock(mutex& m, std::string& log) {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
  co_await timer.async_wait(asio::as_tuple(asio::deferred));
  co_await lock_and_say(m, log);
}

TEST(coroutine_test, coroutine_that_is_cancelled_before_it_asks_never_asks) {
  for (bool const held_by_another : {false, true}) {
    asio::io_context context(1);
    mutex m;
    mutex::lock held;
    if (held_by_another) held = m.try_lock();
    std::string log;
    asio::cancellation_signal signal;
    asio::co_spawn(context, sleep_and_lock(m, log), asio::bind_cancellation_slot(signal.slot(), asio::detached));
    context.poll();
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    EXPECT_EQ(log, "");
    held = {};
    EXPECT_TRUE(m.try_lock());
  }
}

TEST(coroutine_test, blocked_coroutine_takes_at_most_240_bytes_beyond_its_frame) {
  using operation = decltype(std::declval<mutex&>().async_lock());
  using awaiter = asio::detail::awaitable_async_op<mutex::signature, operation, io_executor>;
  EXPECT_LE(sizeof(awaiter) + sizeof(operation), 240u) << sizeof(awaiter) << " and " << sizeof(operation);
}

}  // namespace
}  // namespace holdfast::sync
