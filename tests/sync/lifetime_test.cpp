#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <holdfast/sync/guarded.hpp>
#include <holdfast/sync/mutex.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace holdfast::sync {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

/// Counts its live instances, to detect leaks of frames and handlers.
struct witness {
  explicit witness(int& c) : count(&c) { ++*count; }
  witness(witness const& other) : count(other.count) { ++*count; }
  witness& operator=(witness const&) = delete;
  ~witness() { --*count; }
  int* count;
};

asio::awaitable<void> lock_and_say(mutex& m, std::string& log, char name, witness) {
  auto lock = co_await m.async_lock(asio::use_awaitable);
  log += name;
}

asio::awaitable<void> lock_and_sleep(mutex& m, std::string& log, char name, witness) {
  auto lock = co_await m.async_lock(asio::use_awaitable);
  log += name;
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
  co_await timer.async_wait(asio::use_awaitable);
}

TEST(lifetime_test, destroyed_context_takes_its_waiters_out_of_the_queue) {
  mutex m;
  int alive = 0;
  std::string log;
  asio::io_context stays;
  auto held = m.try_lock();
  {
    asio::io_context goes;
    asio::co_spawn(goes, lock_and_say(m, log, 'a', witness(alive)), asio::detached);
    goes.poll();
    asio::co_spawn(stays, lock_and_say(m, log, 'b', witness(alive)), asio::detached);
    stays.poll();
    asio::co_spawn(goes, lock_and_say(m, log, 'c', witness(alive)), asio::detached);
    goes.poll();
    EXPECT_EQ(alive, 3);
  }
  EXPECT_EQ(alive, 1);
  held.unlock();
  stays.run();
  EXPECT_EQ(log, "b");
  EXPECT_EQ(alive, 0);
  EXPECT_TRUE(m.try_lock());
}

TEST(lifetime_test, context_may_be_destroyed_with_nothing_but_callbacks_waiting) {
  mutex m;
  int alive = 0;
  auto held = m.try_lock();
  {
    asio::io_context goes;
    m.async_lock(asio::bind_executor(goes, [w = witness(alive)](error_code, mutex::lock) { FAIL(); }));
    EXPECT_EQ(alive, 1);
  }
  EXPECT_EQ(alive, 0);
  held.unlock();
  EXPECT_TRUE(m.try_lock());
}

TEST(lifetime_test, grant_that_was_posted_but_never_ran_passes_the_lock_on) {
  mutex m;
  int alive = 0;
  std::string log;
  asio::io_context stays;
  auto held = m.try_lock();
  {
    asio::io_context goes;
    asio::co_spawn(goes, lock_and_say(m, log, 'a', witness(alive)), asio::detached);
    asio::co_spawn(goes, lock_and_say(m, log, 'c', witness(alive)), asio::detached);
    goes.poll();
    asio::co_spawn(stays, lock_and_say(m, log, 'b', witness(alive)), asio::detached);
    stays.poll();
    held.unlock();
  }
  EXPECT_EQ(alive, 1);
  stays.run();
  EXPECT_EQ(log, "b");
  EXPECT_TRUE(m.try_lock());
}

TEST(lifetime_test, uncontended_lock_that_was_never_delivered_is_free_again) {
  mutex m;
  {
    asio::io_context goes;
    m.async_lock(asio::bind_executor(goes, [](error_code, mutex::lock) { FAIL(); }));
    EXPECT_FALSE(m.try_lock());
  }
  EXPECT_TRUE(m.try_lock());
}

TEST(lifetime_test, frame_destroyed_while_it_owns_passes_the_lock_on) {
  mutex m;
  int alive = 0;
  std::string log;
  asio::io_context stays;
  {
    asio::io_context goes;
    asio::co_spawn(goes, lock_and_sleep(m, log, 'a', witness(alive)), asio::detached);
    asio::co_spawn(goes, lock_and_say(m, log, 'c', witness(alive)), asio::detached);
    goes.poll();
    asio::co_spawn(stays, lock_and_say(m, log, 'b', witness(alive)), asio::detached);
    stays.poll();
  }
  EXPECT_EQ(alive, 1);
  stays.run();
  EXPECT_EQ(log, "ab");
  EXPECT_EQ(alive, 0);
  EXPECT_TRUE(m.try_lock());
}

TEST(lifetime_test, second_context_at_the_same_address_is_served) {
  mutex m;
  std::string log;
  std::optional<asio::io_context> context;
  for (int round = 0; round < 3; ++round) {
    context.emplace();
    int alive = 0;
    auto held = m.try_lock();
    ASSERT_TRUE(held);
    asio::co_spawn(*context, lock_and_say(m, log, 'a', witness(alive)), asio::detached);
    context->poll();
    if (round == 1) {
      held.unlock();
      context->run();
    }
    context.reset();
    EXPECT_EQ(alive, 0);
  }
  EXPECT_EQ(log, "a");
}

TEST(lifetime_test, destroyed_mutex_lets_its_waiters_complete_as_aborted) {
  asio::io_context context;
  auto m = std::make_unique<mutex>();
  auto held = m->try_lock();
  std::string log;
  for (char name : {'a', 'b'}) {
    m->async_lock(asio::bind_executor(context, [&log, name](error_code error, mutex::lock lock) {
      log += name;
      EXPECT_EQ(error, asio::error::operation_aborted);
      EXPECT_FALSE(lock);
    }));
  }
  m.reset();
  EXPECT_EQ(log, "");
  EXPECT_FALSE(held.owns_lock());
  context.run();
  EXPECT_EQ(log, "ab");
}

TEST(lifetime_test, grant_on_its_way_when_the_mutex_is_destroyed_completes_as_aborted) {
  asio::io_context context;
  auto m = std::make_unique<mutex>();
  auto held = m->try_lock();
  asio::cancellation_signal signal;
  bool called = false;
  m->async_lock(
      asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(context, [&](error_code error, mutex::lock lock) {
                                     called = true;
                                     EXPECT_EQ(error, asio::error::operation_aborted);
                                     EXPECT_FALSE(lock);
                                   })));
  held.unlock();
  m.reset();
  signal.emit(asio::cancellation_type::all);
  context.run();
  EXPECT_TRUE(called);
}

TEST(lifetime_test, everything_may_be_destroyed_mutex_first) {
  int alive = 0;
  std::string log;
  asio::io_context context;
  mutex m;  // destroyed before the context, whose frames own the lock and wait for it
  asio::co_spawn(context, lock_and_sleep(m, log, 'a', witness(alive)), asio::detached);
  asio::co_spawn(context, lock_and_say(m, log, 'b', witness(alive)), asio::detached);
  context.poll();
  EXPECT_EQ(log, "a");
}

TEST(lifetime_test, handler_may_destroy_the_mutex) {
  asio::io_context context;
  auto m = std::make_shared<mutex>();
  auto held = m->try_lock();
  bool called = false;
  m->async_lock(asio::bind_executor(context, [&called, m](error_code, mutex::lock lock) mutable {
    lock.unlock();
    m.reset();
    called = true;
  }));
  m.reset();
  held.unlock();
  context.run();
  EXPECT_TRUE(called);
}

TEST(lifetime_test, waiting_handler_that_keeps_its_own_mutex_alive_is_destroyed_with_its_context) {
  int alive = 0;
  {
    asio::io_context context;
    auto m = std::make_shared<guarded<witness>>(witness(alive));
    m->async_lock(asio::bind_executor(context, [m](error_code, guarded<witness>::lock) { FAIL(); }));
    m->async_lock(asio::bind_executor(context, [m](error_code, guarded<witness>::lock) { FAIL(); }));
  }
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace holdfast::sync
