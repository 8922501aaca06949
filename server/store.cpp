#include "server/store.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/this_coro.hpp>

#include "protocol/duration.hpp"

namespace holdfast::server {
namespace {

using clock = std::chrono::steady_clock;
using namespace protocol;

/// Counts one waiter for as long as it lives, unless there are enough already.
class waiter_place {
 public:
  waiter_place(std::atomic<std::size_t>& count, std::size_t most) : count_(count) {
    auto now = count_.load(std::memory_order_relaxed);
    while (now < most && !taken_) taken_ = count_.compare_exchange_weak(now, now + 1, std::memory_order_relaxed);
  }
  ~waiter_place() {
    if (taken_) count_.fetch_sub(1, std::memory_order_relaxed);
  }
  waiter_place(waiter_place const&) = delete;
  waiter_place& operator=(waiter_place const&) = delete;

  [[nodiscard]] bool taken() const noexcept { return taken_; }

 private:
  std::atomic<std::size_t>& count_;
  bool taken_ = false;
};

failure timed_out(std::chrono::nanoseconds timeout) {
  return {errc::lock_timeout,
          timeout.count() == 0 ? std::string("the lock was taken, and lock-timeout=0 tries once; nothing was changed")
                               : "the lock was not free within " + format_duration(timeout) +
                                     "; nothing was changed. Retry, or raise lock-timeout"};
}

failure stopped() {
  return {errc::draining, "the server is shutting down; nothing was changed. Ask another"};
}

failure queue_full() {
  return {errc::queue_full, "as many requests wait for the lock as this server allows; retry"};
}

/// A hold so long that the clock would overflow ends at the end of time.
clock::time_point later(clock::time_point from, std::chrono::nanoseconds by) {
  return by >= clock::time_point::max() - from ? clock::time_point::max() : from + by;
}

}  // namespace

std::optional<execution> store::try_execute(operation const& operation) {
  auto lock = data_.try_lock();
  if (!lock) return std::nullopt;
  auto const granted_at = clock::now();
  auto applied = lock->apply(operation);
  lock.unlock();
  return execution{std::move(applied), {.wait = {}, .hold = clock::now() - granted_at}};
}

awaitable<execution> store::execute(operation const& operation, lock_terms terms, interruption& stop) {
  auto const asked_at = clock::now();
  auto lock = data_.try_lock();
  if (!lock) {
    if (terms.lock_timeout && terms.lock_timeout->count() == 0) co_return execution{timed_out({}), {}};
    if (stop.why() != stop_reason::none) co_return execution{stopped(), {}};
    waiter_place const place(waiters_, waiters_max_);
    if (!place.taken()) co_return execution{queue_full(), {}};

    error_code error;
    {
      interruption::phase_scope const waiting(stop, lock_phase::waiting);
      auto token = asio::bind_cancellation_slot(waiting.slot(), as_values);
      if (terms.lock_timeout) {
        std::tie(error, lock) = co_await data_.async_lock_until(later(asked_at, *terms.lock_timeout), token);
      } else {
        std::tie(error, lock) = co_await data_.async_lock(token);
      }
    }
    // A grant that crosses a stop is given back unused: who left the queue must change nothing.
    if (error || stop.why() != stop_reason::none) {
      lock = {};
      lock_timing const timing{.wait = clock::now() - asked_at, .hold = {}};
      if (error == asio::error::timed_out) co_return execution{timed_out(*terms.lock_timeout), timing};
      co_return execution{stopped(), timing};
    }
  }

  auto const granted_at = clock::now();
  execution done{lock->apply(operation), {.wait = granted_at - asked_at, .hold = {}}};
  if (terms.hold.count() > 0) {
    interruption::phase_scope const holding(stop, lock_phase::holding);
    steady_timer timer(co_await asio::this_coro::executor, later(granted_at, terms.hold));
    co_await timer.async_wait(asio::bind_cancellation_slot(holding.slot(), as_values));
  }
  // Read the clock while the lock is still ours, so that no later grant seems to come before this release.
  done.timing.hold = clock::now() - granted_at;
  lock.unlock();
  co_return done;
}

}  // namespace holdfast::server
