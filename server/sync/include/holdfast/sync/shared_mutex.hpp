#pragma once
#include <boost/asio/deferred.hpp>
#include <boost/system/error_code.hpp>
#include <cassert>
#include <chrono>
#include <holdfast/sync/detail/awaiter.hpp>
#include <holdfast/sync/detail/lock_operation.hpp>
#include <holdfast/sync/detail/pending_operation.hpp>
#include <holdfast/sync/detail/shared_state.hpp>
#include <utility>

namespace holdfast::sync {

/// Ownership of a shared_mutex, alone or, if `shared`, together with other readers; released when this goes. As
/// basic_lock, but when the mutex is destroyed first, this goes on owning what is left of it.
template <bool shared>
class [[nodiscard]] shared_mutex_lock {
 public:
  static constexpr bool is_shared = shared;
  using state_type = detail::shared_state;

  shared_mutex_lock() noexcept = default;
  shared_mutex_lock(shared_mutex_lock&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  shared_mutex_lock& operator=(shared_mutex_lock&& other) noexcept {
    if (this != &other) {
      if (state_) unlock();
      state_ = std::exchange(other.state_, nullptr);
    }
    return *this;
  }
  ~shared_mutex_lock() {
    if (state_) state_->release(shared);
  }

  bool owns_lock() const noexcept { return state_ != nullptr; }
  explicit operator bool() const noexcept { return owns_lock(); }

  /// Gives the lock up before its end. It must own.
  void unlock() noexcept {
    assert(state_ && "unlocked although it owns nothing");
    if (state_) std::exchange(state_, nullptr)->release(shared);
  }

 private:
  friend class shared_mutex;
  template <class>
  friend struct detail::shared_access;
  shared_mutex_lock(state_type& state, detail::adopt_t) noexcept : state_(&state) {}

  state_type* state_ = nullptr;
};

/// A reader-writer lock that is awaited instead of blocked on: as mutex, and async_lock_shared() owns together with
/// other readers.
///
/// Fair: readers and writers wait in one queue, first in, first out. Readers that stand next to each other in it are
/// granted together; a reader never overtakes a waiting writer, so that readers who come and go can't keep a writer
/// out, and a writer that gives up lets the readers behind it in at once.
///
/// Lifetimes as for mutex; locks that own when the mutex is destroyed stay valid, and the operations to which it was
/// granted but not yet delivered complete with operation_aborted. The mutex keeps its state in one heap allocation.
class shared_mutex {
 public:
  using lock = shared_mutex_lock<false>;
  using shared_lock = shared_mutex_lock<true>;

  shared_mutex() : state_(new owned_state) {}
  shared_mutex(shared_mutex const&) = delete;
  shared_mutex& operator=(shared_mutex const&) = delete;
  ~shared_mutex() { state_->abandon(); }

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
  /// Completes with `void(error_code, shared_lock)`.
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
  struct owned_state final : detail::shared_state {};

  template <class Lock, class CompletionToken, class Deadline>
  auto start(CompletionToken& token, Deadline deadline) {
    using initiation = detail::lock_initiation<detail::shared_access<Lock>, Deadline>;
    return detail::start_with(std::forward<CompletionToken>(token), initiation({state_}, {}, deadline));
  }

  detail::shared_state* const state_;
};

}  // namespace holdfast::sync
