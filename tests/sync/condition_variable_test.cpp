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
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <holdfast/sync/condition_variable.hpp>
#include <holdfast/sync/guarded.hpp>
#include <holdfast/sync/mutex.hpp>
#include <holdfast/sync/owned_lock.hpp>
#include <holdfast/sync/shared_guarded.hpp>
#include <holdfast/sync/shared_mutex.hpp>
#include <list>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "tests/sync/manual_executor.hpp"

namespace holdfast::sync {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using test::manual_context;

/// Each waiter waits for a number of tokens, takes them and holds the lock until the test releases it.
class condition_variable_test : public testing::Test {
 protected:
  struct waiter {
    guarded<int>::lock lock;
    asio::cancellation_signal signal;
    bool ended = false;
  };

  waiter& wait(char name, int wanted = 1) { return wait_on(context_, name, wanted); }
  waiter& wait_on(manual_context& context, char name, int wanted = 1) {
    auto& w = waiters_.emplace_back();
    w.lock = tokens_.try_lock();
    EXPECT_TRUE(w.lock);
    int* const tokens = &*w.lock;
    changed_->async_wait(
        w.lock,
        [this, tokens, wanted, &w] {
          EXPECT_TRUE(w.lock.owns_lock());
          EXPECT_FALSE(tokens_.try_lock());
          ++looks_;
          return *tokens >= wanted;
        },
        asio::bind_cancellation_slot(
            w.signal.slot(), asio::bind_executor(context.get_executor(), [this, name, wanted, &w](error_code error) {
              EXPECT_TRUE(w.lock.owns_lock());
              log_ += name;
              if (error) log_ += '!';
              if (!error) *w.lock -= wanted;
              w.ended = true;
              w.lock.unlock();
            })));
    return w;
  }
  void put(int count) { *tokens_.try_lock().operator->() += count; }
  std::string run() {
    context_.run();
    return std::exchange(log_, {});
  }

