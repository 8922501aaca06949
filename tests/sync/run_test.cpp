#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <cctype>
#include <chrono>
#include <functional>
#include <future>
#include <holdfast/sync/guarded.hpp>
#include <holdfast/sync/mutex.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/sync/manual_executor.hpp"

namespace holdfast::sync {
namespace {

namespace asio = boost::asio;
using test::manual_context;

class run_test : public testing::Test {
 protected:
  /// Logs lower case when the function runs, and upper case when its completion is delivered.
  auto write(char name) {
    return [this, name] { log_ += name; };
  }
  auto told(char name) {
    return asio::bind_executor(context_.get_executor(), [this, name](std::exception_ptr error) {
      log_ += static_cast<char>(name - 'a' + 'A');
      if (error) log_ += '!';
    });
  }
  auto keep_lock(char name) {
    return asio::bind_executor(context_.get_executor(), [this, name](boost::system::error_code, mutex::lock lock) {
      log_ += name;
      lock_ = std::move(lock);
    });
  }
  /// Like told(), with `?` for an expired deadline.
  auto told_why(char name) {
    return asio::bind_executor(context_.get_executor(), [this, name](std::exception_ptr error) {
      log_ += static_cast<char>(name - 'a' + 'A');
      if (error) log_ += code_of(error) == asio::error::timed_out ? '?' : '!';
    });
  }
  static boost::system::error_code code_of(std::exception_ptr const& error) {
    try {
      std::rethrow_exception(error);
    } catch (boost::system::system_error const& thrown) {
      return thrown.code();
    }
  }
  static manual_context::time_point at(int seconds) {
    return manual_context::time_point(std::chrono::seconds(seconds));
  }
  std::string take_log() { return std::exchange(log_, {}); }

