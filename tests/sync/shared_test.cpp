#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <holdfast/sync/shared_guarded.hpp>
#include <holdfast/sync/shared_mutex.hpp>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/sync/manual_executor.hpp"

namespace holdfast::sync {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using test::manual_context;

/// Upper case writes, lower case reads. An owner keeps the lock until the test releases it by name.
class shared_test : public testing::Test {
 protected:
  void ask(char name, asio::cancellation_signal* signal = nullptr) {
    auto const slot = signal ? signal->slot() : asio::cancellation_slot();
    auto on_context = [&](auto handler) {
      return asio::bind_cancellation_slot(slot, asio::bind_executor(context_.get_executor(), std::move(handler)));
    };
    if (is_writer(name)) {
      mutex_->async_lock(on_context([this, name](error_code error, shared_mutex::lock lock) {
        write_down(name, error);
        if (lock) writers_[name] = std::move(lock);
      }));
    } else {
      mutex_->async_lock_shared(on_context([this, name](error_code error, shared_mutex::shared_lock lock) {
        write_down(name, error);
        if (lock) readers_[name] = std::move(lock);
      }));
    }
  }
  void ask_all(std::string const& names) {
    for (char name : names) ask(name);
  }
  void release(char name) {
    if (is_writer(name)) {
      writers_.at(name).unlock();
    } else {
      readers_.at(name).unlock();
    }
  }
  /// Runs the context and returns the completions.
  std::string told() {
    context_.run();
    return std::exchange(log_, {});
  }
  static bool is_writer(char name) { return name >= 'A' && name <= 'Z'; }
  void write_down(char name, error_code error) {
    log_ += name;
    if (error) log_ += '!';
  }

