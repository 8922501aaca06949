#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <holdfast/sync/guarded.hpp>
#include <holdfast/sync/mutex.hpp>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "tests/sync/manual_executor.hpp"

namespace holdfast::sync {
namespace {

namespace asio = boost::asio;
using test::manual_context;
using time_point = std::chrono::steady_clock::time_point;

/// Records all events, with a clock that the test moves.
struct diary {
  using identity = char;
  using event = lock_event<char>;

  std::string* log = nullptr;
  event* last = nullptr;
  inline static time_point time{};

  static time_point now() { return time; }
  void asked(event const& e) noexcept { write('?', e); }
  void granted(event const& e) noexcept { write('+', e); }
  void released(event const& e) noexcept { write('-', e); }
  void cancelled(event const& e) noexcept { write('x', e); }
  void write(char kind, event const& e) const noexcept {
    if (!log) return;
    *log += kind;
    *log += e.who;
    *log += std::to_string(e.waiting);
    *last = e;
  }
};

class instrumentation_test : public testing::Test {
 protected:
  using mutex_type = basic_mutex<diary>;

  void ask(char who, asio::cancellation_signal* signal = nullptr) {
    auto keep = [this](boost::system::error_code, mutex_type::lock lock) { lock_ = std::move(lock); };
    auto bound = asio::bind_executor(context_.get_executor(), keep);
    if (signal) {
      mutex_.async_lock(who, asio::bind_cancellation_slot(signal->slot(), bound));
    } else {
      mutex_.async_lock(who, bound);
    }
  }
  std::string take_log() { return std::exchange(log_, {}); }
  static time_point at(int seconds) { return time_point(std::chrono::seconds(seconds)); }

