#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <holdfast/sync/mutex.hpp>
#include <string>
#include <thread>
#include <vector>

// glibc's functions beneath the counting ones.
extern "C" void* __libc_malloc(std::size_t size);                           // NOLINT(readability-identifier-naming)
extern "C" void* __libc_memalign(std::size_t alignment, std::size_t size);  // NOLINT(readability-identifier-naming)

/// Counts all heap allocations of the program: operator new and Asio's allocations of frames and operations end here.
static std::atomic<long> heap_allocations{0};
static std::atomic<std::size_t> heap_bytes{0};
static void count(std::size_t size) {
  heap_allocations.fetch_add(1, std::memory_order_relaxed);
  heap_bytes.fetch_add(size, std::memory_order_relaxed);
}
extern "C" void* malloc(std::size_t size) {
  count(size);
  return __libc_malloc(size);
}
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) {
  count(size);
  return __libc_memalign(alignment, size);
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
    (void)co_await m.async_run(section, asio::as_tuple(asio::deferred));
  }
}

/// Allocations of `rounds` rounds, after a warm-up that creates everything that is allocated once.
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
awaitable_on<Executor> take_turns_in_time(mutex& m, long rounds) {
  for (long i = 0; i < rounds; ++i) {
    auto lock = co_await m.async_lock_for(std::chrono::hours(1));
    co_await asio::post(asio::deferred);
  }
}

/// Like take_turns_in_time(), but every other wait is for a function.
template <class Executor>
awaitable_on<Executor> take_turns_running_in_time(mutex& m, long rounds) {
  auto section = [] { return 7; };
  for (long i = 0; i < rounds; i += 2) {
    auto lock = co_await m.async_lock_for(std::chrono::hours(1));
    co_await asio::post(asio::deferred);
    lock.unlock();
    (void)co_await m.async_run_for(std::chrono::hours(1), section, asio::as_tuple(asio::deferred));
  }
}

// A deadline needs a timer, whose memory Asio recycles only in part. With two tasks, one waits at a time and both kinds
// of waits leave the same blocks for recycling.
TEST(coroutine_test, waiting_functions_with_a_deadline_allocate_no_more_than_waiting_locks_with_one) {
  asio::io_context context(1);
  auto const run_all = [&](auto start) {
    return allocations_in_steady_state([&](mutex& m, long rounds) {
      for (int i = 0; i < 2; ++i) asio::co_spawn(context, start(m, rounds), asio::detached);
      context.restart();
      context.run();
    });
  };
  long const locks = run_all([](mutex& m, long rounds) { return take_turns_in_time<io_executor>(m, rounds); });
  long const functions =
      run_all([](mutex& m, long rounds) { return take_turns_running_in_time<io_executor>(m, rounds); });
  RecordProperty("locks", std::to_string(locks));
  RecordProperty("functions", std::to_string(functions));
  EXPECT_LE(functions, locks);
}

// Each thread receives its completions from the other one. A new thread fills its cache of recycled blocks once, plus
// one or two blocks if completions coincide; that is not one per wait in 32,000 waits.
TEST(coroutine_test, waiting_between_two_threads_allocates_nothing_in_the_steady_state) {
  constexpr int tasks = 16;
  asio::io_context contexts[2] = {asio::io_context(1), asio::io_context(1)};
  EXPECT_LE(allocations_in_steady_state([&](mutex& m, long rounds) {
              for (int i = 0; i < tasks; ++i) {
                asio::co_spawn(contexts[i % 2], take_turns_running<io_executor>(m, rounds), asio::detached);
              }
              for (auto& context : contexts) context.restart();
              std::thread other([&] { contexts[1].run(); });
              contexts[0].run();
              other.join();
            }),
            tasks);
}

TEST(callback_test, waiting_allocates_nothing_in_the_steady_state) {
  asio::io_context context(1);
  EXPECT_EQ(allocations_in_steady_state([&](mutex& m, long rounds) {
              auto held = m.try_lock();
              std::function<void()> ask = [&] {
                if (rounds-- == 0) return;
                m.async_lock(asio::bind_executor(context, [&](boost::system::error_code, mutex::lock lock) {
                  held = std::move(lock);
                  ask();
                  held.unlock();
                }));
              };
              ask();
              held.unlock();
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

TEST(coroutine_test, waiting_on_a_strand_allocates_no_more_than_a_post) {
  using strand = asio::strand<io_executor>;
  asio::io_context context(1);
  std::vector<strand> strands;
  for (int i = 0; i < 16; ++i) strands.push_back(asio::make_strand(context.get_executor()));
  auto const on_strands = [&](auto start) {
    for (auto const& s : strands) asio::co_spawn(s, start(), asio::detached);
    context.restart();
    context.run();
  };
  long const posts =
      allocations_in_steady_state([&](mutex&, long rounds) { on_strands([&] { return only_post<strand>(rounds); }); });
  long const waits = allocations_in_steady_state(
      [&](mutex& m, long rounds) { on_strands([&] { return take_turns<strand>(m, rounds); }); });
  EXPECT_LE(waits, posts);
}

awaitable_on<io_executor> take_once(mutex& m) {
  auto const lock = co_await m.async_lock();
}
awaitable_on<io_executor> post_once() {
  co_await asio::post(asio::deferred);
}

/// Heap bytes per coroutine until each of `count` coroutines waits.
template <class Start>
std::size_t bytes_until_blocked(asio::io_context& context, Start start) {
  constexpr std::size_t count = 1000;
  auto const before = heap_bytes.load();
  for (std::size_t i = 0; i < count; ++i) asio::co_spawn(context, start(), asio::detached);
  context.poll();
  return (heap_bytes.load() - before) / count;
}

// In addition to the frame of a coroutine that awaits an operation of Asio.
TEST(coroutine_test, blocked_coroutine_takes_at_most_200_bytes_of_its_own) {
  asio::io_context context(1);
  mutex m;
  auto held = m.try_lock();
  auto const posting = bytes_until_blocked(context, [] { return post_once(); });
  auto const waiting = bytes_until_blocked(context, [&] { return take_once(m); });
  RecordProperty("bytes", std::to_string(waiting - posting));
  EXPECT_GT(waiting, posting);
  EXPECT_LE(waiting, posting + 200);
  held.unlock();
  context.run();
}

}  // namespace
}  // namespace holdfast::sync
