// SPDX-License-Identifier: MIT
#pragma once
#include <cassert>
#include <chrono>
#include <cstdint>
#include <holdfast/sync/detail/permit_state.hpp>

namespace holdfast::sync {

/// A counting semaphore that coroutines await; it starts with `initial` permits.
///
/// Waiters are served in order of arrival: while somebody waits, no permit is free, and a released permit goes to the
/// oldest waiter. A waiter's handler runs on its associated executor, never inside release(). Cancellation as for
/// mutex: a cancelled waiter leaves the queue in O(1) and takes no permit; one that was granted before is not
/// cancelled. A permit that was granted to an execution context that is destroyed meanwhile is returned.
///
/// When the semaphore is destroyed, its waiters complete with operation_aborted. Everything may be destroyed in any
/// order, but not while another thread is calling it. Thread-safe, except for the destructor.
class semaphore {
 public:
  /// At most permits_max. May throw std::bad_alloc.
  explicit semaphore(std::uint64_t initial) : state_(new detail::permit_state(initial)) {
    assert(initial <= permits_max);
  }
  semaphore(semaphore const&) = delete;
  semaphore& operator=(semaphore const&) = delete;
  ~semaphore() { state_->abandon(); }

  static constexpr std::uint64_t permits_max = detail::permit_core<>::permits_max;

  /// Takes a permit if there is one. Never waits. Who has it gives it back by release().
  [[nodiscard]] bool try_acquire() noexcept { return state_->core().try_acquire(); }

  /// Completes with `void(error_code)` when a permit was taken; errors: operation_aborted.
  template <class CompletionToken = default_token>
  auto async_acquire(CompletionToken&& token = {}) {
    return start(detail::no_deadline(), std::forward<CompletionToken>(token));
  }
  /// As async_acquire(), but gives up its place at `deadline` with asio::error::timed_out.
  template <class CompletionToken = default_token>
  auto async_acquire_until(std::chrono::steady_clock::time_point deadline, CompletionToken&& token = {}) {
    return start(detail::until{deadline}, std::forward<CompletionToken>(token));
  }
  template <class CompletionToken = default_token>
  auto async_acquire_for(std::chrono::steady_clock::duration duration, CompletionToken&& token = {}) {
    return start(detail::after(duration), std::forward<CompletionToken>(token));
  }

  /// Gives `count` permits, also such as were never taken, at most permits_max in all. They go to the oldest waiters;
  /// what is left can be taken by anybody.
  void release(std::uint64_t count = 1) noexcept {
    [[maybe_unused]] bool const given = state_->release(count, true);
    assert(given && "more than permits_max permits");
  }

  /// How many permits there are: a glance, outdated when it returns.
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
