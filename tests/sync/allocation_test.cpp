#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdlib>
#include <holdfast/sync/mutex.hpp>
#include <new>

/// Counts what the whole program takes from the heap, which is what "no allocation" is about.
static std::atomic<long> heap_allocations{0};
[[gnu::noinline]] static void* counted(std::size_t size, std::size_t alignment) {
  heap_allocations.fetch_add(1, std::memory_order_relaxed);
  void* const block = alignment <= alignof(std::max_align_t)
                          ? std::malloc(size)
                          : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (!block) throw std::bad_alloc();
  return block;
}
void* operator new(std::size_t size) {
  return counted(size, 1);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* block) noexcept {
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
  std::free(block);
}
void operator delete(void* block, std::align_val_t) noexcept {
  std::free(block);
}
void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
  std::free(block);
}

namespace holdfast::sync {
namespace {

namespace asio = boost::asio;
template <class Executor>
using awaitable_on = asio::awaitable<void, Executor>;
using io_executor = asio::io_context::executor_type;

template <class Executor>
awaitable_on<Executor> take_turns(mutex& m, long rounds) {
  for (long i = 0; i < rounds; ++i) {
    auto lock = co_await m.async_lock();
    co_await asio::post(asio::deferred);
  }
}

template <class Executor>
awaitable_on<Executor> take_turns_running(mutex& m, long rounds) {
  auto section = [] { return 7; };
  for (long i = 0; i < rounds; ++i) {
    auto lock = co_await m.async_lock();
    co_await asio::post(asio::deferred);
    lock.unlock();
    (void)co_await m.async_run(section);
  }
}

/// Allocations of `rounds` rounds, once everything that is created once exists.
template <class Start>
long allocations_in_steady_state(Start start) {
  mutex m;
  start(m, 10);
  long const before = heap_allocations;
  start(m, 10);
  long const few = heap_allocations - before;
  long const middle = heap_allocations;
  start(m, 1000);
  return heap_allocations - middle - few;
}

TEST(coroutine_test, waiting_allocates_nothing_in_the_steady_state) {
  asio::io_context context(1);
  EXPECT_EQ(allocations_in_steady_state([&](mutex& m, long rounds) {
              for (int i = 0; i < 16; ++i) asio::co_spawn(context, take_turns<io_executor>(m, rounds), asio::detached);
              context.restart();
              context.run();
            }),
            0);
}

TEST(coroutine_test, waiting_functions_allocate_nothing_in_the_steady_state) {
  asio::io_context context(1);
  EXPECT_EQ(allocations_in_steady_state([&](mutex& m, long rounds) {
              for (int i = 0; i < 16; ++i) {
                asio::co_spawn(context, take_turns_running<io_executor>(m, rounds), asio::detached);
              }
              context.restart();
              context.run();
            }),
            0);
}

template <class Executor>
awaitable_on<Executor> only_post(long rounds) {
  for (long i = 0; i < rounds; ++i) {
    co_await asio::post(asio::deferred);
    co_await asio::post(asio::deferred);
  }
}

TEST(coroutine_test, waiting_on_a_type_erased_executor_allocates_no_more_than_a_post) {
  asio::io_context context(1);
  long const posts = allocations_in_steady_state([&](mutex&, long rounds) {
    for (int i = 0; i < 16; ++i) asio::co_spawn(context, only_post<asio::any_io_executor>(rounds), asio::detached);
    context.restart();
    context.run();
  });
  long const waits = allocations_in_steady_state([&](mutex& m, long rounds) {
    for (int i = 0; i < 16; ++i) asio::co_spawn(context, take_turns<asio::any_io_executor>(m, rounds), asio::detached);
    context.restart();
    context.run();
  });
  EXPECT_LE(waits, posts);
}

}  // namespace
}  // namespace holdfast::sync
