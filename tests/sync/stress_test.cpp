#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <cstdint>
#include <holdfast/sync/mutex.hpp>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace holdfast::sync {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

/// Records the order of events. All sequence numbers come from one counter.
struct ledger {
  struct entry {
    std::uint64_t before_asking = 0;
    std::uint64_t after_asking = 0;  // by then the operation was queued or owned the lock
  };

  explicit ledger(std::size_t operations) : entries(operations) { granted_in_order.reserve(operations); }

  void check_nobody_overtook() const {
    // An operation that had queued before another one began to ask must be granted first.
    std::uint64_t first_asked_of_the_later = std::numeric_limits<std::uint64_t>::max();
    for (auto it = granted_in_order.rbegin(); it != granted_in_order.rend(); ++it) {
      ASSERT_GE(first_asked_of_the_later, entries[*it].before_asking);
      first_asked_of_the_later = std::min(first_asked_of_the_later, entries[*it].after_asking);
    }
  }

  mutex lock;
  std::atomic<std::uint64_t> sequence{0};
  std::vector<entry> entries;                               // each written only by its operation
  std::atomic<int> cancelled{0}, timed_out{0}, refused{0};  // functions that never ran are all in `cancelled`
  // Guarded by `lock`.
  std::vector<std::size_t> granted_in_order;
  std::size_t released = 0;
  bool owned = false;
};

/// Asks for the lock repeatedly, each time in another way, on its own strand.
class asker : public std::enable_shared_from_this<asker> {
 public:
  asker(ledger& l, asio::thread_pool& pool, std::size_t first, std::size_t last, unsigned seed)
      : ledger_(l), strand_(asio::make_strand(pool)), next_(first), last_(last), random_(seed) {}

  void go_on() {
    if (next_ == last_) return;
    auto self = shared_from_this();
    asio::post(strand_, [self] { self->ask(self->next_++); });
  }

 private:
  auto on_strand(std::size_t operation) {
    return asio::bind_executor(strand_, [self = shared_from_this(), operation](error_code error, mutex::lock lock) {
      if (error == asio::error::operation_aborted) {
        ++self->ledger_.cancelled;
      } else if (error) {
        EXPECT_EQ(error, asio::error::timed_out);
        ++self->ledger_.timed_out;
      }
      EXPECT_EQ(!error, lock.owns_lock());
      if (lock) return self->own(operation, std::move(lock));
      self->go_on();
    });
  }

  void ask(std::size_t operation) {
    auto& entry = ledger_.entries[operation];
    entry.before_asking = ledger_.sequence++;
    switch (random_() % 8) {
      case 0:
        ledger_.lock.async_lock(on_strand(operation));
        break;
      case 1:
        ledger_.lock.async_lock_for(std::chrono::microseconds(random_() % 100), on_strand(operation));
        break;
      case 2:
      case 3:
        ledger_.lock.async_lock(asio::bind_cancellation_slot(signal_.slot(), on_strand(operation)));
        cancel_soon();
        break;
      case 4:
      case 5:
        run(operation);
        break;
      default:
        if (auto lock = random_() % 2 ? ledger_.lock.try_lock() : ledger_.lock.try_lock_spinning()) {
          own(operation, std::move(lock));
        } else {
          ++ledger_.refused;
          go_on();
        }
    }
    entry.after_asking = ledger_.sequence++;
  }

  void run(std::size_t operation) {
    auto section = [self = shared_from_this(), operation] {
      self->enter(operation);
      self->leave();
    };
    auto told = [self = shared_from_this()](std::exception_ptr error) {
      if (error) ++self->ledger_.cancelled;
      self->go_on();
    };
    auto told_on_strand = asio::bind_executor(strand_, told);
    std::chrono::microseconds const patience(random_() % 100);
    switch (random_() % 4) {
      case 0:
        ledger_.lock.async_run(std::move(section), std::move(told_on_strand));
        break;
      case 1:
        ledger_.lock.async_run_for(patience, std::move(section), std::move(told_on_strand));
        break;
      case 2:
        ledger_.lock.async_run(std::move(section), asio::bind_cancellation_slot(signal_.slot(), told_on_strand));
        cancel_soon();
        break;
      default:
        ledger_.lock.async_run_for(patience, std::move(section),
                                   asio::bind_cancellation_slot(signal_.slot(), told_on_strand));
        cancel_soon();
    }
  }

  void cancel_soon() {
    asio::post(strand_, [self = shared_from_this()] { self->signal_.emit(asio::cancellation_type::total); });
  }

  void own(std::size_t operation, mutex::lock lock) {
    enter(operation);
    auto give_up = [self = shared_from_this()](mutex::lock mine) {
      self->leave();
      mine.unlock();
      self->go_on();
    };
    if (random_() % 4 != 0) return give_up(std::move(lock));
    asio::post(strand_, [give_up, held = std::move(lock)]() mutable { give_up(std::move(held)); });
  }