  manual_context context_;
  std::unique_ptr<shared_mutex> mutex_ = std::make_unique<shared_mutex>();
  std::map<char, shared_mutex::lock> writers_;
  std::map<char, shared_mutex::shared_lock> readers_;
  std::string log_;
};

TEST_F(shared_test, readers_own_together_and_a_writer_alone) {
  auto a = mutex_->try_lock_shared();
  auto b = mutex_->try_lock_shared();
  EXPECT_TRUE(a && b);
  EXPECT_FALSE(mutex_->try_lock());
  a.unlock();
  EXPECT_FALSE(mutex_->try_lock());
  b.unlock();
  auto w = mutex_->try_lock();
  EXPECT_TRUE(w);
  EXPECT_FALSE(mutex_->try_lock());
  EXPECT_FALSE(mutex_->try_lock_shared());
}

TEST_F(shared_test, waiting_writer_is_not_overtaken_by_later_readers) {
  ask_all("aB");
  EXPECT_EQ(told(), "a");
  ask_all("cd");
  EXPECT_EQ(told(), "");
  EXPECT_FALSE(mutex_->try_lock_shared());
  release('a');
  EXPECT_EQ(told(), "B");
  release('B');
  EXPECT_EQ(told(), "cd");
}

TEST_F(shared_test, classes_are_served_in_the_order_in_which_they_asked) {
  ask_all("AbcDefG");
  EXPECT_EQ(told(), "A");
  release('A');
  EXPECT_EQ(told(), "bc");
  release('c');
  EXPECT_EQ(told(), "");
  release('b');
  EXPECT_EQ(told(), "D");
  release('D');
  EXPECT_EQ(told(), "ef");
  release('e');
  release('f');
  EXPECT_EQ(told(), "G");
}

TEST_F(shared_test, cancelled_writer_at_the_front_lets_the_readers_behind_it_in) {
  asio::cancellation_signal signal;
  ask('a');
  ask('B', &signal);
  ask_all("cDe");
  EXPECT_EQ(told(), "a");
  signal.emit(asio::cancellation_type::all);
  EXPECT_EQ(told(), "cB!");
  EXPECT_FALSE(mutex_->try_lock_shared());  // D is still waiting
  release('a');
  release('c');
  EXPECT_EQ(told(), "D");
}

TEST_F(shared_test, cancelled_reader_changes_nothing_for_the_others) {
  asio::cancellation_signal signal;
  ask_all("AB");
  ask('c', &signal);
  ask('D');
  EXPECT_EQ(told(), "A");
  signal.emit(asio::cancellation_type::all);
  EXPECT_EQ(told(), "c!");
  release('A');
  EXPECT_EQ(told(), "B");
  release('B');
  EXPECT_EQ(told(), "D");
}

TEST_F(shared_test, destroyed_context_of_the_writer_in_front_lets_the_readers_in) {
  ask('a');
  {
    asio::io_context goes;
    mutex_->async_lock(asio::bind_executor(goes, [](error_code, shared_mutex::lock) { FAIL(); }));
    ask('b');
    EXPECT_EQ(told(), "a");
  }
  EXPECT_EQ(told(), "b");
}

TEST_F(shared_test, posted_grants_that_never_run_pass_the_lock_on) {
  ask('A');
  EXPECT_EQ(told(), "A");
  {
    asio::io_context goes;
    for (int i = 0; i < 2; ++i) {
      mutex_->async_lock_shared(asio::bind_executor(goes, [](error_code, shared_mutex::shared_lock) { FAIL(); }));
    }
    ask('B');
    release('A');
    EXPECT_EQ(told(), "");
  }
  EXPECT_EQ(told(), "B");
}

TEST_F(shared_test, destroyed_mutex_aborts_waiters_and_leaves_owners_what_they_own) {
  ask_all("abCd");
  EXPECT_EQ(told(), "ab");
  mutex_.reset();
  EXPECT_EQ(told(), "C!d!");
  EXPECT_TRUE(readers_['a'].owns_lock());
  release('b');
  release('a');
}

TEST_F(shared_test, grant_on_its_way_when_the_mutex_is_destroyed_completes_as_aborted) {
  ask_all("ab");
  mutex_.reset();
  EXPECT_EQ(told(), "a!b!");
}

TEST_F(shared_test, locks_move_and_assignment_releases_what_was_held) {
  auto a = mutex_->try_lock_shared();
  auto b = std::move(a);
  EXPECT_FALSE(a);
  b = shared_mutex::shared_lock();
  auto w = mutex_->try_lock();
  EXPECT_TRUE(w);
  w = shared_mutex::lock();
  EXPECT_TRUE(mutex_->try_lock());
}

TEST_F(shared_test, timed_waiters_give_up_their_place) {
  asio::io_context context;
  auto held = mutex_->try_lock_shared();
  std::string log;
  mutex_->async_lock_for(std::chrono::milliseconds(1),
                         asio::bind_executor(context, [&](error_code error, shared_mutex::lock) {
                           log += error == asio::error::timed_out ? "W!" : "W";
                         }));
  mutex_->async_lock_shared_until(
      std::chrono::steady_clock::now() + std::chrono::hours(1),
      asio::bind_executor(context, [&](error_code error, shared_mutex::shared_lock) { log += error ? "r!" : "r"; }));
  context.run();
  EXPECT_TRUE(log == "W!r" || log == "rW!") << log;
}

asio::awaitable<void> read(shared_guarded<std::string>& g, std::string& seen) {
  auto lock = co_await g.async_lock_shared();
  static_assert(std::is_const_v<std::remove_reference_t<decltype(*lock)>>);
  seen = *lock;
}

asio::awaitable<void> write(shared_guarded<std::string>& g) {
  auto lock = co_await g.async_lock(asio::use_awaitable);
  *lock += "fast";
}

TEST(shared_guarded_test, readers_and_writers_reach_the_value) {
  asio::io_context context;
  shared_guarded<std::string> g(std::in_place, "hold");
  std::string before, after;
  auto held = g.try_lock_shared();
  asio::co_spawn(context, read(g, before), asio::detached);
  asio::co_spawn(context, write(g), asio::detached);
  asio::co_spawn(context, read(g, after), asio::detached);
  context.poll();
  EXPECT_EQ(before, "hold");
  EXPECT_EQ(after, "");
  held.unlock();
  context.run();
  EXPECT_EQ(after, "holdfast");
}

TEST(shared_guarded_test, value_outlives_its_object_while_somebody_reads_it) {
  auto g = std::make_unique<shared_guarded<std::string>>(std::string("hold"));
  auto reader = g->try_lock_shared();
  g.reset();
  EXPECT_EQ(*reader, "hold");
}

/// A pair that only writers change: a reader that sees half a change proves the lock broken.
asio::awaitable<void> read_and_write(shared_guarded<std::pair<long, long>>& g, int rounds, bool writes, long& torn) {
  for (int i = 0; i < rounds; ++i) {
    if (writes) {
      auto lock = co_await g.async_lock();
      ++lock->first;
      co_await asio::post(asio::use_awaitable);
      ++lock->second;
    } else {
      auto lock = co_await g.async_lock_shared();
      long const first = lock->first;
      co_await asio::post(asio::use_awaitable);
      if (lock->second != first) ++torn;
    }
  }
}

TEST(shared_guarded_test, nobody_sees_a_half_written_value_on_many_threads) {
  asio::thread_pool pool(4);
  shared_guarded<std::pair<long, long>> g(std::in_place, 0, 0);
  constexpr int tasks = 12, rounds = 300;
  std::vector<long> torn(tasks);
  for (int i = 0; i < tasks; ++i) {
    asio::co_spawn(pool, read_and_write(g, rounds, i % 4 == 0, torn[static_cast<std::size_t>(i)]), asio::detached);
  }
  pool.join();
  EXPECT_EQ(torn, std::vector<long>(tasks));
  EXPECT_EQ(g.try_lock_shared()->first, tasks / 4 * rounds);
}

/// Reads and writes repeatedly, each time in another way, and may withdraw; checks that no writer overlaps.
class visitor : public std::enable_shared_from_this<visitor> {
 public:
  struct room {
    shared_mutex lock;
    std::atomic<int> readers{0}, writers{0};
    std::atomic<int> visits{0}, given_up{0};
  };

