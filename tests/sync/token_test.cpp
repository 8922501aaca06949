#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>
#include <future>
#include <holdfast/sync/guarded.hpp>
#include <holdfast/sync/mutex.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::sync {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using namespace std::chrono_literals;

asio::awaitable<void> add(guarded<std::string>& g, char c) {
  auto lock = co_await g.async_lock(asio::use_awaitable);
  *lock += c;
}

asio::awaitable<void> add_deferred(guarded<std::string>& g, char c) {
  auto lock = co_await g.async_lock();
  *lock += c;
}

asio::awaitable<void> add_as_tuple(guarded<std::string>& g, char c) {
  auto [error, lock] = co_await g.async_lock(asio::as_tuple(asio::use_awaitable));
  if (!error) *lock += c;
}

TEST(token_test, coroutine_tokens_wait_and_are_served_in_order) {
  asio::io_context context;
  guarded<std::string> g;
  auto held = g.try_lock();
  asio::co_spawn(context, add(g, 'a'), asio::detached);
  asio::co_spawn(context, add_deferred(g, 'b'), asio::detached);
  asio::co_spawn(context, add_as_tuple(g, 'c'), asio::detached);
  context.poll();
  EXPECT_EQ(*held, "");
  held.unlock();
  context.run();
  EXPECT_EQ(*g.try_lock(), "abc");
}

TEST(token_test, coroutine_tokens_take_a_free_lock) {
  asio::io_context context;
  guarded<std::string> g;
  asio::co_spawn(context, add(g, 'a'), asio::detached);
  asio::co_spawn(context, add_deferred(g, 'b'), asio::detached);
  asio::co_spawn(context, add_as_tuple(g, 'c'), asio::detached);
  context.run();
  EXPECT_EQ(g.try_lock()->size(), 3u);
}

TEST(token_test, run_does_not_return_while_a_callback_waits) {
  asio::io_context context;
  mutex m;
  auto held = m.try_lock();
  bool called = false;
  m.async_lock(asio::bind_executor(context, [&](error_code, mutex::lock) { called = true; }));
  std::thread other([&, lock = std::move(held)]() mutable {
    std::this_thread::sleep_for(20ms);
    lock.unlock();
  });
  context.run();
  EXPECT_TRUE(called);
  other.join();
}

TEST(token_test, future_is_fulfilled) {
  asio::thread_pool pool(1);
  mutex m;
  auto held = m.try_lock();
  auto future = m.async_lock(asio::bind_executor(pool, asio::use_future));
  EXPECT_EQ(future.wait_for(0s), std::future_status::timeout);
  held.unlock();
  EXPECT_TRUE(future.get());
}

TEST(token_test, lazy_operation_takes_its_place_when_it_is_started) {
  asio::io_context context;
  mutex m;
  std::string log;
  auto held = m.try_lock();
  auto lazy = m.async_lock(asio::deferred);
  m.async_lock(asio::bind_executor(context, [&](error_code, mutex::lock) { log += 'a'; }));
  std::move(lazy)(asio::bind_executor(context, [&](error_code, mutex::lock) { log += 'b'; }));
  held.unlock();
  context.run();
  EXPECT_EQ(log, "ab");
}

template <class Executor>
void serve_many_on(Executor executor) {
  guarded<int> g(0);
  std::atomic<int> done{0};
  for (int i = 0; i < 1000; ++i) {
    g.async_lock(asio::bind_executor(executor, [&done](error_code error, guarded<int>::lock lock) {
      EXPECT_FALSE(error);
      ++*lock;
      lock.unlock();
      ++done;
    }));
  }
  while (done.load() != 1000) std::this_thread::yield();
  EXPECT_EQ(*g.try_lock(), 1000);
}

TEST(token_test, thread_pool_executor_works) {
  asio::thread_pool pool(2);
  serve_many_on(pool.get_executor());
  pool.join();
}

TEST(token_test, strand_executor_works) {
  asio::thread_pool pool(2);
  serve_many_on(asio::make_strand(pool));
  pool.join();
}

TEST(token_test, type_erased_executor_works) {
  asio::thread_pool pool(2);
  serve_many_on(asio::any_io_executor(pool.get_executor()));
  pool.join();
}

TEST(token_test, system_executor_works) {
  serve_many_on(asio::system_executor());
}

TEST(token_test, handler_without_executor_works) {
  mutex m;
  std::atomic<bool> called{false};
  m.async_lock([&](error_code, mutex::lock lock) {
    lock.unlock();
    called = true;
  });
  while (!called) std::this_thread::yield();
}

asio::awaitable<void> lock_or_timer(mutex& m, std::string& log, std::chrono::milliseconds patience) {
  using namespace asio::experimental::awaitable_operators;
  asio::steady_timer timer(co_await asio::this_coro::executor, patience);
  auto winner = co_await (m.async_lock(asio::use_awaitable) || timer.async_wait(asio::use_awaitable));
  log += winner.index() == 0 ? 'l' : 't';
}

TEST(token_test, waiter_that_loses_against_a_timer_gives_up_its_place) {
  asio::io_context context;
  mutex m;
  std::string log;
  auto held = m.try_lock();
  asio::co_spawn(context, lock_or_timer(m, log, 1ms), asio::detached);
  asio::co_spawn(context, lock_or_timer(m, log, 1h), asio::detached);
  context.run_one_for(1s);
  while (log.empty()) context.run_one_for(1s);
  EXPECT_EQ(log, "t");
  held.unlock();
  context.run();
  EXPECT_EQ(log, "tl");
  EXPECT_TRUE(m.try_lock());
}

