#include <gtest/gtest.h>

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <deque>
#include <holdfast/sync/executor_traits.hpp>
#include <holdfast/sync/mutex.hpp>
#include <holdfast/sync/shared_mutex.hpp>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "tests/sync/manual_executor.hpp"

// Executors that treat posted functions differently than a running io_context.
namespace holdfast::sync {
namespace test {

/// A third-party execution context. Its executor allocates with its own allocator and frees before it calls. With
/// `is_known`, that property is declared to the library.
class foreign_context : public boost::asio::execution_context {
 public:
  template <class Allocator, bool is_known>
  class basic_executor;

  ~foreign_context() {
    shutdown();
    while (!functions_.empty()) take()->finish(false);
    destroy();
  }

  std::size_t posted() const { return functions_.size(); }
  void run() {
    runs_ = true;
    while (!functions_.empty()) take()->finish(true);
    runs_ = false;
  }

 private:
  struct function_base {
    virtual void finish(bool calls) = 0;

   protected:
    ~function_base() = default;
  };
  template <class F, class Allocator>
  struct function final : function_base {
    using own_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<function>;
    function(F&& f, own_allocator const& a) : body(std::move(f)), allocator(a) {}
    void finish(bool calls) override {
      F mine(std::move(body));
      own_allocator a(allocator);
      this->~function();
      std::allocator_traits<own_allocator>::deallocate(a, this, 1);
      if (calls) mine();
    }
    F body;
    own_allocator allocator;
  };
  function_base* take() {
    auto* const oldest = functions_.front();
    functions_.pop_front();
    return oldest;
  }

  std::deque<function_base*> functions_;
  bool runs_ = false;
};

template <class Allocator, bool is_known>
class foreign_context::basic_executor {
 public:
  explicit basic_executor(foreign_context& context, Allocator const& allocator = {})
      : context_(&context), allocator_(allocator) {}

  foreign_context& query(boost::asio::execution::context_t) const noexcept { return *context_; }
  static constexpr auto query(boost::asio::execution::blocking_t) noexcept {
    return boost::asio::execution::blocking.never;
  }
  basic_executor require(boost::asio::execution::blocking_t::never_t) const noexcept { return *this; }
  template <class Other>
  basic_executor<Other, is_known> require(boost::asio::execution::allocator_t<Other> other) const noexcept {
    return basic_executor<Other, is_known>(*context_, other.value());
  }
  bool running_in_this_thread() const noexcept { return context_->runs_; }

  template <class F>
  void execute(F f) const {
    using node = function<F, Allocator>;
    typename node::own_allocator allocator(allocator_);
    context_->functions_.push_back(::new (static_cast<void*>(allocator.allocate(1))) node(std::move(f), allocator));
  }
  bool operator==(basic_executor const& other) const noexcept { return context_ == other.context_; }