  void enter(std::size_t operation) {
    EXPECT_FALSE(std::exchange(ledger_.owned, true));
    ledger_.granted_in_order.push_back(operation);
  }
  void leave() {
    EXPECT_TRUE(std::exchange(ledger_.owned, false));
    ++ledger_.released;
  }

  ledger& ledger_;
  asio::strand<asio::thread_pool::executor_type> strand_;
  std::size_t next_, last_;
  std::minstd_rand random_;
  asio::cancellation_signal signal_;
};

class stress_test : public testing::TestWithParam<int> {};

TEST_P(stress_test, ledger_adds_up) {
  constexpr std::size_t askers = 12, rounds = 1500;
  ledger l(askers * rounds);
  {
    asio::thread_pool pool(static_cast<std::size_t>(GetParam()));
    for (std::size_t i = 0; i < askers; ++i) {
      std::make_shared<asker>(l, pool, i * rounds, (i + 1) * rounds, static_cast<unsigned>(7 * i + 1))->go_on();
    }
    pool.join();
  }
  EXPECT_EQ(l.granted_in_order.size(), l.released);
  EXPECT_EQ(l.released + static_cast<std::size_t>(l.cancelled + l.timed_out + l.refused), askers * rounds);
  EXPECT_TRUE(l.lock.try_lock());
  l.check_nobody_overtook();
}

INSTANTIATE_TEST_SUITE_P(threads, stress_test, testing::Values(1, 2, 4), [](auto const& tested) {
  return "on_" + std::to_string(tested.param) + (tested.param == 1 ? "_thread" : "_threads");
});

constexpr std::size_t crowd = 100'000;

TEST(crowd_test, hundred_thousand_waiters_are_served_in_order_without_growing_the_stack) {
  asio::io_context context;
  mutex m;
  auto held = m.try_lock();
  std::size_t served = 0;
  for (std::size_t i = 0; i < crowd; ++i) {
    m.async_lock(asio::bind_executor(context, [&served, i](error_code, mutex::lock) {
      if (served == i) ++served;
    }));
  }
  held.unlock();
  context.run();
  EXPECT_EQ(served, crowd);
}

TEST(crowd_test, hundred_thousand_functions_run_in_order_without_growing_the_stack) {
  asio::io_context context;
  mutex m;
  auto held = m.try_lock();
  std::size_t served = 0;
  for (std::size_t i = 0; i < crowd; ++i) {
    m.async_run([&served, i] { served += served == i; }, asio::bind_executor(context, [](std::exception_ptr) {}));
  }
  held.unlock();
  context.run();
  EXPECT_EQ(served, crowd);
}

TEST(crowd_test, any_of_hundred_thousand_leaves_the_queue_at_once) {
  asio::io_context context;
  mutex m;
  auto held = m.try_lock();
  std::vector<asio::cancellation_signal> signals(crowd);
  std::size_t served = 0, cancelled = 0;
  for (auto& signal : signals) {
    m.async_lock(asio::bind_cancellation_slot(
        signal.slot(),
        asio::bind_executor(context, [&](error_code error, mutex::lock) { ++(error ? cancelled : served); })));
  }
  std::vector<std::size_t> order(crowd);
  for (std::size_t i = 0; i < crowd; ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), std::minstd_rand(1));
  // Walking the queue would take 5 billion steps.
  for (std::size_t i = 0; i < crowd - 1; ++i) signals[order[i]].emit(asio::cancellation_type::total);
  held.unlock();
  context.run();
  EXPECT_EQ(cancelled, crowd - 1);
  EXPECT_EQ(served, 1u);
}

TEST(crowd_test, hundred_thousand_waiters_vanish_with_their_context) {
  mutex m;
  auto held = m.try_lock();
  auto alive = std::make_shared<int>();
  {
    asio::io_context context;
    for (std::size_t i = 0; i < crowd; ++i) {
      m.async_lock(asio::bind_executor(context, [alive](error_code, mutex::lock) { FAIL(); }));
    }
  }
  EXPECT_EQ(alive.use_count(), 1);
  held.unlock();
  EXPECT_TRUE(m.try_lock());
}

TEST(crowd_test, posted_grants_of_a_context_that_never_runs_are_passed_on_one_after_the_other) {
  mutex m;
  {
    asio::io_context context;
    auto held = m.try_lock();
    for (std::size_t i = 0; i < crowd; ++i) {
      m.async_run([] {}, asio::bind_executor(context, [](std::exception_ptr) {}));
      m.async_lock(asio::bind_executor(context, [](error_code, mutex::lock) { FAIL(); }));
    }
    held.unlock();
  }
  EXPECT_TRUE(m.try_lock());
}

}  // namespace
}  // namespace holdfast::sync