  visitor(room& r, asio::thread_pool& pool, int visits, unsigned seed)
      : room_(r), strand_(asio::make_strand(pool)), left_(visits), random_(seed) {}

  void go_on() {
    if (left_-- == 0) return;
    asio::post(strand_, [self = shared_from_this()] { self->visit(); });
  }

 private:
  template <class Lock>
  auto in() {
    auto enter = [self = shared_from_this()](error_code error, Lock lock) {
      EXPECT_EQ(!error, lock.owns_lock());
      ++(error ? self->room_.given_up : self->room_.visits);
      if (lock) self->look_around(Lock::is_shared);
      lock = {};
      self->go_on();
    };
    return asio::bind_cancellation_slot(signal_.slot(), asio::bind_executor(strand_, std::move(enter)));
  }
  void visit() {
    std::chrono::microseconds const patience(random_() % 100);
    switch (random_() % 6) {
      case 0:
        room_.lock.async_lock(in<shared_mutex::lock>());
        break;
      case 1:
        room_.lock.async_lock_for(patience, in<shared_mutex::lock>());
        break;
      case 2:
        room_.lock.async_lock_shared_for(patience, in<shared_mutex::shared_lock>());
        break;
      default:
        room_.lock.async_lock_shared(in<shared_mutex::shared_lock>());
    }
    if (random_() % 3 == 0) signal_.emit(asio::cancellation_type::total);
  }
  void look_around(bool shared) {
    auto& mine = shared ? room_.readers : room_.writers;
    ++mine;
    EXPECT_EQ(room_.writers, shared ? 0 : 1);
    EXPECT_TRUE(shared || room_.readers == 0);
    --mine;
  }

  room& room_;
  asio::strand<asio::thread_pool::executor_type> strand_;
  int left_;
  std::minstd_rand random_;
  asio::cancellation_signal signal_;
};

TEST(shared_stress_test, visitors_who_may_give_up_are_counted_exactly) {
  constexpr int visitors = 12, visits = 800;
  visitor::room room;
  asio::thread_pool pool(4);
  for (int i = 0; i < visitors; ++i) {
    std::make_shared<visitor>(room, pool, visits, static_cast<unsigned>(3 * i + 1))->go_on();
  }
  pool.join();
  EXPECT_EQ(room.visits + room.given_up, visitors * visits);
  EXPECT_GT(room.visits, 0);
  EXPECT_GT(room.given_up, 0);
  EXPECT_TRUE(room.lock.try_lock());
}

}  // namespace
}  // namespace holdfast::sync
