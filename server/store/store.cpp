#include "server/store/store.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <limits>
#include <string>
#include <utility>

#include "protocol/duration.hpp"
#include "server/loop/timer.hpp"

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

/// The position in the queue, if anybody watches.
std::optional<std::uint32_t> place(std::uint64_t id, std::uint32_t position) {
  return id != 0 ? std::optional(position) : std::nullopt;
}

/// A wait that would overflow the clock ends at its maximum.
clock::time_point later(clock::time_point from, std::chrono::nanoseconds by) {
  return by >= clock::time_point::max() - from ? clock::time_point::max() : from + by;
}

bool is_time_out(std::exception_ptr const& error) {
  try {
    std::rethrow_exception(error);
  } catch (boost::system::system_error const& why) {
    return why.code() == asio::error::timed_out;
  } catch (...) {
    return false;
  }
}

/// The change that must be durable before an entry is shown; 0: none.
std::uint64_t need_of(std::string_view key, std::uint64_t revision, database const& data, commit_queue const& commits) {
  if (revision > commits.durable_revision()) return data.sequence();
  // Its time to live is shown as well.
  return data.last_touch() > commits.durable_sequence() ? data.last_touch(key) : 0;
}

/// The change that must be durable before an outcome that changed nothing is shown.
struct need_of_outcome {
  std::string_view key;
  database const& data;
  commit_queue const& commits;

  std::uint64_t operator()(value_found const& found) const { return of(found.revision); }
  std::uint64_t operator()(not_modified const& same) const { return of(same.revision); }
  std::uint64_t operator()(value_touched const& touched) const { return of(touched.revision); }
  std::uint64_t operator()(condition_failed const& failed) const {
    return failed.revision != 0 ? of(failed.revision) : data.last_removal();
  }
  std::uint64_t operator()(no_such_key) const { return data.last_removal(); }
  std::uint64_t operator()(text_wanted const&) const { return 0; }
  std::uint64_t operator()(ticket_found const&) const { return data.last_lock_change(); }
  std::uint64_t operator()(lock_shown const&) const { return data.last_lock_change(); }
  std::uint64_t operator()(locks_listed const&) const { return data.last_lock_change(); }
  std::uint64_t operator()(lock_lost const&) const { return data.last_lock_change(); }
  std::uint64_t operator()(no_room) const { return 0; }
  template <class Other>
  std::uint64_t operator()(Other const&) const {
    return data.sequence();
  }

 private:
  [[nodiscard]] std::uint64_t of(std::uint64_t revision) const { return need_of(key, revision, data, commits); }
};

}  // namespace

store::waiter_place::waiter_place(store& waited_for, bool is_limited) noexcept : count_(waited_for.waiters_) {
  auto const most = is_limited ? waited_for.waiters_max_ : std::numeric_limits<std::size_t>::max();
  auto now = count_.load(std::memory_order_relaxed);
  while (now < most && !is_taken_) is_taken_ = count_.compare_exchange_weak(now, now + 1, std::memory_order_relaxed);
  position_ = static_cast<std::uint32_t>(now + 1);
}

void store::recover(journal& kept) {
  auto lock = data_.try_lock();
  auto& data = *lock;
  auto const now = clock::now();
  auto const now_on_wall = change::instant::clock::now();
  kept.recover([&](recovered_entry const& one) {
    auto const expires =
        one.expires_at ? now + std::chrono::duration_cast<clock::duration>(*one.expires_at - now_on_wall) : no_expiry;
    if (one.space == keyspace::data) {
      data.load(one.key, std::make_shared<std::string const>(one.value), one.version, expires);
    } else if (!data.load_record(one.space, one.key, one.value, one.version, expires, {now, now_on_wall})) {
      throw journal_error(journal_fault::unknown_format,
                          "the journal has a record in a form that this version does not know; start the version of"
                          " Holdfast that wrote it");
    }
  });
  data_bytes_.store(data.bytes(), std::memory_order_relaxed);
  keys_.store(data.size(), std::memory_order_relaxed);
}

void store::keep_in(journal_position const& position, commit_queue& commits, std::vector<change> recent) {
  auto lock = data_.try_lock();
  lock->keep_in(commits, position.sequence, position.revision, clock::now());
  next_expiry_.store(lock->next_expiry(), std::memory_order_relaxed);
  id_ = position.database;
  history_.start_after(position.revision - recent.size());
  history_.append(recent);
  commits_ = &commits;
}

