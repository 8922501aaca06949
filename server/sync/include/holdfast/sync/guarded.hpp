#pragma once
#include <cassert>
#include <holdfast/sync/mutex.hpp>
#include <memory>
#include <utility>

namespace holdfast::sync {

template <class Guarded>
class guarded_lock;

/// A value that is reachable only under its mutex. Everything said of basic_mutex holds here too.
template <class T, class Policy = no_instrumentation>
class guarded {
 public:
  using value_type = T;
  using lock = guarded_lock<guarded>;
  using signature = void(boost::system::error_code, lock);

  guarded() = default;
  template <class... Args>
    requires std::is_constructible_v<T, Args...>
  explicit guarded(std::in_place_t, Args&&... args) : value_(std::forward<Args>(args)...) {}
  explicit guarded(T value) : value_(std::move(value)) {}

  /// The lock, or one that owns nothing if the value is in use or waited for. Never waits.
  [[nodiscard]] lock try_lock() noexcept { return lock(mutex_.try_lock(), value_); }

  /// Completes with `void(error_code, lock)` when the lock is granted; errors: operation_aborted.
  template <class CompletionToken = boost::asio::deferred_t>
  auto async_lock(CompletionToken&& token = {}) {
    return initiate(token, detail::no_deadline());
  }

  /// As async_lock(), but gives up its place at `deadline` with asio::error::timed_out.
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
  using mutex_type = basic_mutex<Policy>;

  struct wrap {
    using result_type = lock;
    result_type operator()(typename mutex_type::lock&& owned) const noexcept { return {std::move(owned), *value}; }
    T* value;
  };

  template <class CompletionToken, class Deadline>
  auto initiate(CompletionToken& token, Deadline deadline) {
    using access = detail::exclusive_access<mutex_type, wrap>;
    return boost::asio::async_initiate<CompletionToken, signature>(
        detail::initiate_lock<access, Deadline>{access(mutex_, wrap{std::addressof(value_)}), deadline}, token);
  }

  T value_{};
  mutex_type mutex_;  // after the value: destroyed first, so that nobody is granted a value that is gone
};

/// Ownership of a guarded value: as basic_lock, and the way to the value.
template <class T, class Policy>
class [[nodiscard]] guarded_lock<guarded<T, Policy>> {
 public:
  guarded_lock() noexcept = default;

  bool owns_lock() const noexcept { return lock_.owns_lock(); }
  explicit operator bool() const noexcept { return owns_lock(); }

  /// The value; the lock must own it.
  T& operator*() const noexcept {
    assert(owns_lock() && "reached for a value without owning its lock");
    return *value_;
  }
  T* operator->() const noexcept { return std::addressof(**this); }

  /// Gives the value up before the end. The lock must own.
  void unlock() noexcept { lock_.unlock(); }

 private:
  friend guarded<T, Policy>;
  guarded_lock(typename basic_mutex<Policy>::lock&& lock, T& value) noexcept
      : lock_(std::move(lock)), value_(std::addressof(value)) {}

  typename basic_mutex<Policy>::lock lock_;
  T* value_ = nullptr;
};

}  // namespace holdfast::sync