  manual_context context_;
  std::string log_;
  diary::event last_;
  mutex_type mutex_{diary{&log_, &last_}};
  mutex_type::lock lock_;
};

TEST_F(instrumentation_test, uncontended_lock_is_asked_granted_and_released) {
  mutex_.try_lock('a').unlock();
  EXPECT_EQ(take_log(), "?a1+a0-a0");
}

TEST_F(instrumentation_test, failed_try_lock_tells_nothing) {
  auto held = mutex_.try_lock('a');
  take_log();
  EXPECT_FALSE(mutex_.try_lock('b'));
  EXPECT_FALSE(mutex_.try_lock_spinning('b'));
  EXPECT_EQ(take_log(), "");
}

TEST_F(instrumentation_test, lock_got_by_spinning_is_told_as_any_other) {
  auto held = mutex_.try_lock('a');
  std::thread releaser([&] { held.unlock(); });
  mutex_type::lock mine;
  while (!mine) mine = mutex_.try_lock_spinning('b');
  releaser.join();
  mine.unlock();
  EXPECT_EQ(take_log(), "?a1+a0-a0?b1+b0-b0");
}

TEST_F(instrumentation_test, function_that_gives_up_at_its_deadline_is_told_as_cancelled) {
  auto held = mutex_.try_lock('a');
  auto nothing = asio::bind_executor(context_.get_executor(), [](std::exception_ptr) {});
  mutex_.async_run_until('b', at(1), [] {}, nothing);
  mutex_.async_run_for('c', std::chrono::hours(1), [] {}, nothing);
  take_log();
  context_.pass_time_until(at(1));
  context_.run();
  EXPECT_EQ(take_log(), "xb1");
  held.unlock();
  EXPECT_EQ(take_log(), "-a1+c0-c0");
}

TEST_F(instrumentation_test, guarded_value_tells_who_runs_with_a_deadline_and_who_spins) {
  guarded<int, diary> g(diary{&log_, &last_}, std::in_place, 0);
  auto nothing = asio::bind_executor(context_.get_executor(), [](std::exception_ptr) {});
  g.async_run_until('a', at(1), [](int&) {}, nothing);
  g.async_run_for('b', std::chrono::hours(1), [](int&) {}, nothing);
  g.try_lock_spinning('c').unlock();
  EXPECT_EQ(take_log(), "?a1+a0-a0?b1+b0-b0?c1+c0-c0");
}

TEST_F(instrumentation_test, grant_is_told_at_the_hand_over_with_previous_owner_and_times) {
  diary::time = at(1);
  auto held = mutex_.try_lock('a');
  diary::time = at(2);
  ask('b');
  ask('c');
  EXPECT_EQ(take_log(), "?a1+a0?b1?c2");
  diary::time = at(5);
  held.unlock();
  EXPECT_EQ(take_log(), "-a2+b1");
  EXPECT_EQ(last_.who, 'b');
  EXPECT_EQ(last_.previous_owner, 'a');
  EXPECT_EQ(last_.asked_at, at(2));
  EXPECT_EQ(last_.at, at(5));
  context_.run();
  diary::time = at(9);
  lock_.unlock();
  EXPECT_EQ(last_.who, 'c');
  EXPECT_EQ(last_.previous_owner, 'b');
  context_.run();
  diary::time = at(10);
  lock_.unlock();
  EXPECT_EQ(take_log(), "-b1+c0-c0");
  EXPECT_EQ(last_.granted_at, at(9));
}

TEST_F(instrumentation_test, cancelled_waiter_is_told_and_leaves_the_count) {
  auto held = mutex_.try_lock('a');
  asio::cancellation_signal signal;
  ask('b', &signal);
  ask('c');
  take_log();
  signal.emit(asio::cancellation_type::all);
  EXPECT_EQ(take_log(), "xb1");
}

TEST_F(instrumentation_test, waiters_of_a_destroyed_context_or_mutex_are_told_as_cancelled) {
  auto m = std::make_unique<mutex_type>(diary{&log_, &last_});
  auto held = m->try_lock('a');
  {
    asio::io_context goes;
    m->async_lock('b', asio::bind_executor(goes, [](boost::system::error_code, mutex_type::lock) {}));
    m->async_lock('c',
                  asio::bind_executor(context_.get_executor(), [](boost::system::error_code, mutex_type::lock) {}));
    take_log();
  }
  EXPECT_EQ(take_log(), "xb1");
  m.reset();
  EXPECT_EQ(take_log(), "xc0");
}

TEST_F(instrumentation_test, owner_of_a_section_is_its_waiter) {
  auto held = mutex_.try_lock('a');
  auto nothing = asio::bind_executor(context_.get_executor(), [](std::exception_ptr) {});
  mutex_.async_run('b', [this] { log_ += '!'; }, nothing);
  take_log();
  held.unlock();
  EXPECT_EQ(take_log(), "-a1+b0!-b0");
  EXPECT_EQ(last_.previous_owner, '\0');
}

asio::awaitable<void> lock_as(guarded<int, diary>& g, char who) {
  auto lock = co_await g.async_lock(who);
  ++*lock;
}

TEST_F(instrumentation_test, coroutine_that_does_not_wait_is_told_too) {
  guarded<int, diary> g(diary{&log_, &last_}, std::in_place, 0);
  asio::io_context context;
  asio::co_spawn(context, lock_as(g, 'z'), asio::detached);
  context.run();
  EXPECT_EQ(take_log(), "?z1+z0-z0");
}

TEST(instrumentation_off_test, costs_no_space) {
  EXPECT_EQ(sizeof(mutex), sizeof(detail::lock_core<>) + 2 * sizeof(void*));
  EXPECT_EQ(sizeof(mutex::lock), sizeof(void*));
}

#ifndef NDEBUG
using misuse_death_test = instrumentation_test;

TEST_F(misuse_death_test, owner_that_asks_again_is_caught) {
  auto held = mutex_.try_lock('a');
  EXPECT_DEATH(ask('a'), "waits? for itself for ever");
}

TEST_F(misuse_death_test, unlock_without_lock_is_caught) {
  mutex m;
  mutex::lock lock;
  EXPECT_DEATH(lock.unlock(), "owns nothing");
}

TEST_F(misuse_death_test, value_without_its_lock_is_caught) {
  guarded<int> g(1);
  guarded<int>::lock lock;
  EXPECT_DEATH((void)*lock, "without owning its lock");
}
#endif

}  // namespace
}  // namespace holdfast::sync