std::uint64_t store::ask_for_round() {
  if (commits_ == nullptr || !commits_->is_shared()) return 0;
  auto const number = commits_->ask_for_round();
  start_commit();
  return number;
}

/// What must be durable before an outcome is shown: the changes that it made; otherwise what it shows, and the revision
/// that goes with it.
void store::note_needs(std::string_view key, database const& data, std::uint64_t sequence_before, clock::time_point now,
                       execution& done) const {
  auto const durable = commits_->durable_sequence();
  auto const needs = data.sequence() != sequence_before
                         ? data.sequence()
                         : std::visit(need_of_outcome{key, data, *commits_}, *done.outcome);
  if (commits_->is_shared()) {
    auto const is_sure = needs <= durable && now < commits_->sure_until();
    done.needs = is_sure ? 0 : commits_->ask_for_round();
    // That round makes durable what was appended before.
    if (!is_sure) return;
  } else {
    done.needs = needs <= durable ? needs : data.sequence();
  }
  // Nothing that it shows has changed since the revision that is durable, so it is true at that one as well.
  if (needs <= durable) done.revision = std::min(done.revision, commits_->durable_revision());
}

template <class Section>
void store::run_section(std::string_view key, database& data, Section const& what, clock::time_point now,
                        execution& done) {
  data.at(now);
  auto const sequence_before = data.sequence();
  done.outcome = what(data);
  done.revision = data.revision();
  if (commits_ != nullptr) note_needs(key, data, sequence_before, now, done);
  done.granted_at = now;
  auto const bytes = data.bytes();
  data_bytes_.store(bytes, std::memory_order_relaxed);
  keys_.store(data.size(), std::memory_order_relaxed);
  if (bytes > data_bytes_most_.load(std::memory_order_relaxed))
    data_bytes_most_.store(bytes, std::memory_order_relaxed);
  if (auto const next = data.next_expiry(); next != next_expiry_.load(std::memory_order_relaxed)) {
    auto const before = next_expiry_.exchange(next, std::memory_order_relaxed);
    if (next < before && on_earlier_expiry_) on_earlier_expiry_();
  }
}

bool store::try_execute(data_operation const& operation, lock_asker const& asker, execution& done) {
  auto lock = data_.try_lock_spinning();
  if (!lock) return false;
  auto const granted_at = clock::now();
  run_section(subject_of(operation), *lock, [&](database& data) { return data.apply(operation); }, granted_at, done);
  // The clock is read while the lock is still held, so that no later grant seems to precede this release.
  done.ended_at = clock::now();
  done.id = 0;
  if (asker.is_watched())
    done.id = asker.recorder->passed(asker.source, asker.operation, subject_of(operation), granted_at, done.ended_at);
  lock.unlock();
  start_commit();
  done.timing = {.wait = {}, .hold = done.ended_at - granted_at, .position = place(done.id, 0)};
  return true;
}

bool store::try_read(std::string_view key, lock_asker const& asker, reading& done) {
  auto lock = data_.try_lock_spinning();
  if (!lock) return false;
  auto const granted_at = clock::now();
  if (lock->next_expiry() <= granted_at) return false;
  auto const* const found = lock->find(key);
  if (found == nullptr || found->expires != no_expiry) return false;
  if (commits_ != nullptr && need_of(key, found->revision, *lock, *commits_) != 0) return false;
  if (commits_ != nullptr && commits_->is_shared() && granted_at >= commits_->sure_until()) return false;
  done.revision = found->revision;
  done.value = found->value;
  done.ended_at = clock::now();
  if (asker.is_watched())
    done.id = asker.recorder->passed(asker.source, asker.operation, key, granted_at, done.ended_at);
  lock.unlock();
  done.timing = {.wait = {}, .hold = done.ended_at - granted_at, .position = place(done.id, 0)};
  return true;
}

awaitable<execution> store::execute(data_operation const& operation, lock_terms terms, interruption& stop,
                                    lock_asker asker) {
  section const apply_it = [&operation](database& data) { return data.apply(operation); };
  co_return co_await visit_lock(subject_of(operation), apply_it, terms, stop, asker, true);
}

awaitable<execution> store::run(std::string_view key, section const& what, interruption& stop, lock_asker asker) {
  co_return co_await visit_lock(key, what, {}, stop, asker, false);
}

