#include <gtest/gtest.h>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <holdfast/sync/mutex.hpp>
#include <holdfast/sync/shared_mutex.hpp>
#include <memory>
#include <new>
#include <utility>

// Executors that do other things with what is posted than an io_context that runs.
namespace holdfast::sync {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr int crowd = 100'000;

/// An executor that takes nothing: out of memory, or its queue is full.
struct full_executor {
  asio::execution_context& query(asio::execution::context_t) const noexcept { return *context; }
  static constexpr auto query(asio::execution::blocking_t) noexcept { return asio::execution::blocking.never; }
  full_executor require(asio::execution::blocking_t::never_t) const noexcept { return *this; }
  template <class F>
  void execute(F) const {
    throw std::bad_alloc();
  }
  bool operator==(full_executor const&) const noexcept = default;

  asio::execution_context* context;
};

TEST(executor_test, full_executor_fails_the_initiation_and_leaves_the_mutex_free) {
  asio::io_context context;
  mutex m;
  auto never = asio::bind_executor(full_executor{&context}, [](error_code, mutex::lock) { FAIL(); });
  EXPECT_THROW(m.async_lock(never), std::bad_alloc);
  EXPECT_TRUE(m.try_lock());
}

TEST(executor_test, any_number_of_waiters_of_a_full_executor_pass_the_lock_on_without_growing_the_stack) {
  asio::io_context context;
  mutex m;
  auto held = m.try_lock();
  auto alive = std::make_shared<int>();
  for (int i = 0; i < crowd; ++i) {
    m.async_lock(asio::bind_executor(full_executor{&context}, [alive](error_code, mutex::lock) { FAIL(); }));
    if (i % 3 == 0) {
      m.async_run([] {}, asio::bind_executor(full_executor{&context}, [alive](std::exception_ptr) { FAIL(); }));
    }
  }
  bool reached = false;
  m.async_lock(asio::bind_executor(context, [&](error_code error, mutex::lock) { reached = !error; }));
  held.unlock();
  EXPECT_EQ(alive.use_count(), 1);
  context.run();
  EXPECT_TRUE(reached);
  EXPECT_TRUE(m.try_lock());
}

TEST(executor_test, writers_of_a_full_executor_let_the_readers_behind_them_in) {
  asio::io_context context;
  shared_mutex m;
  auto held = m.try_lock();
  for (int i = 0; i < crowd; ++i) {
    m.async_lock(asio::bind_executor(full_executor{&context}, [](error_code, shared_mutex::lock) { FAIL(); }));
  }
  int readers = 0;
  for (int i = 0; i < 2; ++i) {
    m.async_lock_shared(
        asio::bind_executor(context, [&](error_code error, shared_mutex::shared_lock) { readers += !error; }));
  }
  held.unlock();
  context.run();
  EXPECT_EQ(readers, 2);
}

// A strand of a context that is being destroyed destroys at once what it is given.
TEST(executor_test, any_number_of_waiters_of_a_dying_strand_pass_the_lock_on_without_growing_the_stack) {
  mutex m;
  {
    asio::io_context context;
    auto held = m.try_lock();
    // Whoever waits first decides who is destroyed first, the strands or the lock's own service.
    m.async_lock(asio::bind_executor(context, [](error_code, mutex::lock) { FAIL(); }));
    auto strand = asio::make_strand(context);
    for (int i = 0; i < crowd; ++i) {
      m.async_lock(asio::bind_executor(strand, [](error_code, mutex::lock) { FAIL(); }));
    }
    held.unlock();
  }
  EXPECT_TRUE(m.try_lock());
}

/// Asks for the lock when it is destroyed, as somebody does who cleans up.
struct asks_at_the_end {
  asks_at_the_end(mutex& mutex_, asio::io_context& context_) : m(&mutex_), context(&context_) {}
  asks_at_the_end(asks_at_the_end&& other) noexcept : m(std::exchange(other.m, nullptr)), context(other.context) {}
  asks_at_the_end& operator=(asks_at_the_end&&) = delete;
  ~asks_at_the_end() {
    if (m) m->async_lock(asio::bind_executor(*context, [](error_code, mutex::lock) { FAIL(); }));
  }
  void operator()() const {}
  mutex* m;
  asio::io_context* context;
};

TEST(executor_test, who_asks_for_a_dying_context_is_dropped_by_it) {
  for (bool const somebody_waited_before : {false, true}) {
    mutex m;
    auto held = m.try_lock();
    {
      asio::io_context context;
      if (somebody_waited_before) {
        m.async_lock(asio::bind_executor(context, [](error_code, mutex::lock) { FAIL(); }));
      }
      asio::post(context, asks_at_the_end(m, context));
    }
    held.unlock();
    EXPECT_TRUE(m.try_lock());
  }
}

TEST(executor_test, thread_pool_is_destroyed_with_waiters) {
  mutex m;
  auto alive = std::make_shared<int>();
  auto held = m.try_lock();
  {
    asio::thread_pool pool(2);
    for (int i = 0; i < 10; ++i) {
      m.async_lock(asio::bind_executor(pool, [alive](error_code, mutex::lock) { FAIL(); }));
      m.async_lock(asio::bind_executor(asio::make_strand(pool), [alive](error_code, mutex::lock) { FAIL(); }));
    }
    pool.stop();
  }
  EXPECT_EQ(alive.use_count(), 1);
  held.unlock();
  EXPECT_TRUE(m.try_lock());
}

using strand = asio::strand<asio::io_context::executor_type>;

asio::awaitable<void, strand> lock_and_run(mutex& m, int rounds, int& sections) {
  auto section = [&] { ++sections; };
  for (int i = 0; i < rounds; ++i) {
    auto lock = co_await m.async_lock();
    co_await asio::post(asio::deferred);
    ++sections;
    lock.unlock();
    co_await m.async_run(section);
  }
}

// A strand, unlike an io_context, allocates with the allocator of the handler, which for a coroutine is room in its
// frame for the operation alone.
TEST(executor_test, coroutines_on_strands_wait_without_harm_to_their_frames) {
  asio::io_context context;
  mutex m;
  int sections = 0;
  for (int i = 0; i < 8; ++i) {
    asio::co_spawn(asio::make_strand(context.get_executor()), lock_and_run(m, 100, sections), asio::detached);
  }
  context.run();
  EXPECT_EQ(sections, 1600);
}

}  // namespace
}  // namespace holdfast::sync
