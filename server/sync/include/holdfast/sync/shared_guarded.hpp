#pragma once
#include <boost/asio/deferred.hpp>
#include <cassert>
#include <chrono>
#include <holdfast/sync/detail/awaiter.hpp>
#include <holdfast/sync/detail/lock_operation.hpp>
#include <holdfast/sync/detail/pending_operation.hpp>
#include <holdfast/sync/detail/shared_state.hpp>
#include <memory>
#include <type_traits>
#include <utility>

namespace holdfast::sync {

namespace detail {

/// The value lives with the lock's state: who owns when the guarded object is destroyed can still use it.
template <class T>
struct shared_value final : shared_state {
  template <class... Args>
  explicit shared_value(Args&&... args) : value(std::forward<Args>(args)...) {}
  T value;
};

}  // namespace detail

/// Ownership of a shared_guarded value: alone, or, if `shared`, together with other readers and read-only.
template <class T, bool shared>
class [[nodiscard]] shared_guarded_lock {
 public:
  static constexpr bool is_shared = shared;
  using state_type = detail::shared_value<T>;
  using value_type = std::conditional_t<shared, T const, T>;

  shared_guarded_lock() noexcept = default;
  shared_guarded_lock(shared_guarded_lock&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  shared_guarded_lock& operator=(shared_guarded_lock&& other) noexcept {
    if (this != &other) {
      if (state_) unlock();
      state_ = std::exchange(other.state_, nullptr);
    }
    return *this;
  }
  ~shared_guarded_lock() {
    if (state_) state_->release(shared);
  }

  bool owns_lock() const noexcept { return state_ != nullptr; }
  explicit operator bool() const noexcept { return owns_lock(); }

  /// The value; the lock must own it.
  value_type& operator*() const noexcept {
    assert(owns_lock() && "reached for a value without owning its lock");
    return state_->value;
  }
  value_type* operator->() const noexcept { return std::addressof(**this); }

  /// Gives the value up before the end. The lock must own.
  void unlock() noexcept {
    assert(state_ && "unlocked although it owns nothing");
    if (state_) std::exchange(state_, nullptr)->release(shared);
  }

 private:
  template <class>
  friend class shared_guarded;
  template <class>
  friend struct detail::shared_access;
  shared_guarded_lock(state_type& state, detail::adopt_t) noexcept : state_(&state) {}

  state_type* state_ = nullptr;
};

/// A value that many may read or one may write, reachable only under its lock. Everything said of shared_mutex holds.
template <class T>
class shared_guarded {
 public:
  using value_type = T;
  using lock = shared_guarded_lock<T, false>;
  using shared_lock = shared_guarded_lock<T, true>;

  shared_guarded()
    requires std::is_default_constructible_v<T>
      : state_(new state_type()) {}
  explicit shared_guarded(T value) : state_(new state_type(std::move(value))) {}
  template <class... Args>
    requires std::is_constructible_v<T, Args...>
  explicit shared_guarded(std::in_place_t, Args&&... args) : state_(new state_type(std::forward<Args>(args)...)) {}
  shared_guarded(shared_guarded const&) = delete;
  shared_guarded& operator=(shared_guarded const&) = delete;
  ~shared_guarded() { state_->abandon(); }

  /// The lock, or one that owns nothing if it can't be had at once. Never waits.
  [[nodiscard]] lock try_lock() noexcept { return state_->try_acquire(false) ? lock(*state_, detail::adopt) : lock(); }
  [[nodiscard]] shared_lock try_lock_shared() noexcept {
    return state_->try_acquire(true) ? shared_lock(*state_, detail::adopt) : shared_lock();
  }

  /// Completes with `void(error_code, lock)` when the lock is granted; errors: operation_aborted.
  template <class CompletionToken = boost::asio::deferred_t>
  auto async_lock(CompletionToken&& token = {}) {
    return start<lock>(token, detail::no_deadline());
  }
  /// Completes with `void(error_code, shared_lock)`, whose value is read-only.
  template <class CompletionToken = boost::asio::deferred_t>
  auto async_lock_shared(CompletionToken&& token = {}) {
    return start<shared_lock>(token, detail::no_deadline());
  }

  /// Timed forms: give up the place in the queue with asio::error::timed_out.
  template <class CompletionToken = boost::asio::deferred_t>
  auto async_lock_until(std::chrono::steady_clock::time_point deadline, CompletionToken&& token = {}) {
    return start<lock>(token, detail::until{deadline});
  }
  template <class CompletionToken = boost::asio::deferred_t>
  auto async_lock_shared_until(std::chrono::steady_clock::time_point deadline, CompletionToken&& token = {}) {
    return start<shared_lock>(token, detail::until{deadline});
  }
  template <class CompletionToken = boost::asio::deferred_t>
  auto async_lock_for(std::chrono::steady_clock::duration duration, CompletionToken&& token = {}) {
    return start<lock>(token, detail::after(duration));
  }
  template <class CompletionToken = boost::asio::deferred_t>
  auto async_lock_shared_for(std::chrono::steady_clock::duration duration, CompletionToken&& token = {}) {
    return start<shared_lock>(token, detail::after(duration));
  }

 private:
  using state_type = detail::shared_value<T>;

  template <class Lock, class CompletionToken, class Deadline>
  auto start(CompletionToken& token, Deadline deadline) {
    using initiation = detail::lock_initiation<detail::shared_access<Lock>, Deadline>;
    return detail::start_with(std::forward<CompletionToken>(token), initiation({state_}, {}, deadline));
  }

  state_type* const state_;
};

}  // namespace holdfast::sync