  manual_context context_;
  guarded<int> tokens_{0};
  std::unique_ptr<condition_variable> changed_ = std::make_unique<condition_variable>();
  std::list<waiter> waiters_;
  std::string log_;
  int looks_ = 0;
};

TEST_F(condition_variable_test, predicate_that_holds_already_needs_no_notification) {
  put(1);
  auto& a = wait('a');
  EXPECT_TRUE(a.lock.owns_lock());
  EXPECT_EQ(log_, "");  // never inside the call
  EXPECT_EQ(run(), "a");
  EXPECT_EQ(looks_, 1);
}

TEST_F(condition_variable_test, waiter_gives_the_lock_up_while_it_waits) {
  auto& a = wait('a');
  EXPECT_FALSE(a.lock.owns_lock());
  EXPECT_TRUE(tokens_.try_lock());
  put(1);
  EXPECT_EQ(run(), "");  // not notified
  changed_->notify_one();
  EXPECT_EQ(log_, "");  // never inside notify_one()
  EXPECT_EQ(run(), "a");
}

TEST_F(condition_variable_test, oldest_waiter_is_notified_first) {
  for (char const name : {'a', 'b', 'c'}) wait(name);
  put(1);
  changed_->notify_one();
  EXPECT_EQ(run(), "a");
  put(2);
  changed_->notify_all();
  EXPECT_EQ(run(), "bc");
}

TEST_F(condition_variable_test, notification_that_nobody_waits_for_is_not_kept) {
  changed_->notify_one();
  changed_->notify_all();
  wait('a');
  put(1);
  EXPECT_EQ(run(), "");
  EXPECT_EQ(looks_, 1);
}

TEST_F(condition_variable_test, waiter_whose_predicate_does_not_hold_waits_again) {
  wait('a', 2);
  for (int i = 0; i < 2; ++i) {
    put(1);
    changed_->notify_one();
    EXPECT_EQ(run(), i == 0 ? "" : "a");
  }
  EXPECT_EQ(looks_, 3);
}

TEST_F(condition_variable_test, notified_waiter_queues_for_the_lock_if_it_is_held) {
  wait('a');
  auto held = tokens_.try_lock();
  *held = 1;
  changed_->notify_one();
  EXPECT_EQ(run(), "");
  held.unlock();
  EXPECT_EQ(run(), "a");
}

TEST_F(condition_variable_test, cancelled_waiter_owns_the_lock_again_and_the_others_keep_their_order) {
  wait('a');
  auto& b = wait('b');
  wait('c');
  b.signal.emit(asio::cancellation_type::total);
  EXPECT_EQ(run(), "b!");
  put(2);
  changed_->notify_one();
  changed_->notify_one();
  EXPECT_EQ(run(), "ac");
}

TEST_F(condition_variable_test, signal_while_it_locks_again_ends_the_wait_with_the_lock) {
  auto& a = wait('a');
  auto held = tokens_.try_lock();
  changed_->notify_one();
  EXPECT_EQ(run(), "");  // queued at the mutex
  a.signal.emit(asio::cancellation_type::terminal);
  EXPECT_EQ(run(), "");
  held.unlock();
  EXPECT_EQ(run(), "a!");
  EXPECT_TRUE(tokens_.try_lock());
}

TEST_F(condition_variable_test, notification_is_not_lost_to_a_waiter_that_is_cancelled_together_with_it) {
  auto& a = wait('a');
  put(1);
  changed_->notify_one();
  a.signal.emit(asio::cancellation_type::terminal);
  EXPECT_EQ(run(), "a");
}

TEST_F(condition_variable_test, notification_is_not_lost_to_a_context_that_is_destroyed) {
  {
    manual_context goes;
    wait_on(goes, 'a');
    wait('b');
    put(1);
    changed_->notify_one();
  }
  EXPECT_EQ(run(), "b");
}

TEST_F(condition_variable_test, destroyed_condition_variable_aborts_its_waiters_with_the_lock) {
  wait('a');
  wait('b');
  changed_.reset();
  EXPECT_EQ(run(), "a!b!");
  EXPECT_TRUE(tokens_.try_lock());
}

TEST_F(condition_variable_test, exception_of_the_predicate_leaves_as_a_handlers_does) {
  auto lock = tokens_.try_lock();
  auto alive = std::make_shared<int>();
  bool throws = false;
  auto predicate = [&throws] {
    if (throws) throw std::runtime_error("predicate");
    return false;
  };
  changed_->async_wait(lock, predicate, asio::bind_executor(context_.get_executor(), [alive](error_code) { FAIL(); }));
  throws = true;
  changed_->notify_one();
  EXPECT_THROW(context_.run(), std::runtime_error);
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_TRUE(lock.owns_lock());
  EXPECT_THROW(changed_->async_wait(lock, predicate, asio::bind_executor(context_.get_executor(), [](error_code) {})),
               std::runtime_error);
  EXPECT_TRUE(lock.owns_lock());
}

template <class Lock>
asio::awaitable<void> wait_under(condition_variable& changed, Lock lock, bool const& holds, int& count) {
  auto predicate = [&holds] { return holds; };
  co_await changed.async_wait(lock, predicate);
  if (lock.owns_lock()) ++count;
  auto const [error] = co_await changed.async_wait(lock, predicate, asio::as_tuple(asio::use_awaitable));
  if (!error && lock.owns_lock()) ++count;
}

TEST(condition_variable_lock_test, waits_under_every_lock_that_is_owned_alone) {
  asio::io_context context(1);
  condition_variable changed;
  mutex m;
  guarded<int> g(0);
  shared_mutex s;
  shared_guarded<int> sg(0);
  bool holds = false;
  int count = 0;
  asio::co_spawn(context, wait_under(changed, m.try_lock(), holds, count), asio::detached);
  asio::co_spawn(context, wait_under(changed, g.try_lock(), holds, count), asio::detached);
  asio::co_spawn(context, wait_under(changed, s.try_lock(), holds, count), asio::detached);
  asio::co_spawn(context, wait_under(changed, sg.try_lock(), holds, count), asio::detached);
  context.poll();
  EXPECT_EQ(count, 0);
  EXPECT_TRUE(m.try_lock() && g.try_lock() && s.try_lock() && sg.try_lock());
  holds = true;
  changed.notify_all();
  context.run();
  EXPECT_EQ(count, 8);
  EXPECT_TRUE(m.try_lock() && g.try_lock() && s.try_lock() && sg.try_lock());
}

using queue = guarded<std::deque<int>>;

asio::awaitable<void> produce(queue& q, condition_variable& changed, int count) {
  for (int i = 1; i <= count; ++i) {
    auto lock = co_await q.async_lock(asio::use_awaitable);
    lock->push_back(i);
    lock.unlock();
    changed.notify_one();
  }
}
asio::awaitable<void> consume(queue& q, condition_variable& changed, int count, std::atomic<long>& sum) {
  for (int i = 0; i < count; ++i) {
    auto lock = co_await q.async_lock(asio::use_awaitable);
    auto const& values = *lock;
    auto predicate = [&values] { return !values.empty(); };
    co_await changed.async_wait(lock, predicate, asio::use_awaitable);
    sum += lock->front();
    lock->pop_front();
  }
}

TEST(condition_variable_stress_test, queue_between_threads_loses_nothing) {
  constexpr int pairs = 8;
  constexpr int count = 500;
  queue q;
  condition_variable changed;
  std::atomic<long> sum{0};
  asio::thread_pool pool(4);
  for (int i = 0; i < pairs; ++i) {
    asio::co_spawn(asio::make_strand(pool), consume(q, changed, count, sum), asio::detached);
    asio::co_spawn(asio::make_strand(pool), produce(q, changed, count), asio::detached);
  }
  pool.join();
  EXPECT_EQ(sum, long{pairs} * count * (count + 1) / 2);
}

}  // namespace
}  // namespace holdfast::sync
