#pragma once
#include <cassert>
#include <chrono>
#include <concepts>
#include <functional>
#include <holdfast/sync/mutex.hpp>
#include <memory>
#include <utility>

namespace holdfast::sync {

/// A value that is reachable only under its mutex. Everything said of basic_mutex holds here too.
template <class T, class Policy>
class guarded {
  using mutex_type = basic_mutex<Policy>;

 public:
  using value_type = T;
  using policy_type = Policy;
  using identity = typename mutex_type::identity;
  using lock = guarded_lock<guarded>;
  using signature = void(boost::system::error_code, lock);

  guarded() = default;
  template <class... Args>
    requires std::is_constructible_v<T, Args...>
  explicit guarded(std::in_place_t, Args&&... args) : value_(std::forward<Args>(args)...) {}
  explicit guarded(T value) : value_(std::move(value)) {}
  template <class... Args>
    requires instrumentation<Policy> && std::is_constructible_v<T, Args...>
  guarded(Policy policy, std::in_place_t, Args&&... args)
      : value_(std::forward<Args>(args)...), mutex_(std::move(policy)) {}

  /// The lock, or one that owns nothing if the value is in use or waited for. Never waits.
  [[nodiscard]] lock try_lock(identity const& who = {}) noexcept {
    return mutex_.try_acquire(who) ? lock(mutex_, value_) : lock();
  }

  /// As try_lock(), but spins for a moment while the value is in use and nobody waits for it; see
  /// basic_mutex::try_lock_spinning().
  [[nodiscard]] lock try_lock_spinning(identity const& who = {}) noexcept {
    return mutex_.try_acquire_spinning(who) ? lock(mutex_, value_) : lock();
  }

  /// Completes with `void(error_code, lock)` when the lock is granted; errors: operation_aborted.
  template <class CompletionToken = boost::asio::deferred_t>
    requires(!std::convertible_to<CompletionToken, identity>)
  auto async_lock(CompletionToken&& token = {}) {
    return async_lock(identity(), std::forward<CompletionToken>(token));
  }
  template <class CompletionToken = boost::asio::deferred_t>
  auto async_lock(identity const& who, CompletionToken&& token = {}) {
    return detail::start_with(std::forward<CompletionToken>(token), initiation<detail::no_deadline>(access(), who, {}));
  }

  /// As async_lock(), but gives up its place at `deadline` with asio::error::timed_out.
  template <class CompletionToken = boost::asio::deferred_t>
  auto async_lock_until(std::chrono::steady_clock::time_point deadline, CompletionToken&& token = {}) {
    return async_lock_until(identity(), deadline, std::forward<CompletionToken>(token));
  }
  template <class CompletionToken = boost::asio::deferred_t>
  auto async_lock_until(identity const& who, std::chrono::steady_clock::time_point deadline,
                        CompletionToken&& token = {}) {
    return detail::start_with(std::forward<CompletionToken>(token),
                              initiation<detail::until>(access(), who, {deadline}));
  }

  /// As async_lock_until(now + duration).
  template <class CompletionToken = boost::asio::deferred_t>
  auto async_lock_for(std::chrono::steady_clock::duration duration, CompletionToken&& token = {}) {
    return async_lock_until(detail::after(duration).time, std::forward<CompletionToken>(token));
  }
  template <class CompletionToken = boost::asio::deferred_t>
  auto async_lock_for(identity const& who, std::chrono::steady_clock::duration duration, CompletionToken&& token = {}) {
    return async_lock_until(who, detail::after(duration).time, std::forward<CompletionToken>(token));
  }

  /// Runs `function(value)` under the lock; see basic_mutex::async_run().
  template <class Function, class CompletionToken = boost::asio::deferred_t>
    requires std::invocable<std::decay_t<Function>&, T&>
  auto async_run(Function&& function, CompletionToken&& token = {}) {
    return async_run(identity(), std::forward<Function>(function), std::forward<CompletionToken>(token));
  }
  template <class Function, class CompletionToken = boost::asio::deferred_t>
    requires std::invocable<std::decay_t<Function>&, T&>
  auto async_run(identity const& who, Function&& function, CompletionToken&& token = {}) {
    return mutex_.async_run(who, on_value(std::forward<Function>(function)), std::forward<CompletionToken>(token));
  }

  /// As async_run(), but gives up its place at `deadline`; see basic_mutex::async_run_until().
  template <class Function, class CompletionToken = boost::asio::deferred_t>
    requires std::invocable<std::decay_t<Function>&, T&>
  auto async_run_until(std::chrono::steady_clock::time_point deadline, Function&& function,
                       CompletionToken&& token = {}) {
    return async_run_until(identity(), deadline, std::forward<Function>(function),
                           std::forward<CompletionToken>(token));
  }
  template <class Function, class CompletionToken = boost::asio::deferred_t>
    requires std::invocable<std::decay_t<Function>&, T&>
  auto async_run_until(identity const& who, std::chrono::steady_clock::time_point deadline, Function&& function,
                       CompletionToken&& token = {}) {
    return mutex_.async_run_until(who, deadline, on_value(std::forward<Function>(function)),
                                  std::forward<CompletionToken>(token));
  }

  /// As async_run_until(now + duration).
  template <class Function, class CompletionToken = boost::asio::deferred_t>
    requires std::invocable<std::decay_t<Function>&, T&>
  auto async_run_for(std::chrono::steady_clock::duration duration, Function&& function, CompletionToken&& token = {}) {
    return async_run_until(detail::after(duration).time, std::forward<Function>(function),
                           std::forward<CompletionToken>(token));
  }
  template <class Function, class CompletionToken = boost::asio::deferred_t>
    requires std::invocable<std::decay_t<Function>&, T&>
  auto async_run_for(identity const& who, std::chrono::steady_clock::duration duration, Function&& function,
                     CompletionToken&& token = {}) {
    return async_run_until(who, detail::after(duration).time, std::forward<Function>(function),
                           std::forward<CompletionToken>(token));
  }

  Policy& policy() noexcept
    requires instrumentation<Policy>
  {
    return mutex_.policy();
  }

 private:
  struct wrap {
    using result_type = lock;
    result_type operator()(mutex_type& owned) const noexcept { return {owned, *value}; }
    T* value;
  };
  template <class Function>
  struct with_value {
    decltype(auto) operator()() { return std::invoke(function, *value); }
    Function function;
    T* value;
  };
  template <class Function>
  with_value<std::decay_t<Function>> on_value(Function&& function) {
    return {std::forward<Function>(function), std::addressof(value_)};
  }

  template <class Deadline>
  using initiation = detail::lock_initiation<detail::exclusive_access<mutex_type, wrap>, Deadline>;
  detail::exclusive_access<mutex_type, wrap> access() noexcept { return {mutex_, wrap{std::addressof(value_)}}; }

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
  guarded_lock(basic_mutex<Policy>& owned, T& value) noexcept
      : lock_(owned, detail::adopt), value_(std::addressof(value)) {}

  typename basic_mutex<Policy>::lock lock_;
  T* value_ = nullptr;
};

}  // namespace holdfast::sync