 private:
  foreign_context* context_;
  Allocator allocator_;
};

}  // namespace test

template <class Allocator>
inline constexpr bool frees_before_calling<test::foreign_context::basic_executor<Allocator, true>> = true;
template <class Allocator>
inline constexpr bool is_context_executor<test::foreign_context::basic_executor<Allocator, true>> = true;

namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr int crowd = 100'000;

/// An executor that rejects every function: out of memory, or its queue is full.
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

// A strand of a context that is being destroyed destroys posted functions at once.
TEST(executor_test, any_number_of_waiters_of_a_dying_strand_pass_the_lock_on_without_growing_the_stack) {
  mutex m;
  {
    asio::io_context context;
    auto held = m.try_lock();
    // The first wait decides which is destroyed first: the strands or the lock's own service.
    m.async_lock(asio::bind_executor(context, [](error_code, mutex::lock) { FAIL(); }));
    auto strand = asio::make_strand(context);
    for (int i = 0; i < crowd; ++i) {
      m.async_lock(asio::bind_executor(strand, [](error_code, mutex::lock) { FAIL(); }));
    }
    held.unlock();
  }
  EXPECT_TRUE(m.try_lock());
}

template <bool is_known>
using foreign_executor = test::foreign_context::basic_executor<std::allocator<void>, is_known>;

/// Counts its live allocations.
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

/// @return the number of blocks from the handler's allocator while its grant is in flight.
template <bool is_known>
int blocks_of_a_grant() {
  test::foreign_context context;
  mutex m;
  auto held = m.try_lock();
  int live = 0;
  bool granted = false;
  m.async_lock(asio::bind_allocator(
      counting_allocator<void>(live),
      asio::bind_executor(foreign_executor<is_known>(context), [&](error_code, mutex::lock) { granted = true; })));
  held.unlock();
  int const blocks = live;
  context.run();
  EXPECT_TRUE(granted);
  EXPECT_EQ(live, 0);
  return blocks;
}

TEST(executor_traits_test, grant_to_an_executor_that_frees_before_calling_travels_in_the_operation) {
  EXPECT_EQ(blocks_of_a_grant<true>(), 1);
  EXPECT_EQ(blocks_of_a_grant<false>(), 2);
}

/// @return the number of messages that notify three waiters of the completion of their functions.
template <bool is_known>
std::size_t messages_of_three_functions(bool released_by_the_context) {
  test::foreign_context context;
  foreign_executor<is_known> const executor(context);
  mutex m;
  auto held = m.try_lock();
  int told = 0;
  for (int i = 0; i < 3; ++i) {
    m.async_run([] {}, asio::bind_executor(executor, [&](std::exception_ptr error) { told += !error; }));
  }
  std::size_t messages = 0;
  auto release = [&] {
    held.unlock();
    messages = context.posted();
  };
  if (released_by_the_context) {
    executor.execute(release);
  } else {
    release();
  }
  context.run();
  EXPECT_EQ(told, 3);
  return messages;
}

TEST(executor_traits_test, functions_of_a_context_executor_are_told_by_one_message_from_outside) {
  EXPECT_EQ(messages_of_three_functions<true>(false), 1u);
  EXPECT_EQ(messages_of_three_functions<true>(true), 3u);
  EXPECT_EQ(messages_of_three_functions<false>(false), 3u);
  EXPECT_EQ(messages_of_three_functions<false>(true), 3u);
}

TEST(executor_traits_test, deadlines_are_kept_by_the_timer_of_the_executor) {
  using executor = test::manual_context::executor_type;
  static_assert(std::same_as<timer_of_t<executor>, test::manual_timer>);
  static_assert(deadline_timer<test::manual_timer, executor>);
  static_assert(!deadline_timer<int, executor>);
  test::manual_context context;
  shared_mutex m;
  auto held = m.try_lock();
  std::string log;
  auto told = [&](char name) {
    return asio::bind_executor(context.get_executor(), [&log, name](error_code error, auto) {
      log += name;
      if (error == asio::error::timed_out) log += '?';
    });
  };
  test::manual_context::time_point const start{};
  m.async_lock_until(start + std::chrono::seconds(3), told('a'));
  m.async_lock_shared_until(start + std::chrono::seconds(2), told('b'));
  m.async_lock_until(test::manual_context::time_point::max(), told('c'));
  EXPECT_EQ(context.timers(), 3u);
  context.pass_time_until(start + std::chrono::seconds(2));
  context.run();
  EXPECT_EQ(log, "b?");
  context.pass_time_until(start + std::chrono::seconds(3));
  context.run();
  EXPECT_EQ(log, "b?a?");
  held.unlock();
  context.run();
  EXPECT_EQ(log, "b?a?c");
  EXPECT_EQ(context.timers(), 0u);
}

TEST(executor_traits_test, asios_own_executors_keep_asios_timer) {
  using executor = asio::io_context::executor_type;
  static_assert(std::same_as<timer_of_t<executor>::executor_type, executor>);
  static_assert(std::same_as<timer_of_t<executor>::clock_type, std::chrono::steady_clock>);
  static_assert(frees_before_calling<executor> && is_context_executor<executor>);
  static_assert(!frees_before_calling<asio::strand<executor>> && !is_context_executor<asio::strand<executor>>);
}

/// Asks for the lock in its destructor, like clean-up code.
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

// A strand, unlike an io_context, uses the handler's allocator. A coroutine's handler allocates from its frame, which
// has room for the operation only.
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
