// SPDX-License-Identifier: MIT
#pragma once
#include <chrono>
#include <holdfast/sync/detail/permit_state.hpp>

namespace holdfast::sync {

/// A flag to wait for: set() completes all waits, and later waits complete at once, until reset().
///
/// Waiters complete in order of arrival, each on its associated executor and never inside set(). They see what was done
/// before set(). Cancellation, lifetimes and thread safety are those of semaphore. A waiter released by set() completes
/// with success, even if reset() follows at once.
class event {
 public:
  /// May throw std::bad_alloc.
  explicit event(bool is_set = false) : state_(new detail::permit_state(is_set ? 1 : 0)) {}
  event(event const&) = delete;
  event& operator=(event const&) = delete;
  ~event() { state_->abandon(); }

  void set() noexcept { state_->open(true); }
  void reset() noexcept { state_->core().close(); }
  bool is_set() const noexcept { return state_->core().permits() != 0; }

  /// Completes with `void(error_code)` when the event is set, at once if it already is. Errors: operation_aborted.
  template <class CompletionToken = default_token>
  auto async_wait(CompletionToken&& token = {}) {
    return start(detail::no_deadline(), std::forward<CompletionToken>(token));
  }
  /// Like async_wait(), but stops waiting at `deadline` with asio::error::timed_out.
  template <class CompletionToken = default_token>
  auto async_wait_until(std::chrono::steady_clock::time_point deadline, CompletionToken&& token = {}) {
    return start(detail::until{deadline}, std::forward<CompletionToken>(token));
  }
  template <class CompletionToken = default_token>
  auto async_wait_for(std::chrono::steady_clock::duration duration, CompletionToken&& token = {}) {
    return start(detail::after(duration), std::forward<CompletionToken>(token));
  }

 private:
  template <class Deadline, class CompletionToken>
  auto start(Deadline const& deadline, CompletionToken&& token) {
    using access = detail::permit_access<detail::permit_kind::event>;
    return detail::start_with(std::forward<CompletionToken>(token),
                              detail::wait_initiation<access, Deadline>(access(state_), {}, deadline));
  }

  detail::permit_state* const state_;
};

}  // namespace holdfast::sync
