#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <holdfast/sync/guarded.hpp>
#include <holdfast/sync/mutex.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sync/manual_executor.hpp"

namespace holdfast::sync {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using test::manual_context;

/// Waiters on one manual context, each with a letter. The log records what happens to them.
class mutex_test : public testing::Test {
 protected:
  void ask(char name) {
    mutex_.async_lock(asio::bind_executor(context_.get_executor(), [this, name](error_code error, mutex::lock lock) {
      log_ += name;
      if (error) log_ += error == asio::error::operation_aborted ? '!' : '?';
      EXPECT_EQ(!error, lock.owns_lock());
      lock_ = std::move(lock);
    }));
  }
  void ask(char name, asio::cancellation_signal& signal) {
    mutex_.async_lock(asio::bind_cancellation_slot(
        signal.slot(), asio::bind_executor(context_.get_executor(), [this, name](error_code error, mutex::lock lock) {
          log_ += name;
          if (error) log_ += error == asio::error::operation_aborted ? '!' : '?';
          EXPECT_EQ(!error, lock.owns_lock());
          if (lock) lock_ = std::move(lock);
        })));
  }
  /// Runs all functions; each owner releases before the next function.
  std::string run_all() {
    while (context_.run_one()) lock_ = {};
    return std::exchange(log_, {});
  }

