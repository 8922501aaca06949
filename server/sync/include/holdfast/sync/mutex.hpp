#pragma once
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/system/error_code.hpp>
#include <cassert>
#include <chrono>
#include <holdfast/sync/detail/access.hpp>
#include <holdfast/sync/detail/context_link.hpp>
#include <holdfast/sync/detail/lock_core.hpp>
#include <holdfast/sync/detail/lock_operation.hpp>
#include <holdfast/sync/detail/waiter.hpp>
#include <holdfast/sync/policy.hpp>
#include <utility>

namespace holdfast::sync {

template <class Mutex>
class basic_lock;

/// A mutual exclusion lock that is awaited instead of blocked on.
///
/// Order. First in, first out, by the moment of initiation: calling async_lock() takes the place in the queue (for a
/// lazy token such as `deferred` or `use_awaitable`: awaiting it does). Unlocking hands ownership to the oldest waiter;
/// a lock that somebody waits for is never free in between, so nobody barges in, and try_lock() fails then.
///
/// Where things run. A waiter's handler is called on its associated executor, never inside unlock(), and never while an
/// internal lock is held. A handler without an executor gets Asio's system executor. The executor's outstanding work is
/// counted while the waiter is queued, so that io_context::run() stays.
///
/// Cancellation. Each operation honours its associated cancellation slot (terminal, partial and total alike) while it
/// is queued: it leaves the queue in O(1) and completes with operation_aborted; the others keep their order. An
/// operation that was granted the lock before the signal came completes with success. As with all of Asio, the signal
/// must be emitted on the waiter's executor, or otherwise not concurrently with its completion.
///
/// Ownership belongs to the lock object, not to a thread or coroutine: it may be moved, and released on another thread.
///
/// Lifetimes. Everything may be destroyed in any order, as long as one doesn't destroy what another thread is calling:
///   - An execution context that is destroyed takes its waiters out of the queue and destroys their handlers unheard; a
///     grant that was posted to it but has not run passes the lock on.
///   - A coroutine frame that is destroyed while it owns releases by its lock's destructor.
///   - A mutex that is destroyed lets its waiters complete with operation_aborted, also the one to which it was granted
///     but not delivered yet; a lock that owned it owns nothing any more.
///
/// Thread-safe: all functions but the destructor. Not recursive: who locks twice waits for ever.
template <class Policy = no_instrumentation>
class basic_mutex {
 public:
  using lock = basic_lock<basic_mutex>;
  using signature = void(boost::system::error_code, lock);

  basic_mutex() = default;
  basic_mutex(basic_mutex const&) = delete;
  basic_mutex& operator=(basic_mutex const&) = delete;
  ~basic_mutex();

  /// The lock, or one that owns nothing if the mutex is held or waited for. Never waits.
  [[nodiscard]] lock try_lock() noexcept { return core_.try_acquire() ? lock(*this, detail::adopt) : lock(); }

  /// Completes with `void(error_code, lock)` when the lock is granted; errors: operation_aborted.
  template <class CompletionToken = boost::asio::deferred_t>
  auto async_lock(CompletionToken&& token = {}) {
    return initiate(token, detail::no_deadline());
  }

  /// As async_lock(), but gives up its place at `deadline` with asio::error::timed_out. If the lock is free it is
  /// granted also after the deadline.
  template <class CompletionToken = boost::asio::deferred_t>
  auto async_lock_until(std::chrono::steady_clock::time_point deadline, CompletionToken&& token = {}) {
    return initiate(token, detail::until{deadline});
  }

  /// As async_lock_until(now + duration).
  template <class CompletionToken = boost::asio::deferred_t>
  auto async_lock_for(std::chrono::steady_clock::duration duration, CompletionToken&& token = {}) {
    return initiate(token, detail::until{std::chrono::steady_clock::now() + duration});
  }

 private:
  friend lock;
  template <class, class>
  friend struct detail::exclusive_access;

  template <class CompletionToken, class Deadline>
  auto initiate(CompletionToken& token, Deadline deadline) {
    using access = detail::exclusive_access<basic_mutex, detail::plain_lock<basic_mutex>>;
    return boost::asio::async_initiate<CompletionToken, signature>(
        detail::initiate_lock<access, Deadline>{access(*this, {}), deadline}, token);
  }

  void unlock() noexcept {
    if (!core_.try_release()) hand_over();
  }
  void hand_over() noexcept;

  static void take_out(void* self, detail::context_link const& link, detail::waiter_chain& taken) {
    static_cast<basic_mutex*>(self)->core_.withdraw_if(
        [&](auto& node) { return static_cast<detail::waiter&>(node).link == &link; },
        [&](auto& node) { taken.push_back(static_cast<detail::waiter&>(node)); });
  }

  detail::lock_core<> core_;
  basic_mutex** owner_ = nullptr;  // through which the mutex is owned; written only by whoever owns it
  [[no_unique_address]] Policy policy_;
  detail::context_links links_;  // last: destroyed first, so that no context looks into what is gone
};

using mutex = basic_mutex<>;

/// Ownership of a mutex, released when this goes. Movable; owns nothing when moved from, after unlock(), by default, or
/// when the mutex was destroyed. Not thread-safe itself, but not bound to a thread either.
template <class Mutex>
class [[nodiscard]] basic_lock {
 public:
  basic_lock() noexcept = default;
  basic_lock(basic_lock&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) { take_charge(); }
  basic_lock& operator=(basic_lock&& other) noexcept {
    if (this != &other) {
      if (mutex_) unlock();
      mutex_ = std::exchange(other.mutex_, nullptr);
      take_charge();
    }
    return *this;
  }
  ~basic_lock() {
    if (mutex_) mutex_->unlock();
  }

  bool owns_lock() const noexcept { return mutex_ != nullptr; }
  explicit operator bool() const noexcept { return owns_lock(); }

  /// Gives the lock up before its end. It must own.
  void unlock() noexcept {
    assert(mutex_ && "unlocked although it owns nothing");
    if (mutex_) std::exchange(mutex_, nullptr)->unlock();
  }

  friend void swap(basic_lock& a, basic_lock& b) noexcept {
    std::swap(a.mutex_, b.mutex_);
    a.take_charge();
    b.take_charge();
  }

 private:
  friend Mutex;
  template <class, class>
  friend struct detail::exclusive_access;

  basic_lock(Mutex& m, detail::adopt_t) noexcept : mutex_(&m) { take_charge(); }
  void take_charge() noexcept {
    if (mutex_) mutex_->owner_ = &mutex_;
  }

  Mutex* mutex_ = nullptr;
};

template <class Policy>
basic_mutex<Policy>::~basic_mutex() {
  if (!core_.is_held()) return;
  for (;;) {
    detail::delivery delivery;
    detail::waiter* oldest = nullptr;
    core_.withdraw_if([&](auto&) { return !oldest; },
                      [&](auto& node) {
                        oldest = &static_cast<detail::waiter&>(node);
                        delivery.begins(*oldest);
                      });
    if (!oldest) break;
    oldest->fail(boost::asio::error::operation_aborted);
  }
  *owner_ = nullptr;
}

// Out of line: the uncontended path stays small.
template <class Policy>
[[gnu::noinline]] void basic_mutex<Policy>::hand_over() noexcept {
  detail::delivery delivery;
  auto* const next = core_.release([&](auto& node) { delivery.begins(static_cast<detail::waiter const&>(node)); });
  // From here on neither the waiter nor the mutex may be touched: they may be gone.
  if (next) static_cast<detail::waiter*>(next)->grant();
}

}  // namespace holdfast::sync
