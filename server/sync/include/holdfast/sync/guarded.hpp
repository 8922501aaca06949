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

/// What is called with the value.
template <class Function, class T>
struct function_with_value {
  decltype(auto) operator()() { return std::invoke(function, *value); }
  Function function;
  T* value;
};

}  // namespace detail

/// A value that is reachable only under its mutex. All properties of basic_mutex apply; functions given to async_run()
/// are called with the value.
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

  /// The lock, or one that owns nothing if the value is in use or waited for. Never waits.
  [[nodiscard]] lock try_lock(identity const& who = {}) noexcept {
    return mutex_.try_acquire(who) ? lock(mutex_, value_) : lock();
  }

  /// As try_lock(), but spins for a moment while the value is in use and nobody waits for it; see
  /// basic_mutex::try_lock_spinning().
  [[nodiscard]] lock try_lock_spinning(identity const& who = {}) noexcept {
    return mutex_.try_acquire_spinning(who) ? lock(mutex_, value_) : lock();
  }

  /// The value, when nobody needs its lock any more, as after all threads are joined.
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
  mutex_type mutex_;  // after the value: destroyed first, so that nobody is granted a value that is gone
};

/// Ownership of a guarded value: as basic_lock, and the way to the value.
template <class T, class Policy>
class [[nodiscard]] guarded_lock<guarded<T, Policy>> {
 public:
  guarded_lock() noexcept = default;

  bool owns_lock() const noexcept { return lock_.owns_lock(); }
  explicit operator bool() const noexcept { return owns_lock(); }

  /// The value; the lock must own it. Of a temporary lock, as in `for (auto const& x : *values.try_lock())`, a copy
  /// that can't be written to: a reference would outlive the lock.
  T& operator*() const& noexcept {
    assert(owns_lock() && "reached for a value without owning its lock");
    return *value_;
  }
  T const operator*() const&&  // NOLINT(readability-const-return-type): so that nobody assigns to the copy
    requires std::copy_constructible<T>
  {
    return **this;
  }
  T const operator*() const&&  // NOLINT(readability-const-return-type)
    requires(!std::copy_constructible<T>)
  = delete;
  /// As far as the lock lives: of a temporary one to the end of the expression.
  T* operator->() const noexcept {
    assert(owns_lock() && "reached for a value without owning its lock");
    return value_;
  }

  /// Gives the value up before the end. The lock must own.
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