  manual_context context_;
  mutex mutex_;
  mutex::lock lock_;
  std::string log_;
};

TEST_F(mutex_test, free_mutex_is_taken_at_once_and_only_once) {
  auto first = mutex_.try_lock();
  EXPECT_TRUE(first.owns_lock());
  EXPECT_FALSE(mutex_.try_lock().owns_lock());
  first.unlock();
  EXPECT_FALSE(first.owns_lock());
  EXPECT_TRUE(mutex_.try_lock().owns_lock());
}

TEST_F(mutex_test, spinning_takes_a_free_mutex_and_gives_up_on_one_that_stays_held_or_is_waited_for) {
  auto first = mutex_.try_lock_spinning();
  EXPECT_TRUE(first.owns_lock());
  EXPECT_FALSE(mutex_.try_lock_spinning().owns_lock());
  ask('a');
  EXPECT_FALSE(mutex_.try_lock_spinning().owns_lock());
  first.unlock();
  EXPECT_EQ(run_all(), "a");
  EXPECT_TRUE(mutex_.try_lock_spinning().owns_lock());
}

TEST_F(mutex_test, handler_is_never_called_inside_async_lock) {
  ask('a');
  EXPECT_EQ(log_, "");
  EXPECT_EQ(run_all(), "a");
}

TEST_F(mutex_test, handler_is_never_called_inside_unlock) {
  auto held = mutex_.try_lock();
  ask('a');
  held.unlock();
  EXPECT_EQ(log_, "");
  EXPECT_EQ(context_.posted(), 1u);
  EXPECT_EQ(run_all(), "a");
}

TEST_F(mutex_test, waiters_are_served_in_the_order_in_which_they_asked) {
  auto held = mutex_.try_lock();
  for (char c : std::string("abcdefgh")) ask(c);
  held.unlock();
  EXPECT_EQ(run_all(), "abcdefgh");
  EXPECT_TRUE(mutex_.try_lock().owns_lock());
}

TEST_F(mutex_test, unlocking_hands_over_before_the_next_owner_runs) {
  auto held = mutex_.try_lock();
  ask('a');
  held.unlock();
  EXPECT_FALSE(mutex_.try_lock().owns_lock());  // no barging between grant and delivery
  ask('b');
  EXPECT_EQ(run_all(), "ab");
}

TEST_F(mutex_test, waiting_counts_as_outstanding_work_of_the_waiters_executor) {
  auto held = mutex_.try_lock();
  ask('a');
  EXPECT_EQ(context_.outstanding_work(), 1u);
  held.unlock();
  run_all();
  EXPECT_EQ(context_.outstanding_work(), 0u);
}

TEST_F(mutex_test, cancelled_waiter_does_not_block_the_next) {
  for (int victim = 0; victim < 3; ++victim) {
    auto held = mutex_.try_lock();
    asio::cancellation_signal signals[3];
    for (int i = 0; i < 3; ++i) ask(static_cast<char>('a' + i), signals[i]);
    signals[victim].emit(asio::cancellation_type::partial);
    EXPECT_EQ(log_, "");  // never inside emit()
    context_.run();
    EXPECT_EQ(log_, std::string(1, static_cast<char>('a' + victim)) + "!");
    log_.clear();
    held.unlock();
    std::string others = "abc";
    others.erase(static_cast<std::size_t>(victim), 1);
    EXPECT_EQ(run_all(), others);
  }
}

TEST_F(mutex_test, every_kind_of_cancellation_is_honoured) {
  for (auto type : {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total,
                    asio::cancellation_type::all}) {
    auto held = mutex_.try_lock();
    asio::cancellation_signal signal;
    ask('a', signal);
    signal.emit(asio::cancellation_type::none);
    EXPECT_EQ(context_.posted(), 0u);
    signal.emit(type);
    EXPECT_EQ(run_all(), "a!");
  }
}

TEST_F(mutex_test, cancelled_twice_completes_once) {
  auto held = mutex_.try_lock();
  asio::cancellation_signal signal;
  ask('a', signal);
  signal.emit(asio::cancellation_type::all);
  signal.emit(asio::cancellation_type::all);
  EXPECT_EQ(run_all(), "a!");
  signal.emit(asio::cancellation_type::all);  // after the grant
  EXPECT_EQ(run_all(), "");
}

TEST_F(mutex_test, cancelled_after_the_grant_is_delivered_with_success) {
  auto held = mutex_.try_lock();
  asio::cancellation_signal signal;
  ask('a', signal);
  ask('b');
  held.unlock();
  signal.emit(asio::cancellation_type::all);
  EXPECT_EQ(run_all(), "ab");
}

TEST_F(mutex_test, cancelling_an_uncontended_lock_is_too_late) {
  asio::cancellation_signal signal;
  ask('a', signal);
  signal.emit(asio::cancellation_type::all);
  EXPECT_EQ(run_all(), "a");
}

TEST_F(mutex_test, signal_may_be_destroyed_while_its_waiter_is_queued) {
  auto held = mutex_.try_lock();
  auto signal = std::make_unique<asio::cancellation_signal>();
  ask('a', *signal);
  signal.reset();
  held.unlock();
  EXPECT_EQ(run_all(), "a");
}

TEST_F(mutex_test, last_waiter_cancelled_leaves_a_mutex_that_unlocks_to_free) {
  auto held = mutex_.try_lock();
  asio::cancellation_signal signal;
  ask('a', signal);
  signal.emit(asio::cancellation_type::all);
  EXPECT_EQ(run_all(), "a!");
  EXPECT_FALSE(mutex_.try_lock().owns_lock());
  held.unlock();
  EXPECT_TRUE(mutex_.try_lock().owns_lock());
}

TEST_F(mutex_test, lock_moves_its_ownership) {
  auto first = mutex_.try_lock();
  mutex::lock second = std::move(first);
  EXPECT_FALSE(first.owns_lock());
  EXPECT_TRUE(second.owns_lock());
  ask('a');
  second.unlock();
  EXPECT_EQ(run_all(), "a");
}

TEST_F(mutex_test, move_assignment_releases_what_was_held) {
  mutex other;
  auto lock = mutex_.try_lock();
  lock = other.try_lock();
  EXPECT_TRUE(mutex_.try_lock().owns_lock());
  EXPECT_FALSE(other.try_lock().owns_lock());
  lock = {};
  EXPECT_TRUE(other.try_lock().owns_lock());
}

TEST_F(mutex_test, lock_assigned_to_itself_still_owns) {
  auto lock = mutex_.try_lock();
  auto& same = lock;
  lock = std::move(same);
  EXPECT_TRUE(lock.owns_lock());
}

TEST_F(mutex_test, locks_swap) {
  mutex other;
  auto a = mutex_.try_lock();
  mutex::lock b;
  swap(a, b);
  EXPECT_FALSE(a.owns_lock());
  b.unlock();
  EXPECT_TRUE(mutex_.try_lock().owns_lock());
}

TEST_F(mutex_test, handler_that_throws_does_not_keep_the_lock) {
  mutex_.async_lock(asio::bind_executor(context_.get_executor(),
                                        [](error_code, mutex::lock) { throw std::runtime_error("handler"); }));
  EXPECT_THROW(context_.run(), std::runtime_error);
  EXPECT_TRUE(mutex_.try_lock().owns_lock());
}

TEST_F(mutex_test, handler_that_asks_again_is_queued_behind_those_who_wait) {
  auto held = mutex_.try_lock();
  mutex_.async_lock(asio::bind_executor(context_.get_executor(), [this](error_code, mutex::lock lock) {
    log_ += 'a';
    ask('A');
    lock.unlock();
  }));
  ask('b');
  held.unlock();
  EXPECT_EQ(run_all(), "abA");
}

TEST(guarded_test, value_is_reached_through_its_lock) {
  guarded<std::vector<int>> numbers(std::in_place, 3u, 7);
  auto lock = numbers.try_lock();
  ASSERT_TRUE(lock);
  EXPECT_EQ(lock->size(), 3u);
  (*lock).push_back(8);
  EXPECT_FALSE(numbers.try_lock());
  EXPECT_FALSE(numbers.try_lock_spinning());
  lock.unlock();
  EXPECT_EQ(numbers.try_lock()->back(), 8);
  EXPECT_EQ(numbers.try_lock_spinning()->front(), 7);
}

TEST(guarded_test, waiter_gets_the_value_with_its_lock) {
  asio::io_context context;
  guarded<std::string> word(std::string("hold"));
  auto held = word.try_lock();
  std::string seen;
  word.async_lock(asio::bind_executor(context, [&](error_code error, guarded<std::string>::lock lock) {
    ASSERT_FALSE(error);
    seen = *lock;
  }));
  held->append("fast");
  held.unlock();
  context.run();
  EXPECT_EQ(seen, "holdfast");
}

}  // namespace
}  // namespace holdfast::sync
