#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <holdfast/sync/guarded.hpp>
#include <holdfast/sync/lock_all.hpp>
#include <holdfast/sync/mutex.hpp>
#include <holdfast/sync/owned_lock.hpp>
#include <holdfast/sync/shared_guarded.hpp>
#include <holdfast/sync/shared_mutex.hpp>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "tests/sync/manual_executor.hpp"

// Multiple locks at once, locks that own their mutex, writers that become readers, and tokens without suspension.
namespace holdfast::sync {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using test::manual_context;

using three_locks = std::tuple<mutex::lock, guarded<int>::lock, shared_mutex::lock>;

class lock_all_test : public testing::Test {
 protected:
  void ask(asio::cancellation_signal* signal = nullptr) {
    auto handler = asio::bind_executor(context_.get_executor(), [this](error_code error, three_locks locks) {
      error_ = error;
      ++calls_;
      locks_ = std::move(locks);
    });
    if (signal) {
      async_lock_all(a_, b_, c_, asio::bind_cancellation_slot(signal->slot(), handler));
    } else {
      async_lock_all(a_, b_, c_, handler);
    }
  }
  bool owns_all() const { return std::get<0>(locks_) && std::get<1>(locks_) && std::get<2>(locks_); }

  manual_context context_;
  mutex a_;
  guarded<int> b_{0};
  shared_mutex c_;
  three_locks locks_;
  error_code error_;
  int calls_ = 0;
};

TEST_F(lock_all_test, free_locks_are_taken_together) {
  ask();
  EXPECT_EQ(calls_, 0);  // never inside the call
  EXPECT_FALSE(a_.try_lock());
  context_.run();
  EXPECT_EQ(calls_, 1);
  EXPECT_FALSE(error_);
  EXPECT_TRUE(owns_all());
}

TEST_F(lock_all_test, who_waits_for_one_owns_none) {
  auto held_b = b_.try_lock();
  auto held_c = c_.try_lock();
  ask();
  context_.run();
  EXPECT_TRUE(a_.try_lock());
  held_b.unlock();
  context_.run();  // has b, waits for c
  EXPECT_EQ(calls_, 0);
  EXPECT_TRUE(a_.try_lock() && b_.try_lock());
  held_c.unlock();
  context_.run();
  EXPECT_EQ(calls_, 1);
  EXPECT_TRUE(owns_all());
}

TEST_F(lock_all_test, cancelled_wait_owns_none) {
  auto held = b_.try_lock();
  asio::cancellation_signal signal;
  ask(&signal);
  signal.emit(asio::cancellation_type::total);
  context_.run();
  EXPECT_EQ(error_, asio::error::operation_aborted);
  EXPECT_FALSE(owns_all());
  held.unlock();
  EXPECT_TRUE(a_.try_lock() && b_.try_lock() && c_.try_lock());
}

TEST_F(lock_all_test, destroyed_context_leaves_all_free) {
  {
    manual_context goes;
    async_lock_all(a_, b_, asio::bind_executor(goes.get_executor(), [](error_code, auto) { FAIL(); }));
    EXPECT_FALSE(a_.try_lock());
  }
  EXPECT_TRUE(a_.try_lock() && b_.try_lock());
}

template <class First, class Second>
asio::awaitable<void> lock_both(First& first, Second& second, int& value, std::atomic<int>& done, int rounds) {
  auto const executor = co_await asio::this_coro::executor;
  for (int i = 0; i < rounds; ++i) {
    auto locks = co_await async_lock_all(first, second);
    ++value;
    if (i % 4 == 0) co_await asio::post(executor, asio::use_awaitable);
  }
  ++done;
}
template <class First, class Second>
asio::awaitable<void> lock_one_after_the_other(First& first, Second& second, int& value, std::atomic<int>& done,
                                               int rounds) {
  for (int i = 0; i < rounds; ++i) {
    auto one = co_await first.async_lock(asio::use_awaitable);
    auto two = co_await second.async_lock(asio::use_awaitable);
    ++value;
  }
  ++done;
}

// Even with other lock orders: a waiting operation owns nothing, so there is no cycle.
TEST(lock_all_stress_test, any_order_of_locking_comes_to_an_end) {
  constexpr int rounds = 500;
  mutex a;
  mutex b;
  int value = 0;
  std::atomic<int> done{0};
  asio::thread_pool pool(4);
  for (int i = 0; i < 4; ++i) {
    asio::co_spawn(asio::make_strand(pool), lock_both(a, b, value, done, rounds), asio::detached);
    asio::co_spawn(asio::make_strand(pool), lock_both(b, a, value, done, rounds), asio::detached);
    asio::co_spawn(asio::make_strand(pool), lock_one_after_the_other(b, a, value, done, rounds), asio::detached);
  }
  pool.join();
  EXPECT_EQ(done, 12);
  EXPECT_EQ(value, 12 * rounds);
}

struct witness {
  explicit witness(bool& a) : alive(&a) { *alive = true; }
  witness(witness&& other) noexcept : alive(std::exchange(other.alive, nullptr)) {}
  witness& operator=(witness&&) = delete;
  ~witness() {
    if (alive) *alive = false;
  }
  bool* alive;
};

TEST(owned_lock_test, lock_keeps_its_mutex_alive_while_it_owns_and_while_it_waits) {
  manual_context context;
  bool alive = false;
  auto g = std::make_shared<guarded<witness>>(std::in_place, alive);
  auto held = try_lock_owned(g);
  EXPECT_TRUE(held);
  EXPECT_EQ(held->alive, &alive);
  EXPECT_FALSE(try_lock_owned(g));
  using lock = owned_lock<guarded<witness>>;
  lock second;
  async_lock_owned(g, asio::bind_executor(context.get_executor(), [&](error_code error, lock granted) {
                     EXPECT_FALSE(error);
                     second = std::move(granted);
                   }));
  g.reset();
  held.unlock();
  EXPECT_TRUE(alive);
  context.run();
  EXPECT_TRUE(second);
  EXPECT_TRUE(alive);
  lock third(std::move(second));
  EXPECT_TRUE(third);
  third = lock();
  EXPECT_FALSE(alive);
}

TEST(owned_lock_test, cancelled_waiter_lets_its_mutex_go) {
  manual_context context;
  bool alive = false;
  auto g = std::make_shared<guarded<witness>>(std::in_place, alive);
  auto held = g->try_lock();
  asio::cancellation_signal signal;
  error_code result;
  async_lock_owned(
      g, asio::bind_cancellation_slot(signal.slot(),
                                      asio::bind_executor(context.get_executor(), [&](error_code error, auto granted) {
                                        EXPECT_FALSE(granted);
                                        result = error;
                                      })));
  g.reset();
  EXPECT_TRUE(alive);
  signal.emit(asio::cancellation_type::all);
  context.run();
  EXPECT_EQ(result, asio::error::operation_aborted);
  EXPECT_FALSE(alive);
  EXPECT_FALSE(held.owns_lock());
}

TEST(owned_lock_test, readers_own_together) {
  asio::io_context context(1);
  auto g = std::make_shared<shared_guarded<int>>(7);
  int sum = 0;
  auto read = [](std::shared_ptr<shared_guarded<int>> shared, int& total) -> asio::awaitable<void> {
    auto const mine = co_await async_lock_shared_owned(shared);
    auto const other = co_await async_lock_shared_owned(shared, asio::use_awaitable);
    total += *mine + *other;
  };
  asio::co_spawn(context, read(g, sum), asio::detached);
  context.run();
  EXPECT_EQ(sum, 14);
}

TEST(downgrade_test, writer_becomes_a_reader_and_lets_the_next_readers_in) {
  manual_context context;
  shared_mutex m;
  std::string log;
  shared_mutex::shared_lock readers[2];
  shared_mutex::lock next_writer;
  auto reads = [&](int i) {
    return asio::bind_executor(context.get_executor(), [&, i](error_code, shared_mutex::shared_lock lock) {
      log += static_cast<char>('a' + i);
      readers[i] = std::move(lock);
    });
  };
  auto writer = m.try_lock();
  m.async_lock_shared(reads(0));
  m.async_lock(asio::bind_executor(context.get_executor(), [&](error_code, shared_mutex::lock lock) {
    log += 'W';
    next_writer = std::move(lock);
  }));
  m.async_lock_shared(reads(1));
  auto reader = writer.downgrade();
  EXPECT_FALSE(writer.owns_lock());
  EXPECT_TRUE(reader.owns_lock());
  context.run();
  EXPECT_EQ(log, "a");
  EXPECT_FALSE(m.try_lock_shared());  // readers do not overtake the writer
  reader.unlock();
  context.run();
  EXPECT_EQ(log, "a");
  readers[0].unlock();
  context.run();
  EXPECT_EQ(log, "aW");
  next_writer.unlock();
  context.run();
  EXPECT_EQ(log, "aWb");
}

TEST(downgrade_test, nobody_writes_between_writing_and_reading) {
  shared_guarded<int> g(0);
  auto writer = g.try_lock();
  *writer = 1;
  auto const reader = std::move(writer).downgrade();
  EXPECT_EQ(*reader, 1);
  EXPECT_TRUE(g.try_lock_shared());
  EXPECT_FALSE(g.try_lock());
}

TEST(downgrade_test, reader_that_was_a_writer_outlives_the_mutex) {
  auto g = std::make_unique<shared_guarded<std::string>>(std::string("old"));
  auto writer = g->try_lock();
  *writer = "new";
  g.reset();
  auto const reader = writer.downgrade();
  EXPECT_EQ(*reader, "new");
}

// Like tokio's loom test of the same name.
TEST(guarded_test, into_inner_gives_the_value_back) {
  guarded<std::unique_ptr<int>> g(std::make_unique<int>(7));
  EXPECT_EQ(*std::move(g).into_inner(), 7);
}

using io_executor = asio::io_context::executor_type;

/// Acquires a free lock with each token. If it suspended, the posted function would run in between.
asio::awaitable<void> lock_by_every_token(mutex& m, guarded<int>& g, asio::io_context& context, std::string& log) {
  asio::cancellation_slot const slot;
  error_code error = asio::error::timed_out;
  {
    auto const lock = co_await m.async_lock(asio::use_awaitable);
  }
  {
    auto const [failed, lock] = co_await m.async_lock(asio::as_tuple(asio::use_awaitable));
  }
  {
    auto const lock = co_await m.async_lock(asio::redirect_error(asio::use_awaitable, error));
  }
  if (error) log += '!';
  {
    auto const lock = co_await m.async_lock(asio::bind_cancellation_slot(slot, asio::use_awaitable));
  }
  {
    auto const lock = co_await m.async_lock(asio::bind_executor(context, asio::use_awaitable));
  }
  auto add = [](int& value) { return ++value; };
  co_await g.async_run(add);
  co_await g.async_run(add, asio::use_awaitable);
  auto const [failed, result] = co_await g.async_run(add, asio::as_tuple(asio::use_awaitable));
  log += static_cast<char>('0' + result);
}

TEST(coroutine_token_test, free_lock_needs_no_suspension_whatever_the_token) {
  asio::io_context context(1);
  mutex m;
  guarded<int> g(0);
  std::string log;
  asio::co_spawn(context, lock_by_every_token(m, g, context, log), asio::detached);
  asio::post(context, [&] { log += '.'; });
  context.run();
  EXPECT_EQ(log, "3.");
}

asio::awaitable<void> lock_elsewhere(mutex& m, asio::io_context& elsewhere, std::string& log) {
  auto const lock = co_await m.async_lock(asio::bind_executor(elsewhere, asio::use_awaitable));
  log += elsewhere.get_executor().running_in_this_thread() ? 'e' : 'h';
}

// A coroutine with a bound executor continues on it, as after a wait.
TEST(coroutine_token_test, coroutine_that_is_bound_elsewhere_goes_on_there) {
  asio::io_context here(1);
  asio::io_context elsewhere(1);
  mutex m;
  std::string log;
  asio::co_spawn(here, lock_elsewhere(m, elsewhere, log), asio::detached);
  here.poll();
  EXPECT_EQ(log, "");
  elsewhere.poll();
  EXPECT_EQ(log, "e");
}

}  // namespace
}  // namespace holdfast::sync