  manual_context context_;
  mutex mutex_;
  mutex::lock lock_;
  std::string log_;
};

TEST_F(run_test, function_runs_at_once_if_the_mutex_is_free) {
  mutex_.async_run(write('a'), told('a'));
  EXPECT_EQ(take_log(), "a");
  EXPECT_TRUE(mutex_.try_lock());
  context_.run();
  EXPECT_EQ(take_log(), "A");
}

TEST_F(run_test, waiting_function_is_run_by_whoever_unlocks) {
  auto held = mutex_.try_lock();
  mutex_.async_run(write('a'), told('a'));
  EXPECT_EQ(take_log(), "");
  held.unlock();
  EXPECT_EQ(take_log(), "a");
  EXPECT_TRUE(mutex_.try_lock());
  context_.run();
  EXPECT_EQ(take_log(), "A");
}

TEST_F(run_test, functions_and_locks_share_one_queue) {
  auto held = mutex_.try_lock();
  mutex_.async_run(write('a'), told('a'));
  mutex_.async_lock(keep_lock('b'));
  mutex_.async_run(write('c'), told('c'));
  mutex_.async_run(write('d'), told('d'));
  held.unlock();
  EXPECT_EQ(take_log(), "a");
  context_.run();
  EXPECT_EQ(take_log(), "bA");  // b completes first: the lock does not wait for the delivery of a's completion
  lock_.unlock();
  EXPECT_EQ(take_log(), "cd");
  context_.run();
  EXPECT_EQ(take_log(), "CD");
}

TEST_F(run_test, one_release_runs_a_bounded_number_and_the_next_runs_on_its_own_executor) {
  auto held = mutex_.try_lock();
  int ran = 0;
  int finished = 0;
  constexpr int count = 3 * static_cast<int>(mutex::functions_per_release_max);
  for (int i = 0; i < count; ++i) {
    mutex_.async_run([&ran, i] { EXPECT_EQ(ran++, i); },
                     asio::bind_executor(context_.get_executor(), [&](std::exception_ptr) { ++finished; }));
  }
  held.unlock();
  EXPECT_EQ(ran, static_cast<int>(mutex::functions_per_release_max));
  EXPECT_FALSE(mutex_.try_lock());
  context_.run();
  EXPECT_EQ(ran, count);
  EXPECT_EQ(finished, count);
  EXPECT_TRUE(mutex_.try_lock());
}

// Each function asks for the next one while it runs, as another thread could, so that the queue is never empty.
TEST_F(run_test, endless_stream_of_functions_does_not_capture_the_releaser) {
  asio::io_context context(1);
  auto held = mutex_.try_lock();
  unsigned ran = 0;
  bool stop = false;
  std::function<void()> ask = [&] {
    mutex_.async_run(
        [&] {
          ++ran;
          if (!stop) ask();
        },
        asio::bind_executor(context.get_executor(), [](std::exception_ptr) {}));
  };
  ask();
  held.unlock();
  EXPECT_EQ(ran, mutex::functions_per_release_max);
  for (int turn = 0; turn != 3; ++turn) {
    // The next function runs on its own executor, in a handler that also runs the functions behind it.
    unsigned const before = ran;
    while (ran == before) ASSERT_TRUE(context.run_one());
    EXPECT_EQ(ran, before + 1 + mutex::functions_per_turn_max);
  }
  stop = true;
  context.run();
  EXPECT_TRUE(mutex_.try_lock());
}

TEST_F(run_test, functions_of_two_contexts_are_run_a_few_at_a_time) {
  asio::io_context contexts[2];
  auto held = mutex_.try_lock();
  unsigned ran = 0;
  for (unsigned i = 0; i != 4 * mutex::functions_per_release_max; ++i) {
    mutex_.async_run([&] { ++ran; },
                     asio::bind_executor(contexts[i % 2].get_executor(), [](std::exception_ptr const&) {}));
  }
  held.unlock();
  for (unsigned turn = 0; turn != 2; ++turn) {
    unsigned const before = ran;
    while (ran == before)
      ASSERT_TRUE(contexts[turn].run_one());  // each turn ends before a function of the other context
    EXPECT_EQ(ran, before + 1 + mutex::functions_per_release_max);
  }
}

TEST_F(run_test, result_travels_to_the_caller) {
  asio::io_context context;
  auto immediate = mutex_.async_run([] { return std::string("now"); }, asio::bind_executor(context, asio::use_future));
  auto held = mutex_.try_lock();
  auto later =
      mutex_.async_run([] { return std::make_unique<int>(7); }, asio::bind_executor(context, asio::use_future));
  held.unlock();
  context.run();
  EXPECT_EQ(immediate.get(), "now");
  EXPECT_EQ(*later.get(), 7);
}

TEST_F(run_test, exception_travels_to_the_caller_and_the_lock_goes_on) {
  auto held = mutex_.try_lock();
  mutex_.async_run([]() -> int { throw std::runtime_error("section"); },
                   asio::bind_executor(context_.get_executor(), [this](std::exception_ptr error, int value) {
                     EXPECT_EQ(value, 0);
                     EXPECT_THROW(std::rethrow_exception(error), std::runtime_error);
                     log_ += 'x';
                   }));
  mutex_.async_run(write('b'), told('b'));
  held.unlock();
  EXPECT_EQ(take_log(), "b");
  context_.run();
  EXPECT_EQ(take_log(), "xB");
}

/// Throws when it is moved for the `budget`th time.
struct moves_so_often {
  explicit moves_so_often(int b = 1000) : budget(b) {}
  moves_so_often(moves_so_often&& other) noexcept(false) : budget(other.budget - 1) {
    if (budget == 0) throw std::runtime_error("moved too often");
  }
  moves_so_often& operator=(moves_so_often&&) = delete;
  int budget;
};

TEST_F(run_test, result_that_throws_when_it_is_moved_is_a_failure_that_travels) {
  auto alive = std::make_shared<int>();
  std::exception_ptr failure;
  mutex_.async_run(
      [] { return moves_so_often(1); },
      asio::bind_executor(context_.get_executor(),
                          [&, alive](std::exception_ptr error, moves_so_often const&) { failure = error; }));
  context_.run();
  EXPECT_TRUE(failure);
  EXPECT_EQ(alive.use_count(), 1);
}

struct throws_when_made {
  throws_when_made() { throw std::runtime_error("made"); }
};

TEST_F(run_test, result_that_cannot_even_be_made_leaks_nothing) {
  auto alive = std::make_shared<int>();
  mutex_.async_run(
      [] { return throws_when_made(); },
      asio::bind_executor(context_.get_executor(), [alive](std::exception_ptr, throws_when_made const&) { FAIL(); }));
  EXPECT_THROW(context_.run(), std::runtime_error);
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_TRUE(mutex_.try_lock());
}

TEST_F(run_test, waiting_function_is_cancelled_and_never_runs) {
  auto held = mutex_.try_lock();
  asio::cancellation_signal signal;
  mutex_.async_run(write('a'), asio::bind_cancellation_slot(signal.slot(), told('a')));
  mutex_.async_run(write('b'), told('b'));
  signal.emit(asio::cancellation_type::total);
  context_.run();
  EXPECT_EQ(take_log(), "A!");
  held.unlock();
  EXPECT_EQ(take_log(), "b");
}

TEST_F(run_test, function_that_has_run_is_not_cancelled) {
  auto held = mutex_.try_lock();
  asio::cancellation_signal signal;
  mutex_.async_run(write('a'), asio::bind_cancellation_slot(signal.slot(), told('a')));
  held.unlock();
  signal.emit(asio::cancellation_type::all);
  context_.run();
  EXPECT_EQ(take_log(), "aA");
}

TEST_F(run_test, function_may_cancel_the_one_behind_it) {
  auto held = mutex_.try_lock();
  asio::cancellation_signal signal;
  mutex_.async_run(
      [&] {
        log_ += 'a';
        signal.emit(asio::cancellation_type::all);
      },
      told('a'));
  mutex_.async_run(write('b'), asio::bind_cancellation_slot(signal.slot(), told('b')));
  mutex_.async_run(write('c'), told('c'));
  held.unlock();
  EXPECT_EQ(take_log(), "ac");
  context_.run();
  EXPECT_EQ(take_log(), "B!AC");
}

TEST_F(run_test, waiting_functions_of_a_destroyed_context_never_run) {
  auto held = mutex_.try_lock();
  {
    asio::io_context goes;
    mutex_.async_run([] { FAIL(); }, asio::bind_executor(goes, [](std::exception_ptr) { FAIL(); }));
  }
  mutex_.async_run(write('b'), told('b'));
  held.unlock();
  EXPECT_EQ(take_log(), "b");
}

TEST_F(run_test, function_handed_on_by_executor_to_a_destroyed_context_passes_the_lock_on) {
  auto held = mutex_.try_lock();
  {
    asio::io_context goes;
    for (unsigned i = 0; i <= mutex::functions_per_release_max; ++i) {
      mutex_.async_run([] {}, asio::bind_executor(goes, [](std::exception_ptr) {}));
    }
    held.unlock();
    mutex_.async_run(write('b'), told('b'));
    EXPECT_EQ(take_log(), "");
  }
  EXPECT_EQ(take_log(), "b");
  EXPECT_TRUE(mutex_.try_lock());
}

TEST_F(run_test, waiting_function_gives_up_at_its_deadline_and_never_runs) {
  auto held = mutex_.try_lock();
  mutex_.async_run_until(at(2), write('a'), told_why('a'));
  mutex_.async_run(write('b'), told_why('b'));
  context_.pass_time_until(at(1));
  context_.run();
  EXPECT_EQ(take_log(), "");
  context_.pass_time_until(at(2));
  context_.run();
  EXPECT_EQ(take_log(), "A?");
  held.unlock();
  context_.run();
  EXPECT_EQ(take_log(), "bB");
}

TEST_F(run_test, function_that_is_granted_before_its_deadline_runs_and_takes_its_timer_along) {
  auto held = mutex_.try_lock();
  mutex_.async_run_until(at(2), write('a'), told_why('a'));
  EXPECT_EQ(context_.timers(), 1u);
  held.unlock();
  EXPECT_EQ(take_log(), "a");
  context_.pass_time_until(at(2));  // before the completion is delivered
  context_.run();
  EXPECT_EQ(take_log(), "A");
  mutex_.async_run_until(at(4), write('b'), told_why('b'));
  context_.run();
  EXPECT_EQ(take_log(), "bB");
  EXPECT_EQ(context_.timers(), 0u);
}

TEST_F(run_test, free_mutex_runs_a_function_also_after_its_deadline) {
  mutex_.async_run_until(at(-1), write('a'), told_why('a'));
  EXPECT_EQ(take_log(), "a");
  context_.pass_time_until(at(0));
  context_.run();
  EXPECT_EQ(take_log(), "A");
}

TEST_F(run_test, mutex_that_is_held_refuses_a_function_after_its_deadline) {
  auto held = mutex_.try_lock();
  mutex_.async_run_until(at(-1), write('a'), told_why('a'));
  context_.pass_time_until(at(0));
  context_.run();
  EXPECT_EQ(take_log(), "A?");
}

TEST_F(run_test, deadline_that_is_handed_on_by_executor_is_met_by_the_grant) {
  auto held = mutex_.try_lock();
  for (unsigned i = 0; i != mutex::functions_per_release_max; ++i) mutex_.async_run([] {}, told_why('z'));
  mutex_.async_run_until(at(2), write('a'), told_why('a'));
  held.unlock();
  EXPECT_EQ(take_log(), "");
  context_.pass_time_until(at(2));
  context_.run();
  EXPECT_EQ(take_log().substr(0, 2), "aA");
}

TEST_F(run_test, duration_of_a_function_counts_from_the_call) {
  auto held = mutex_.try_lock();
  auto const before = std::chrono::steady_clock::now();
  mutex_.async_run_for(std::chrono::hours(1), write('a'), told_why('a'));
  context_.pass_time_until(before + std::chrono::minutes(59));
  context_.run();
  EXPECT_EQ(take_log(), "");
  context_.pass_time_until(std::chrono::steady_clock::now() + std::chrono::hours(1));
  context_.run();
  EXPECT_EQ(take_log(), "A?");
}

TEST_F(run_test, function_with_a_deadline_is_cancelled_by_signal_and_by_the_end_of_its_mutex_or_context) {
  {
    auto held = mutex_.try_lock();
    asio::cancellation_signal signal;
    mutex_.async_run_until(at(2), write('a'), asio::bind_cancellation_slot(signal.slot(), told_why('a')));
    signal.emit(asio::cancellation_type::total);
    context_.pass_time_until(at(2));
    context_.run();
    EXPECT_EQ(take_log(), "A!");
  }
  auto m = std::make_unique<mutex>();
  auto held = m->try_lock();
  m->async_run_until(at(2), write('b'), told_why('b'));
  auto alive = std::make_shared<int>();
  {
    manual_context goes;
    m->async_run_until(at(2), write('c'),
                       asio::bind_executor(goes.get_executor(), [alive](std::exception_ptr) { FAIL(); }));
  }
  EXPECT_EQ(alive.use_count(), 1);
  m.reset();
  context_.pass_time_until(at(2));
  context_.run();
  EXPECT_EQ(take_log(), "B!");
  EXPECT_EQ(context_.timers(), 0u);
}

TEST_F(run_test, guarded_value_is_given_to_functions_with_deadlines) {
  guarded<std::string> g;
  auto held = g.try_lock();
  int lengths = 0;
  auto const append = [](char c) { return [c](std::string& s) { return static_cast<int>((s += c).size()); }; };
  auto add_up = asio::bind_executor(context_.get_executor(),
                                    [&](std::exception_ptr error, int length) { lengths += error ? 100 : length; });
  g.async_run_until(at(2), append('a'), add_up);
  g.async_run_for(std::chrono::hours(1), append('b'), add_up);
  g.async_run_until(at(1), append('c'), add_up);
  context_.pass_time_until(at(1));
  context_.run();
  held.unlock();
  context_.run();
  EXPECT_EQ(*g.try_lock(), "ab");
  EXPECT_EQ(lengths, 103);
}

// Completions for another context are posted together; the effect must be the same as posting each.
class homeward_test : public run_test {
 protected:
  void leave(char c) {
    mutex_.async_run(write(c), asio::bind_executor(home_, [this, c](std::exception_ptr error) {
                       EXPECT_FALSE(error);
                       log_ += static_cast<char>(std::toupper(c));
                       if (c == 'b') throw std::runtime_error("a handler");
                     }));
  }
  asio::io_context home_{1};
};

TEST_F(homeward_test, each_is_a_handler_of_its_own_and_in_order) {
  auto held = mutex_.try_lock();
  for (char const c : {'a', 'x', 'c'}) leave(c);
  held.unlock();
  EXPECT_EQ(take_log(), "axc");
  for (auto const* expected : {"A", "X", "C"}) {
    while (log_.empty() && home_.poll_one() != 0) {
    }
    EXPECT_EQ(take_log(), expected);
  }
  EXPECT_EQ(home_.poll(), 0U);
}

TEST_F(homeward_test, a_handler_that_throws_does_not_lose_the_others) {
  auto held = mutex_.try_lock();
  for (char const c : {'a', 'b', 'c'}) leave(c);
  held.unlock();
  EXPECT_THROW(home_.poll(), std::runtime_error);
  home_.poll();
  EXPECT_EQ(take_log(), "abcABC");
}

TEST_F(homeward_test, those_of_other_executors_are_told_on_their_own) {
  auto held = mutex_.try_lock();
  asio::io_context other(1);
  auto const strand = asio::make_strand(home_);
  leave('a');
  mutex_.async_run(write('o'), asio::bind_executor(other, [this](std::exception_ptr) { log_ += 'O'; }));
  mutex_.async_run(write('s'), asio::bind_executor(strand, [this, strand](std::exception_ptr) {
                     EXPECT_TRUE(strand.running_in_this_thread());
                     log_ += 'S';
                   }));
  leave('c');
  held.unlock();
  EXPECT_EQ(take_log(), "aosc");
  other.poll();
  EXPECT_EQ(take_log(), "O");
  home_.poll();
  auto told = take_log();
  std::ranges::sort(told);
  EXPECT_EQ(told, "ACS");
}

TEST(run_lifetime_test, destruction_of_a_context_waits_until_its_function_has_run) {
  mutex m;
  auto held = m.try_lock();
  auto goes = std::make_unique<asio::io_context>();
  std::promise<void> started;
  std::promise<void> may_end;
  std::atomic<bool> ended{false};
  m.async_run(
      [&] {
        started.set_value();
        may_end.get_future().wait();
        ended = true;
      },
      asio::bind_executor(*goes, [](std::exception_ptr) {}));
  std::thread releaser([&] { held.unlock(); });
  started.get_future().wait();
  std::thread destroyer([&] {
    goes.reset();
    EXPECT_TRUE(ended);
  });
  may_end.set_value();
  destroyer.join();
  releaser.join();
}

TEST_F(run_test, mutex_destroyed_with_waiting_functions_aborts_them) {
  auto m = std::make_unique<mutex>();
  auto held = m->try_lock();
  m->async_run(write('a'), told('a'));
  m.reset();
  context_.run();
  EXPECT_EQ(take_log(), "A!");
}

TEST_F(run_test, signal_after_the_mutex_is_gone_is_ignored) {
  auto m = std::make_unique<mutex>();
  auto held = m->try_lock();
  asio::cancellation_signal signal;
  m->async_run(write('a'), asio::bind_cancellation_slot(signal.slot(), told('a')));
  held.unlock();
  m.reset();
  signal.emit(asio::cancellation_type::all);
  context_.run();
  EXPECT_EQ(take_log(), "aA");
}

asio::awaitable<void> append(guarded<std::string>& g, char c, std::size_t& size_seen) {
  auto section = [c](std::string& s) {
    s += c;
    return s.size();
  };
  size_seen = co_await g.async_run(section);
}

asio::awaitable<void> append_as_awaitable(guarded<std::string>& g, char c, std::size_t& size_seen) {
  auto section = [c](std::string& s) {
    s += c;
    return s.size();
  };
  size_seen = co_await g.async_run(section, asio::use_awaitable);
}

asio::awaitable<void> fail_in_section(guarded<std::string>& g, bool& caught) {
  auto section = [](std::string&) { throw std::runtime_error("section"); };
  try {
    co_await g.async_run(section);
  } catch (std::runtime_error const&) {
    caught = true;
  }
}

asio::awaitable<void> fail_as_tuple(guarded<std::string>& g, bool& caught) {
  auto section = [](std::string&) -> int { throw std::runtime_error("section"); };
  auto [error, value] = co_await g.async_run(section, asio::as_tuple(asio::deferred));
  caught = error && value == 0;
}

TEST(run_coroutine_test, coroutines_run_sections_with_and_without_waiting) {
  for (bool contended : {false, true}) {
    asio::io_context context;
    guarded<std::string> g;
    guarded<std::string>::lock held;
    if (contended) held = g.try_lock();
    std::size_t sizes[2] = {};
    bool caught[2] = {};
    asio::co_spawn(context, append(g, 'a', sizes[0]), asio::detached);
    asio::co_spawn(context, append_as_awaitable(g, 'b', sizes[1]), asio::detached);
    asio::co_spawn(context, fail_in_section(g, caught[0]), asio::detached);
    asio::co_spawn(context, fail_as_tuple(g, caught[1]), asio::detached);
    context.poll();
    if (contended) {
      EXPECT_EQ(*held, "");
      held.unlock();
    }
    context.run();
    EXPECT_EQ(*g.try_lock(), "ab");
    EXPECT_EQ(sizes[0], 1u);
    EXPECT_EQ(sizes[1], 2u);
    EXPECT_TRUE(caught[0] && caught[1]);
  }
}

asio::awaitable<void> append_in_time(guarded<std::string>& g, std::chrono::milliseconds patience,
                                     boost::system::error_code& code) {
  auto section = [](std::string& s) { return &(s += 't'); };
  try {
    (void)co_await g.async_run_for(patience, section);
    auto const at_once = std::chrono::steady_clock::now();
    (void)co_await g.async_run_until(at_once, section, asio::use_awaitable);
  } catch (boost::system::system_error const& error) {
    code = error.code();
  }
}

TEST(run_coroutine_test, coroutine_gives_up_at_the_deadline_of_its_section) {
  asio::io_context context;
  guarded<std::string> g;
  boost::system::error_code code;
  asio::co_spawn(context, append_in_time(g, std::chrono::hours(1), code), asio::detached);
  context.run();
  EXPECT_FALSE(code);
  auto held = g.try_lock();
  EXPECT_EQ(*held, "tt");
  asio::co_spawn(context, append_in_time(g, std::chrono::milliseconds(1), code), asio::detached);
  context.restart();
  context.run();
  EXPECT_EQ(code, asio::error::timed_out);
  EXPECT_EQ(*held, "tt");
}

using io_executor = asio::io_context::executor_type;

asio::awaitable<void, io_executor> run_sections(mutex& m, int sections) {
  auto section = [] {};
  for (int i = 0; i < sections; ++i) co_await m.async_run(section);
}

// A queue longer than the limit of one release never became empty again: the next function got the lock through its
// executor, behind the handlers of all others, each of which asked again meanwhile. So each section took a handler.
TEST(run_coroutine_test, crowd_that_queued_once_does_not_queue_for_ever) {
  asio::io_context context(1);
  mutex m;
  auto held = m.try_lock();
  for (int i = 0; i < 200; ++i) asio::co_spawn(context, run_sections(m, 100), asio::detached);
  context.poll();
  held.unlock();
  EXPECT_LE(context.run(), 1000u);
}

asio::awaitable<void> run_and_note_thread(mutex& m, std::thread::id& ran_on, std::thread::id& told_on) {
  auto section = [&] { ran_on = std::this_thread::get_id(); };
  co_await m.async_run(section);
  told_on = std::this_thread::get_id();
}

TEST(run_coroutine_test, function_runs_on_the_releasing_thread_and_its_waiter_goes_on_on_its_own) {
  mutex m;
  auto held = m.try_lock();
  std::promise<void> waits;
  std::thread::id ran_on, told_on;
  asio::io_context context;
  asio::co_spawn(context, run_and_note_thread(m, ran_on, told_on), asio::detached);
  asio::post(context, [&] { waits.set_value(); });
  std::thread other([&] { context.run(); });
  waits.get_future().wait();
  auto const other_id = other.get_id();
  held.unlock();
  other.join();
  EXPECT_EQ(ran_on, std::this_thread::get_id());
  EXPECT_EQ(told_on, other_id);
}

}  // namespace
}  // namespace holdfast::sync
