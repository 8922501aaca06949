#include "server/store.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/this_coro.hpp>
#include <limits>

#include "protocol/duration.hpp"

namespace holdfast::server {
namespace {

using clock = std::chrono::steady_clock;
using namespace protocol;

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

lock_outcome outcome_of(interruption const& stop) {
  switch (stop.why()) {
    case stop_reason::none:
      return lock_outcome::released;
    case stop_reason::hang_up:
      return lock_outcome::hung_up;
    case stop_reason::drain:
      break;
  }
  return lock_outcome::cancelled;
}

/// The position to tell, where somebody watches.
std::optional<std::uint32_t> place(std::uint64_t id, std::uint32_t position) {
  return id != 0 ? std::optional(position) : std::nullopt;
}

/// A hold so long that the clock would overflow ends at the end of time.
clock::time_point later(clock::time_point from, std::chrono::nanoseconds by) {
  return by >= clock::time_point::max() - from ? clock::time_point::max() : from + by;
}

}  // namespace

store::waiter_place::waiter_place(store& waited_for, bool is_limited) noexcept : count_(waited_for.waiters_) {
  auto const most = is_limited ? waited_for.waiters_max_ : std::numeric_limits<std::size_t>::max();
  auto now = count_.load(std::memory_order_relaxed);
  while (now < most && !is_taken_) is_taken_ = count_.compare_exchange_weak(now, now + 1, std::memory_order_relaxed);
  position_ = static_cast<std::uint32_t>(now + 1);
}

std::optional<reading> store::try_read(std::string_view key, lock_asker const& asker, std::span<char> room,
                                       std::size_t value_bytes_max) {
  std::optional<reading> done;
  auto lock = data_.try_lock();
  if (!lock) return done;
  auto const granted_at = clock::now();
  auto const* const found = lock->find(key);
  if (found == nullptr || found->value->size() > value_bytes_max) return done;
  done.emplace().revision = found->revision;
  if (auto const& value = *found->value; value.size() <= room.size()) {
    done->copied = {room.data(), value.copy(room.data(), value.size())};
  } else {
    done->shared = found->value;
  }
  done->ended_at = clock::now();
  done->timing.hold = done->ended_at - granted_at;
  if (asker.is_watched())
    done->id = asker.recorder->passed(asker.source, asker.operation, key, granted_at, done->ended_at);
  lock.unlock();
  done->timing.position = place(done->id, 0);
  return done;
}

std::optional<execution> store::try_execute(operation const& operation, lock_asker const& asker,
                                            std::size_t value_bytes_max) {
  auto lock = data_.try_lock();
  if (!lock) return std::nullopt;
  auto const granted_at = clock::now();
  auto applied = lock->apply(operation);
  if (auto const* const found = std::get_if<value_found>(&applied); found && found->value->size() > value_bytes_max)
    return std::nullopt;
  // Read the clock while the lock is still ours, so that no later grant seems to come before this release.
  auto const released_at = clock::now();
  std::uint64_t id = 0;
  if (asker.is_watched())
    id = asker.recorder->passed(asker.source, asker.operation, key_of(operation), granted_at, released_at);
  lock.unlock();
  return execution{
      std::move(applied), {.wait = {}, .hold = released_at - granted_at, .position = place(id, 0)}, released_at, id};
}

awaitable<execution> store::execute(operation const& operation, lock_terms terms, interruption& stop,
                                    lock_asker asker) {
  auto const asked_at = clock::now();
  lock_visit visit(asker, key_of(operation), asked_at);
  auto granted_at = asked_at;
  auto lock = data_.try_lock();
  if (!lock) {
    auto const refuse = [&](failure why, lock_outcome outcome) {
      auto const left_at = clock::now();
      visit.left(left_at, outcome);
      lock_timing const timing{.wait = left_at - asked_at, .hold = {}, .position = place(visit.id(), visit.position())};
      return execution{std::move(why), timing, left_at, visit.id()};
    };
    waiter_place const mine(*this);
    visit.stands_at(mine.position());
    if (stop.why() != stop_reason::none) co_return refuse(stopped(), outcome_of(stop));
    if (terms.lock_timeout && terms.lock_timeout->count() == 0)
      co_return refuse(timed_out({}), lock_outcome::timed_out);
    if (!mine.is_taken()) co_return refuse(queue_full(), lock_outcome::refused);
    visit.waits();

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
      if (error == asio::error::timed_out) co_return refuse(timed_out(*terms.lock_timeout), lock_outcome::timed_out);
      co_return refuse(stopped(), outcome_of(stop));
    }
    granted_at = clock::now();
  }

  visit.granted(granted_at, terms.hold);
  lock_timing const waited{.wait = granted_at - asked_at, .hold = {}, .position = place(visit.id(), visit.position())};
  execution done{lock->apply(operation), waited, {}, visit.id()};
  if (terms.hold.count() > 0) {
    interruption::phase_scope const holding(stop, lock_phase::holding);
    steady_timer timer(co_await asio::this_coro::executor, later(granted_at, terms.hold));
    co_await timer.async_wait(asio::bind_cancellation_slot(holding.slot(), as_values));
  }
  auto const released_at = clock::now();
  done.timing.hold = released_at - granted_at;
  done.ended_at = released_at;
  visit.released(released_at, outcome_of(stop));
  lock.unlock();
  co_return done;
}

}  // namespace holdfast::server
