// SPDX-License-Identifier: MIT
#pragma once
#include <cassert>
#include <chrono>
#include <cstdint>
#include <holdfast/sync/detail/permit_state.hpp>

namespace holdfast::sync {

/// A counting semaphore for coroutines, with `initial` permits at the start.
///
/// Waiters are served in order of arrival: while there are waiters, no permit is free, and a released permit goes to
/// the oldest waiter. A waiter's handler runs on its associated executor, never inside release(). Cancellation as for
/// mutex: a cancelled waiter leaves the queue in O(1) and takes no permit; a waiter that was granted before is not
/// cancelled. If an execution context is destroyed after a permit was granted to one of its waiters, the permit is
/// returned.
///
/// When the semaphore is destroyed, its waiters complete with operation_aborted. Everything may be destroyed in any
/// order, but not while another thread is calling it. Thread-safe, except for the destructor.
class semaphore {
 public:
  /// At most permits_max permits. May throw std::bad_alloc.
  explicit semaphore(std::uint64_t initial) : state_(new detail::permit_state(initial)) {
    assert(initial <= permits_max);
  }
  semaphore(semaphore const&) = delete;
  semaphore& operator=(semaphore const&) = delete;
  ~semaphore() { state_->abandon(); }

  static constexpr std::uint64_t permits_max = detail::permit_core<>::permits_max;

  /// Takes a permit if there is one. Never waits. Return the permit with release().
  [[nodiscard]] bool try_acquire() noexcept { return state_->core().try_acquire(); }

  /// Completes with `void(error_code)` when it has taken a permit. Errors: operation_aborted.
  template <class CompletionToken = default_token>
  auto async_acquire(CompletionToken&& token = {}) {
    return start(detail::no_deadline(), std::forward<CompletionToken>(token));
  }
  /// Like async_acquire(), but leaves the queue at `deadline` with asio::error::timed_out.
  template <class CompletionToken = default_token>
  auto async_acquire_until(std::chrono::steady_clock::time_point deadline, CompletionToken&& token = {}) {
    return start(detail::until{deadline}, std::forward<CompletionToken>(token));
  }
  template <class CompletionToken = default_token>
  auto async_acquire_for(std::chrono::steady_clock::duration duration, CompletionToken&& token = {}) {
    return start(detail::after(duration), std::forward<CompletionToken>(token));
  }

  /// Releases `count` permits, which need not have been acquired; at most permits_max may exist in total. They go to
  /// the oldest waiters first; the others are free for anybody.
  void release(std::uint64_t count = 1) noexcept {
    [[maybe_unused]] bool const given = state_->release(count, true);
    assert(given && "more than permits_max permits");
  }

  /// The number of free permits. A snapshot; may be outdated when it returns.
  std::uint64_t available() const noexcept { return state_->core().permits(); }

 private:
  template <class Deadline, class CompletionToken>
  auto start(Deadline const& deadline, CompletionToken&& token) {
    using access = detail::permit_access<detail::permit_kind::semaphore>;
    return detail::start_with(std::forward<CompletionToken>(token),
                              detail::wait_initiation<access, Deadline>(access(state_), {}, deadline));
  }

  detail::permit_state* const state_;
};

}  // namespace holdfast::sync
