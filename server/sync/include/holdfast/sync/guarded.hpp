// SPDX-License-Identifier: MIT
#pragma once
#include <cassert>
#include <concepts>
#include <functional>
#include <holdfast/sync/mutex.hpp>
#include <memory>
#include <type_traits>
#include <utility>

namespace holdfast::sync {

namespace detail {

/// Calls a function with the value.
template <class Function, class T>
struct function_with_value {
  decltype(auto) operator()() { return std::invoke(function, *value); }
  Function function;
  T* value;
};

}  // namespace detail

/// A value accessible only under its mutex. All properties of basic_mutex apply; functions given to async_run() are
/// called with the value.
template <class T, class Policy>
class guarded : public detail::lock_functions<guarded<T, Policy>, typename detail::instrument<Policy>::identity>,
                public detail::runs_functions<guarded<T, Policy>, typename detail::instrument<Policy>::identity, T&> {
  using mutex_type = basic_mutex<Policy>;

 public:
  using value_type = T;
  using policy_type = Policy;
  using identity = typename mutex_type::identity;
  using lock = guarded_lock<guarded>;
  using signature = void(error_code, lock);

  guarded() = default;
  template <class... Args>
    requires std::is_constructible_v<T, Args...>
  explicit guarded(std::in_place_t, Args&&... args) : value_(std::forward<Args>(args)...) {}
  explicit guarded(T value) : value_(std::move(value)) {}
  template <class... Args>
    requires instrumentation<Policy> && std::is_constructible_v<T, Args...>
  guarded(Policy policy, std::in_place_t, Args&&... args)
      : value_(std::forward<Args>(args)...), mutex_(std::move(policy)) {}

  /// Returns the lock, or one that owns nothing if the mutex is held or has waiters. Never waits.
  [[nodiscard]] lock try_lock(identity const& who = {}) noexcept {
    return mutex_.try_acquire(who) ? lock(mutex_, value_) : lock();
  }

  /// Like try_lock(), but spins briefly while the mutex is held without waiters; see basic_mutex::try_lock_spinning().
  [[nodiscard]] lock try_lock_spinning(identity const& who = {}) noexcept {
    return mutex_.try_acquire_spinning(who) ? lock(mutex_, value_) : lock();
  }

  /// The value, for use when no other code uses the lock any more, for example after all threads are joined.
  T into_inner() && { return std::move(value_); }

  Policy& policy() noexcept
    requires instrumentation<Policy>
  {
    return mutex_.policy();
  }

 private:
  friend lock;
  friend detail::lock_functions<guarded, identity>;
  friend detail::runs_functions<guarded, identity, T&>;
  friend struct detail::insider;

  struct wrap {
    using result_type = lock;
    result_type operator()(mutex_type& owned) const noexcept { return {owned, *value}; }
    T* value;
  };
  detail::exclusive_access<mutex_type, wrap> access() noexcept { return {mutex_, wrap{std::addressof(value_)}}; }

  template <class Deadline, class Function, class CompletionToken>
  auto start_run(identity const& who, Deadline const& deadline, Function&& function, CompletionToken&& token) {
    return mutex_.start_run(who, deadline,
                            detail::function_with_value<std::decay_t<Function>, T>{std::forward<Function>(function),
                                                                                   std::addressof(value_)},
                            std::forward<CompletionToken>(token));
  }

  T value_{};
  mutex_type mutex_;  // after the value, so destroyed first: nobody is granted a destroyed value
};

/// Ownership of a guarded value: like basic_lock, with access to the value.
template <class T, class Policy>
class [[nodiscard]] guarded_lock<guarded<T, Policy>> {
 public:
  guarded_lock() noexcept = default;

  bool owns_lock() const noexcept { return lock_.owns_lock(); }
  explicit operator bool() const noexcept { return owns_lock(); }

  /// The value; the lock must own it. From a temporary lock, as in `for (auto const& x : *values.try_lock())`, a const
  /// copy: a reference would outlive the lock.
  T& operator*() const& noexcept {
    assert(owns_lock() && "reached for a value without owning its lock");
    return *value_;
  }
  T const operator*() const&&  // NOLINT(readability-const-return-type): prevents assignments to the copy
    requires std::copy_constructible<T>
  {
    return **this;
  }
  T const operator*() const&&  // NOLINT(readability-const-return-type)
    requires(!std::copy_constructible<T>)
  = delete;
  /// Valid as long as the lock; for a temporary lock, until the end of the expression.
  T* operator->() const noexcept {
    assert(owns_lock() && "reached for a value without owning its lock");
    return value_;
  }

  /// Releases the value early. The lock must own.
  void unlock() noexcept { lock_.unlock(); }

 private:
  friend guarded<T, Policy>;
  friend struct detail::insider;
  using mutex_type = basic_mutex<Policy>;

  guarded_lock(mutex_type& owned, T& value) noexcept : lock_(owned, detail::adopt), value_(std::addressof(value)) {}

  auto access() const noexcept {
    using wrap = typename guarded<T, Policy>::wrap;
    return detail::exclusive_access<mutex_type, wrap>(*lock_.mutex_, wrap{value_});
  }
  mutex_type* detach() noexcept { return lock_.detach(); }
  void attach(mutex_type* m) noexcept { lock_.attach(m); }

  typename basic_mutex<Policy>::lock lock_;
  T* value_ = nullptr;
};

}  // namespace holdfast::sync
