#include <gtest/gtest.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <functional>
#include <holdfast/sync/guarded.hpp>
#include <holdfast/sync/mutex.hpp>
#include <holdfast/sync/shared_guarded.hpp>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "tests/sync/manual_executor.hpp"
#include "tests/sync/once_in_a_process.hpp"

// Regressions. Each test describes a former bug and fails with the code that had it.
namespace holdfast::sync {
namespace test {

/// An executor of a manual_context that calls a hook before it accepts a function.
struct hooked_executor {
  manual_context& query(boost::asio::execution::context_t) const noexcept { return *context; }
  static constexpr auto query(boost::asio::execution::blocking_t) noexcept {
    return boost::asio::execution::blocking.never;
  }
  hooked_executor require(boost::asio::execution::blocking_t::never_t) const noexcept { return *this; }
  template <class F>
  void execute(F f) const {
    (*hook)();
    context->get_executor().execute(std::move(f));
  }
  bool operator==(hooked_executor const&) const noexcept = default;

  manual_context* context;
  std::function<void()>* hook;
};

/// An executor whose timers cannot be set.
struct timeless_executor : hooked_executor {
  timeless_executor require(boost::asio::execution::blocking_t::never_t) const noexcept { return *this; }
  bool operator==(timeless_executor const&) const noexcept = default;
};
struct broken_timer {
  explicit broken_timer(timeless_executor const&) {}
  void expires_at(std::chrono::steady_clock::time_point) {}
  template <class Handler>
  void async_wait(Handler&&) {
    throw std::bad_alloc();
  }
  void cancel() {}
};

}  // namespace test

template <>
struct timer_of<test::timeless_executor> {
  using type = test::broken_timer;
};

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using test::manual_context;
using io_executor = asio::io_context::executor_type;

asio::awaitable<void, io_executor> lock_for_ever(mutex& m) {
  for (;;) auto lock = co_await m.async_lock();
}

// A coroutine that had used up its budget of grants yielded without a place in the mutex's queue, and asked for the
// lock afterwards. If a thread destroyed the mutex meanwhile, the coroutine accessed freed memory. Now it queues at
// once.
TEST(defect_test, coroutine_whose_budget_is_used_up_keeps_its_place) {
  mutex m;
  {
    asio::io_context context(1);
    asio::co_spawn(context, lock_for_ever(m), asio::detached);
    context.run_one();
    EXPECT_FALSE(m.try_lock());
  }
  EXPECT_TRUE(m.try_lock());
}

asio::awaitable<void, io_executor> lock_many_times_after_a_cancellation(mutex& m, bool& ended) {
  co_await asio::this_coro::throw_if_cancelled(false);
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
  co_await timer.async_wait(asio::as_tuple(asio::deferred));
  for (int i = 0; i < 129; ++i) {
    auto [error, lock] = co_await m.async_lock(asio::as_tuple(asio::deferred));
    if (error) break;
  }
  ended = true;
}

// A second signal of the same type was lost while a coroutine yielded, and the coroutine waited forever.
TEST(defect_test, second_signal_reaches_a_coroutine_whose_budget_is_used_up) {
  asio::io_context context(1);
  mutex m;
  bool ended = false;
  asio::cancellation_signal signal;
  asio::co_spawn(context, lock_many_times_after_a_cancellation(m, ended),
                 asio::bind_cancellation_slot(signal.slot(), asio::detached));
  context.poll();
  signal.emit(asio::cancellation_type::terminal);
  context.poll_one();  // the signal arrives at the timer
  mutex::lock held;
  asio::post(context, [&] {  // after the timer's completion and 128 grants
    held = m.try_lock();
    signal.emit(asio::cancellation_type::terminal);
  });
  context.poll();
  EXPECT_TRUE(ended);
}

struct flagged {
  explicit flagged(bool& d) : destroyed(&d) {}
  flagged(flagged&& other) noexcept : destroyed(std::exchange(other.destroyed, nullptr)) {}
  flagged& operator=(flagged&&) = delete;
  ~flagged() {
    if (destroyed) *destroyed = true;
  }
  bool* destroyed;
};

// The destructor let the last owner free the state before all waiters were notified. A waiter whose deadline passed at
// that moment accessed the freed state.
TEST(defect_test, state_of_a_shared_lock_lives_until_its_waiters_are_told) {
  bool destroyed = false;
  manual_context context;
  std::function<void()> hook = [] {};
  auto g = std::make_unique<shared_guarded<flagged>>(std::in_place, destroyed);
  auto last_owner = g->try_lock_shared();
  error_code first;
  error_code second;
  using writer = shared_guarded<flagged>::lock;
  g->async_lock(
      asio::bind_executor(test::hooked_executor{&context, &hook}, [&](error_code error, writer) { first = error; }));
  g->async_lock_for(std::chrono::hours(1),
                    asio::bind_executor(context.get_executor(), [&](error_code error, writer) { second = error; }));
  bool destroyed_too_early = false;
  hook = [&] {  // during the notification of the first waiter
    last_owner.unlock();
    destroyed_too_early = destroyed;
    if (destroyed_too_early) return;
    context.pass_time_until(std::chrono::steady_clock::time_point::max());
    context.run();
  };
  g.reset();
  context.run();
  EXPECT_FALSE(destroyed_too_early);
  EXPECT_TRUE(destroyed);
  EXPECT_EQ(first, asio::error::operation_aborted);
  EXPECT_EQ(second, asio::error::operation_aborted);
}

/// Its constructor throws; the second time it takes the mutex first.
struct takes_the_mutex_when_made {
  takes_the_mutex_when_made() {
    if (count++ == 1) taken = m->try_lock();
    throw std::runtime_error("made");
  }
  inline static int count = 0;
  inline static mutex* m = nullptr;
  inline static mutex::lock taken;
};

// The 33rd function of a release runs on its own executor. When its result threw on the way to the handler, the mutex
// was released a second time, even if it had another owner by then.
TEST(defect_test, function_whose_result_throws_releases_the_mutex_once) {
  manual_context context;
  mutex m;
  auto held = m.try_lock();
  for (unsigned i = 0; i != mutex::functions_per_release_max; ++i) {
    m.async_run([] {}, asio::bind_executor(context.get_executor(), [](std::exception_ptr const&) {}));
  }
  takes_the_mutex_when_made::m = &m;
  m.async_run([] { return takes_the_mutex_when_made(); },
              asio::bind_executor(context.get_executor(),
                                  [](std::exception_ptr const&, takes_the_mutex_when_made const&) { FAIL(); }));
  held.unlock();
  EXPECT_THROW(context.run(), std::runtime_error);
  ASSERT_TRUE(takes_the_mutex_when_made::taken);
  EXPECT_FALSE(m.try_lock());
  takes_the_mutex_when_made::taken = {};
  EXPECT_TRUE(m.try_lock());
}

// The destructor walked the entire queue for each waiter: 5,000,000,000 steps, which took many seconds.
TEST(defect_test, mutex_with_a_crowd_of_waiters_is_destroyed_in_one_pass) {
  manual_context context;
  int aborted = 0;
  auto m = std::make_unique<mutex>();
  auto const held = m->try_lock();
  for (int i = 0; i < 100'000; ++i) {
    m->async_lock(asio::bind_executor(context.get_executor(), [&](error_code error, mutex::lock) {
      if (error == asio::error::operation_aborted) ++aborted;
    }));
  }
  auto const start = std::chrono::steady_clock::now();
  m.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  context.run();
  EXPECT_EQ(aborted, 100'000);
}

// `for (auto& x : *g.try_lock())`: in C++20 the lock is destroyed before the first iteration.
TEST(defect_test, value_of_a_temporary_lock_is_a_copy) {
  using value = decltype(*std::declval<guarded<std::string>&>().try_lock());
  static_assert(!std::is_reference_v<value> && std::is_const_v<value>);
  using read_value = decltype(*std::declval<shared_guarded<std::string>&>().try_lock_shared());
  static_assert(!std::is_reference_v<read_value> && std::is_const_v<read_value>);
  using kept_value = decltype(*std::declval<guarded<std::string>::lock&>());
  static_assert(std::is_same_v<kept_value, std::string&>);

  guarded<std::string> g(std::string("abc"));
  for (char const c : *g.try_lock()) {
    EXPECT_TRUE(g.try_lock()) << c;  // the lock is released; the copied range lives on
    *std::addressof(*g.try_lock().operator->()) = "xyz";
  }
  EXPECT_EQ(*g.try_lock(), "xyz");
}

struct counts_waiting {
  using identity = int;
  std::size_t* waiting = nullptr;
  void asked(lock_event<int> const& e) const noexcept { *waiting = e.waiting; }
};

// A waiter whose timer could not be set failed, but stayed in the count of waiters forever.
TEST(defect_test, who_asked_in_vain_is_not_counted_as_waiting) {
  std::size_t waiting = 0;
  manual_context context;
  std::function<void()> hook = [] {};
  basic_mutex<counts_waiting> m(counts_waiting{&waiting});
  auto const held = m.try_lock(1);
  using lock = basic_mutex<counts_waiting>::lock;
  test::timeless_executor const executor{{&context, &hook}};
  EXPECT_THROW(m.async_lock_for(2, std::chrono::hours(1), asio::bind_executor(executor, [](error_code, lock) {})),
               std::bad_alloc);
  EXPECT_THROW(m.async_run_for(
                   3, std::chrono::hours(1), [] {}, asio::bind_executor(executor, [](std::exception_ptr const&) {})),
               std::bad_alloc);
  m.async_lock(4, asio::bind_executor(context.get_executor(), [](error_code, lock) {}));
  EXPECT_EQ(waiting, 1u);
}

// The first wait of a mutex registers it with the execution context under a process-wide mutex. It was registered even
// if the mutex was free and nobody had to wait.
TEST(defect_test, free_mutex_is_taken_without_making_itself_known_to_the_context) {
  asio::io_context context(1);
  mutex m;
  bool has_run = false;
  int granted = 0;
  m.async_lock(asio::bind_executor(context, [&](error_code error, mutex::lock lock) { granted += lock && !error; }));
  context.run();
  m.async_run([&] { has_run = true; }, asio::bind_executor(context, [](std::exception_ptr const&) {}));
  EXPECT_EQ(granted, 1);
  EXPECT_TRUE(has_run);
  EXPECT_FALSE(asio::has_service<detail::context_service>(context));
}

// Each shared library with hidden symbols had its own copy of the process-wide guard.
TEST(defect_test, globals_are_the_same_in_shared_libraries_that_hide_their_symbols) {
  EXPECT_EQ(test::globals_of_one_library(), test::globals_of_another_library());
  EXPECT_EQ(test::globals_of_one_library(), test::globals_here());
}

}  // namespace
}  // namespace holdfast::sync
