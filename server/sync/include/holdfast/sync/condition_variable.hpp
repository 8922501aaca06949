// SPDX-License-Identifier: MIT
#pragma once
#include <cassert>
#include <concepts>
#include <holdfast/sync/detail/insider.hpp>
#include <holdfast/sync/detail/permit_state.hpp>
#include <type_traits>
#include <utility>

namespace holdfast::sync {

namespace detail {

/// One async_wait() of a condition variable: waits for a notification, locks again, and checks the predicate.
template <class Lock, class Predicate>
class condition_wait {
  using wake_up = wait_initiation<permit_access<permit_kind::condition>, no_deadline>;
  using access_type = decltype(insider::access(std::declval<Lock&>()));
  using relock = wait_initiation<access_type, no_deadline>;

 public:
  condition_wait(permit_state* state, Lock& lock, Predicate predicate)
      : state_(state), lock_(&lock), access_(insider::access(lock)), predicate_(std::move(predicate)) {}

  /// Called at the start, and again to complete if the predicate was true at the start.
  template <class Self>
  void operator()(Self& self) {
    if (is_done_) return self.complete(error_code());
    self.reset_cancellation_state(asio::enable_total_cancellation());
    if (!predicate_()) return wait(self);
    is_done_ = true;
    asio::post(std::move(self));  // never complete inside the initiating function
  }

  /// The wait has ended: by a notification, a signal or the destruction of the condition variable.
  template <class Self>
  void operator()(Self& self, error_code error) {
    if (error) failure_ = error;
    relock again(access_, {}, {});
    if (again.try_now()) return look(self, again.take());
    // The waiter must own the lock at the end in all cases, so locking again can't be cancelled.
    again(asio::bind_cancellation_slot(asio::cancellation_slot(), std::move(self)));
  }

  /// The lock is owned again.
  template <class Self>
  void operator()(Self& self, error_code error, Lock lock) {
    if (error) return self.complete(error);
    look(self, std::move(lock));
  }

 private:
  template <class Self>
  void look(Self& self, Lock lock) {
    *lock_ = std::move(lock);
    if (predicate_()) return self.complete(error_code());
    if (!failure_ && self.get_cancellation_state().cancelled() != asio::cancellation_type::none) {
      failure_ = asio::error::operation_aborted;
    }
    if (failure_) return self.complete(failure_);
    wait(self);
  }

  template <class Self>
  void wait(Self& self) {
    // This object moves into the operation, which may end before the call returns, so do not use any members after it.
    Lock& lock = *lock_;
    auto* const mutex = insider::detach(lock);
    wake_up sleep(permit_access<permit_kind::condition>(state_), {}, {});
    try {
      sleep(std::move(self));
    } catch (...) {
      insider::attach(lock, mutex);
      throw;
    }
    insider::unlock(mutex);  // only after it is queued, so that no notification is missed
  }

  permit_state* state_;
  Lock* lock_;
  access_type access_;
  Predicate predicate_;
  error_code failure_;
  bool is_done_ = false;
};

}  // namespace detail

/// Waits under a lock for a condition, like std::condition_variable, but awaited.
///
/// Works with the locks of mutex and guarded, and with the writers' locks of shared_mutex and shared_guarded.
/// Notifications go to the oldest waiter first. Each waiter continues on its associated executor. Cancellation,
/// lifetimes and thread safety are those of semaphore. The lock object and its mutex must outlive the wait. If an
/// execution context is destroyed after one of its waiters was notified, the notification passes to the next waiter.
class condition_variable {
 public:
  /// May throw std::bad_alloc.
  condition_variable() : state_(new detail::permit_state(0)) {}
  condition_variable(condition_variable const&) = delete;
  condition_variable& operator=(condition_variable const&) = delete;
  ~condition_variable() { state_->abandon(); }

  /// Completes with `void(error_code)` when `predicate()` is true. `lock` must own. While waiting, `lock` owns nothing.
  /// The predicate is always called under the lock: on the caller's thread before async_wait() returns, and on the
  /// waiter's executor after each notification. At the end `lock` owns again, also after an error; it owns nothing if
  /// the mutex was destroyed.
  ///
  /// Errors: operation_aborted, if cancelled or if the condition variable was destroyed. The predicate is then checked
  /// once more; if it is true, the completion is a success, so that no notification is lost. An exception of the
  /// predicate propagates like one of a handler, and the waiter's handler is destroyed without being called.
  template <class Lock, class Predicate, class CompletionToken = default_token>
    requires std::predicate<std::decay_t<Predicate>&>
  auto async_wait(Lock& lock, Predicate&& predicate, CompletionToken&& token = {}) {
    assert(lock.owns_lock() && "waits for a condition without owning the lock");
    return asio::async_compose<CompletionToken, void(error_code)>(
        detail::condition_wait<Lock, std::decay_t<Predicate>>(state_, lock, std::forward<Predicate>(predicate)), token);
  }

  /// Lets the oldest waiter (notify_all(): all waiters) check its predicate. The lock need not be owned.
  void notify_one() noexcept { state_->release(1, false); }
  void notify_all() noexcept { state_->open(false); }

 private:
  detail::permit_state* const state_;
};

}  // namespace holdfast::sync