TEST(token_test, timed_waiter_gives_up_at_its_deadline) {
  asio::io_context context;
  mutex m;
  auto held = m.try_lock();
  std::string log;
  auto write_down = [&log](char name) {
    return [&log, name](error_code error, mutex::lock lock) {
      log += name;
      if (error == asio::error::timed_out) log += '!';
      EXPECT_EQ(!error, lock.owns_lock());
    };
  };
  m.async_lock_for(1ms, asio::bind_executor(context, write_down('a')));
  m.async_lock_for(1h, asio::bind_executor(context, write_down('b')));
  m.async_lock_until(std::chrono::steady_clock::now() - 1s, asio::bind_executor(context, write_down('c')));
  while (log.size() < 4) context.run_one_for(1s);
  held.unlock();
  context.run();
  EXPECT_EQ(log.size(), 5u);
  EXPECT_EQ(log.substr(4), "b");
  EXPECT_TRUE(m.try_lock());
}

TEST(token_test, timed_function_waits_on_any_executor_and_fulfils_a_future) {
  asio::thread_pool pool(1);
  mutex m;
  auto held = m.try_lock();
  auto section = [] { return 7; };
  auto wait_on = [&](auto executor) {
    // Inspect the exception in the handler: the C++ library's reference count of exceptions is invisible to the thread
    // sanitizer.
    auto const refused = std::make_shared<std::promise<error_code>>();
    m.async_run_for(1ms, section, asio::bind_executor(executor, [refused](std::exception_ptr const& why, int) {
                      try {
                        if (why) std::rethrow_exception(why);
                        refused->set_value({});
                      } catch (boost::system::system_error const& error) {
                        refused->set_value(error.code());
                      }
                    }));
    EXPECT_EQ(refused->get_future().get(), asio::error::timed_out);
    return m.async_run_for(1h, section, asio::bind_executor(executor, asio::use_future));
  };
  auto on_pool = wait_on(pool.get_executor());
  auto on_strand = wait_on(asio::make_strand(pool));
  auto on_any = wait_on(asio::any_io_executor(pool.get_executor()));
  auto on_system = wait_on(asio::system_executor());
  held.unlock();
  EXPECT_EQ(on_pool.get() + on_strand.get() + on_any.get() + on_system.get(), 4 * 7);
  pool.join();
}

TEST(token_test, timed_lock_that_is_free_is_granted_even_after_the_deadline) {
  asio::io_context context;
  mutex m;
  bool granted = false;
  m.async_lock_for(-1s, asio::bind_executor(context, [&](error_code error, mutex::lock) { granted = !error; }));
  context.run();
  EXPECT_TRUE(granted);
}

TEST(token_test, longest_duration_waits_for_ever) {
  asio::io_context context;
  mutex m;
  auto held = m.try_lock();
  bool granted = false;
  m.async_lock_for(std::chrono::steady_clock::duration::max(),
                   asio::bind_executor(context, [&](error_code error, mutex::lock) { granted = !error; }));
  context.poll();
  held.unlock();
  context.run();
  EXPECT_TRUE(granted);
}

TEST(token_test, context_destroyed_with_a_timed_waiter_leaks_nothing) {
  mutex m;
  auto held = m.try_lock();
  {
    asio::io_context context;
    m.async_lock_for(1h, asio::bind_executor(context, [](error_code, mutex::lock) { FAIL(); }));
  }
  held.unlock();
  EXPECT_TRUE(m.try_lock());
}

TEST(token_test, mutex_destroyed_with_a_timed_waiter_aborts_it) {
  asio::io_context context;
  error_code result;
  {
    mutex m;
    auto held = m.try_lock();
    m.async_lock_for(1h, asio::bind_executor(context, [&](error_code error, mutex::lock) { result = error; }));
  }
  context.run();
  EXPECT_EQ(result, asio::error::operation_aborted);
}

/// Counts allocations, to check that an operation's memory comes from this allocator and is freed before the handler
/// runs.
template <class T>
struct counting_allocator {
  using value_type = T;
  explicit counting_allocator(int& l) : live(&l) {}
  template <class U>
  counting_allocator(counting_allocator<U> const& other) : live(other.live) {}
  T* allocate(std::size_t n) {
    ++*live;
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* p, std::size_t n) {
    --*live;
    std::allocator<T>().deallocate(p, n);
  }
  bool operator==(counting_allocator const& other) const { return live == other.live; }
  int* live;
};

TEST(token_test, associated_allocator_is_used_and_given_back_before_the_handler) {
  asio::io_context context;
  mutex m;
  auto held = m.try_lock();
  int live = 0;
  bool called = false;
  m.async_lock(
      asio::bind_allocator(counting_allocator<void>(live), asio::bind_executor(context, [&](error_code, mutex::lock) {
                             called = true;
                             EXPECT_EQ(live, 0);
                           })));
  EXPECT_EQ(live, 1);
  held.unlock();
  context.run();
  EXPECT_TRUE(called);
}

TEST(token_test, lock_is_released_on_another_thread_than_it_was_taken) {
  mutex m;
  auto held = m.try_lock();
  std::thread other([lock = std::move(held)]() mutable { lock.unlock(); });
  other.join();
  EXPECT_TRUE(m.try_lock());
}

}  // namespace
}  // namespace holdfast::sync