awaitable<execution> store::visit_lock(std::string_view key, section const& what, lock_terms terms, interruption& stop,
                                       lock_asker asker, bool is_limited) {
  auto const asked_at = clock::now();
  lock_visit visit(asker, key, asked_at);
  auto granted_at = asked_at;
  auto const timing = [&](clock::time_point released_at) {
    return lock_timing{.wait = granted_at - asked_at,
                       .hold = released_at - granted_at,
                       .position = place(visit.id(), visit.position())};
  };
  // The number of expired keys is known only afterwards.
  std::string count;
  auto const name_count = [&](execution const& done) {
    auto const* const expired = done.outcome ? std::get_if<entries_expired>(&*done.outcome) : nullptr;
    if (expired != nullptr) visit.concerns(count = std::to_string(expired->count));
  };
  auto lock = data_.try_lock();
  if (!lock) {
    auto const refuse = [&](failure why, lock_outcome outcome) {
      granted_at = clock::now();  // it was never held
      visit.left(granted_at, outcome);
      execution refused;
      refused.outcome = std::move(why);
      refused.timing = timing(granted_at);
      refused.ended_at = granted_at;
      refused.id = visit.id();
      return refused;
    };
    waiter_place mine(*this, is_limited);
    visit.stands_at(mine.position());
    if (stop.why() != stop_reason::none) co_return refuse(stopped(), outcome_of(stop));
    if (terms.lock_timeout && terms.lock_timeout->count() == 0)
      co_return refuse(timed_out({}), lock_outcome::timed_out);
    if (!mine.is_taken()) co_return refuse(queue_full(), lock_outcome::refused);
    visit.waits();

    auto const deadline = terms.lock_timeout ? later(asked_at, *terms.lock_timeout) : clock::time_point::max();
    interruption::phase_scope const waiting(stop, lock_phase::waiting);
    auto token = asio::bind_cancellation_slot(waiting.slot(), as_values);
    if (terms.hold.count() == 0) {
      execution done;
      auto has_run = false;
      clock::time_point released_at{};
      // Runs on the thread that releases the lock.
      auto const run_it = [&](database& data) {
        granted_at = clock::now();
        mine.leave();
        run_section(key, data, what, granted_at, done);
        has_run = true;
        name_count(done);
        released_at = clock::now();
        visit.was_run(granted_at, released_at);
      };
      std::exception_ptr error;
      if (terms.lock_timeout) {
        std::tie(error) = co_await data_.async_run_until(deadline, run_it, token);
      } else {
        std::tie(error) = co_await data_.async_run(run_it, token);
      }
      if (has_run) {
        start_commit();
        visit.has_run(granted_at, released_at);
        done.timing = timing(released_at);
        done.ended_at = released_at;
        done.id = visit.id();
        co_return done;
      }
      if (stop.why() != stop_reason::none) co_return refuse(stopped(), outcome_of(stop));
      if (terms.lock_timeout && is_time_out(error))
        co_return refuse(timed_out(*terms.lock_timeout), lock_outcome::timed_out);
      std::rethrow_exception(error);
    }

    error_code error;
    if (terms.lock_timeout) {
      std::tie(error, lock) = co_await data_.async_lock_until(deadline, token);
    } else {
      std::tie(error, lock) = co_await data_.async_lock(token);
    }
    // If a stop arrives together with the grant, the lock is released unused: a request that left the queue must have
    // no effect.
    if (error || stop.why() != stop_reason::none) {
      lock = {};
      if (error == asio::error::timed_out) co_return refuse(timed_out(*terms.lock_timeout), lock_outcome::timed_out);
      co_return refuse(stopped(), outcome_of(stop));
    }
    granted_at = clock::now();
  }

  visit.granted(granted_at, terms.hold);
  execution done;
  run_section(key, *lock, what, granted_at, done);
  start_commit();  // so the hold covers the disk's time
  name_count(done);
  done.id = visit.id();
  // An operation that must be retried does not need the hold. A hang-up from before the hold would not end it.
  auto const is_done = !done.outcome || !std::holds_alternative<text_wanted>(*done.outcome);
  if (terms.hold.count() > 0 && is_done && stop.why() != stop_reason::hang_up) {
    interruption::phase_scope const holding(stop, lock_phase::holding);
    timer timer(co_await asio::this_coro::executor, terms.hold);
    auto token = asio::bind_cancellation_slot(holding.slot(), as_values);
    co_await timer.async_wait(token);
  }
  auto const released_at = clock::now();
  done.timing = timing(released_at);
  done.ended_at = released_at;
  visit.released(released_at, outcome_of(stop));
  lock.unlock();
  co_return done;
}

}  // namespace holdfast::server
