// SPDX-License-Identifier: MIT
#pragma once
#include <cassert>
#include <holdfast/sync/async_run.hpp>
#include <holdfast/sync/detail/asio.hpp>
#include <holdfast/sync/detail/initiation.hpp>
#include <holdfast/sync/detail/lock_core.hpp>
#include <holdfast/sync/detail/operation.hpp>
#include <holdfast/sync/policy.hpp>
#include <utility>

namespace holdfast::sync {

template <class Mutex>
class basic_lock;
template <class Guarded>
class guarded_lock;
template <class T, class Policy = no_instrumentation>
class guarded;

namespace detail {

/// Tag: the lock object takes over an existing ownership.
struct adopt_t {};
inline constexpr adopt_t adopt;

/// The handler gets the mutex's own lock type.
template <class Mutex>
struct plain_lock {
  using result_type = typename Mutex::lock;
  result_type operator()(Mutex& m) const noexcept { return result_type(m, adopt); }
};

/// An operation's access to a mutex. `Wrap` converts an owned mutex to the handler's argument.
template <class Mutex, class Wrap>
struct exclusive_access {
  using policy_type = typename Mutex::policy_type;
  using identity = typename Mutex::identity;
  using result_type = typename Wrap::result_type;
  using waiter_type = waiter_of<policy_type>;

  exclusive_access(Mutex& m, Wrap w) noexcept : mutex(&m), wrap(w) {}

  bool try_acquire(identity const& who) noexcept { return mutex->try_acquire(who); }
  bool acquire() noexcept { return mutex->core_.try_acquire(); }
  void asked(waiter_type& w, identity const& who) noexcept { w.ticket = mutex->instrument_.asked(who); }
  void gave_up(waiter_type& w) noexcept { mutex->instrument_.cancelled(w.ticket); }
  bool acquire_or_enqueue(waiter_type& w) noexcept { return mutex->core_.acquire_or_enqueue(w); }
  bool withdraw(waiter_type& w) noexcept { return mutex && mutex->withdraw(w); }
  context_link* link(asio::execution_context& context) {
    return mutex->links_.find_or_create(context, mutex, &Mutex::take_out);
  }
  void take_charge(waiter_type& w) noexcept {
    mutex->owner_ = &mutex;
    mutex->instrument_.granted(w.ticket);
  }
  result_type deliver() noexcept { return mutex ? wrap(*mutex) : result_type(); }
  void release() noexcept {
    if (mutex) mutex->unlock();
  }
  void forget() noexcept { mutex = nullptr; }

  Mutex* mutex;  // set to null by the mutex's destructor while this object is its owner
  [[no_unique_address]] Wrap wrap;
};

}  // namespace detail

/// A mutual exclusion lock for coroutines: a waiter is suspended, its thread is not blocked.
///
/// Order. Waiters are served in order of arrival. Calling async_lock() enters the queue (with a lazy token such as
/// `deferred` or `use_awaitable`: awaiting it does). Unlocking passes ownership to the oldest waiter. The lock is never
/// free while there are waiters, so there is no barging, and try_lock() fails then.
///
/// Where things run. A waiter's handler is called on its associated executor, never inside unlock(), and never while an
/// internal lock is held. If the lock is free, a coroutine continues at once, and so does a handler with an immediate
/// executor. Otherwise the handler is posted as a continuation, like asio::defer(): if the unlocking thread runs the
/// waiter's io_context, the waiter runs there as soon as the current handler returns. So do not compute for long after
/// an unlock in the same handler. A handler without an executor gets Asio's system executor. A queued waiter counts as
/// outstanding work of its executor, so io_context::run() does not return.
///
/// Cancellation. Each operation honours its associated cancellation slot (terminal, partial and total alike) while it
/// is queued: it leaves the queue in O(1) and completes with operation_aborted; the others keep their order. If the
/// lock was granted before the signal came, the operation succeeds. As always in Asio, the signal must be emitted on
/// the waiter's executor, or otherwise not concurrently with its completion.
///
/// Ownership belongs to the lock object, not to a thread or coroutine: it may be moved, and released on another thread.
///
/// Lifetimes. Everything may be destroyed in any order, but not while another thread is calling it. For a mutex this
/// means: no other thread may be in one of its functions, own it, run the executor to which it has granted the lock, or
/// at that moment signal or (with a policy) time out one of its waiters. Then:
///   - When an execution context is destroyed, its waiters leave the queue and their handlers are destroyed without
///     being called. A grant that was posted to it but has not run passes the lock on, and so does a grant that an
///     executor refuses by an exception. An operation started for a context that is being destroyed is destroyed as
///     well.
///   - A coroutine frame that is destroyed while it owns the lock releases it by the lock's destructor.
///   - When a mutex is destroyed, its waiters complete with operation_aborted, including one to which it was granted
///     but not delivered yet. A lock that owned it owns nothing any more.
///
/// Thread-safe, except for the destructor. Not recursive: a coroutine that locks twice waits forever.
template <class Policy = no_instrumentation>
class basic_mutex : public detail::lock_functions<basic_mutex<Policy>, typename detail::instrument<Policy>::identity>,
                    public detail::runs_functions<basic_mutex<Policy>, typename detail::instrument<Policy>::identity> {
 public:
  using policy_type = Policy;
  using identity = typename detail::instrument<Policy>::identity;
  using lock = basic_lock<basic_mutex>;
  using signature = void(error_code, lock);

  basic_mutex() = default;
  explicit basic_mutex(Policy policy)
    requires instrumentation<Policy>
      : instrument_(std::move(policy)) {}
  basic_mutex(basic_mutex const&) = delete;
  basic_mutex& operator=(basic_mutex const&) = delete;
  ~basic_mutex();

  /// Returns the lock, or one that owns nothing if the mutex is held or has waiters. Never waits. `who` is passed to
  /// the instrumentation policy, here and below.
  [[nodiscard]] lock try_lock(identity const& who = {}) noexcept {
    return try_acquire(who) ? lock(*this, detail::adopt) : lock();
  }

  /// Like try_lock(), but spins while the mutex is held without waiters: it tries about 100 times with a processor
  /// pause in between, 1 to 5 µs in total, even if the owner has been preempted. It stops at once when there is a
  /// waiter.
  ///
  /// For sections that are much shorter than the wake-up of a thread. If it fails, queue with async_run(), which needs
  /// no wake-up for its section either. (Spin, then queue: Karlin, Li, Manasse, Owicki, SOSP 1991.) The calling thread
  /// is blocked meanwhile. The policy sees only a success, as if the lock had been requested at that moment.
  [[nodiscard]] lock try_lock_spinning(identity const& who = {}) noexcept {
    return try_acquire_spinning(who) ? lock(*this, detail::adopt) : lock();
  }

  Policy& policy() noexcept
    requires instrumentation<Policy>
  {
    return instrument_.policy();
  }

 private:
  friend lock;
  friend detail::lock_functions<basic_mutex, identity>;
  friend detail::runs_functions<basic_mutex, identity>;
  template <class, class>
  friend struct detail::exclusive_access;
  template <class>
  friend class guarded_lock;
  template <class, class>
  friend class guarded;
  template <class, class, class, class>
  friend class detail::run_operation;
  template <class, class, class>
  friend class detail::run_initiation;
  template <class Mutex>
  friend void detail::run_functions(Mutex&, detail::waiter&, unsigned) noexcept;
  friend struct detail::insider;

  using waiter = detail::waiter_of<Policy>;

  bool try_acquire(identity const& who) noexcept {
    if (!core_.try_acquire()) return false;
    if constexpr (instrumentation<Policy>) instrument_.granted(instrument_.asked(who));
    return true;
  }
  bool try_acquire_spinning(identity const& who) noexcept { return try_acquire(who) || spin(who); }
  // Out of line, to keep the uncontended path small.
  [[gnu::noinline]] bool spin(identity const& who) noexcept {
    if (!core_.try_acquire_spinning()) return false;
    if constexpr (instrumentation<Policy>) instrument_.granted(instrument_.asked(who));
    return true;
  }

  template <class Deadline, class Function, class CompletionToken>
  auto start_run(identity const& who, Deadline const& deadline, Function&& function, CompletionToken&& token) {
    return detail::start_with(std::forward<CompletionToken>(token),
                              detail::run_initiation<basic_mutex, std::decay_t<Function>, Deadline>(
                                  *this, who, std::forward<Function>(function), deadline));
  }
  detail::exclusive_access<basic_mutex, detail::plain_lock<basic_mutex>> access() noexcept { return {*this, {}}; }

  void unlock(unsigned functions_max = basic_mutex::functions_per_release_max) noexcept {
    instrument_.released();
    if (!core_.try_release()) hand_over(functions_max);
  }
  void hand_over(unsigned functions_max) noexcept;
  detail::waiter* next_owner() noexcept {
    return static_cast<detail::waiter*>(
        core_.release([](auto& node) { detail::delivery::begin(static_cast<detail::waiter&>(node)); }));
  }
  bool withdraw(waiter& w) noexcept {
    if (!core_.withdraw(w)) return false;
    instrument_.cancelled(w.ticket);
    return true;
  }

  /// The execution context of the link is being destroyed, and its waiters with it.
  static void take_out(void* self, detail::context_link const& link, detail::waiter_chain& taken,
                       detail::waiter_chain&) {
    auto& m = *static_cast<basic_mutex*>(self);
    m.core_.withdraw_if([&](auto& node) { return static_cast<waiter&>(node).link == &link; },
                        [&](auto& node) { taken.push_back(static_cast<waiter&>(node)); });
    if constexpr (instrumentation<Policy>) {
      for (auto* n = taken.first; n; n = n->next) {
        auto& w = static_cast<detail::waiter&>(*n);  // the chain also contains waiters of other locks
        if (w.link == &link) m.instrument_.cancelled(static_cast<waiter&>(w).ticket);
      }
    }
  }

  detail::lock_core<> core_;
  basic_mutex** owner_ = nullptr;  // the owner's pointer to this mutex; written only by the owner
  [[no_unique_address]] detail::instrument<Policy> instrument_;
  detail::context_links links_;  // last, so destroyed first: no context then refers to destroyed members
};

using mutex = basic_mutex<>;

/// Ownership of a mutex, released by the destructor. Movable. Owns nothing if default-constructed or moved from, after
/// unlock(), or if the mutex was destroyed. Not thread-safe itself, but not bound to a thread either.
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

  /// Releases the lock early. It must own.
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
  friend detail::plain_lock<Mutex>;
  template <class>
  friend class guarded_lock;
  friend struct detail::insider;

  /// For condition variables: detaches the mutex without unlocking it.
  auto access() const noexcept { return mutex_->access(); }
  Mutex* detach() noexcept { return std::exchange(mutex_, nullptr); }
  void attach(Mutex* m) noexcept {
    mutex_ = m;
    take_charge();
  }

  basic_lock(Mutex& m, detail::adopt_t) noexcept : mutex_(&m) { take_charge(); }
  // g++ warns that the mutex keeps the address of a dying lock. It does not: the owner releases before.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdangling-pointer"
#endif
  void take_charge() noexcept {
    if (mutex_) mutex_->owner_ = &mutex_;
  }
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

  Mutex* mutex_ = nullptr;
};

template <class Policy>
basic_mutex<Policy>::~basic_mutex() {
  if (!core_.is_held()) return;
  detail::waiter_chain waiting;
  core_.withdraw_if([](auto&) { return true; },
                    [&](auto& node) {
                      auto& w = static_cast<detail::waiter&>(node);
                      detail::delivery::begin(w);
                      waiting.push_back(w);
                    });
  while (auto* const oldest = static_cast<waiter*>(waiting.pop_front())) {
    instrument_.cancelled(oldest->ticket);
    detail::delivery const in_progress(*oldest);
    oldest->abort();
  }
  *owner_ = nullptr;
}

// Out of line, to keep the uncontended path small.
template <class Policy>
[[gnu::noinline]] void basic_mutex<Policy>::hand_over(unsigned functions_max) noexcept {
  auto* const next = next_owner();
  if (!next) return;
  if (next->is_function) {
    detail::run_functions(*this, *next, functions_max);
  } else {
    deliver_grant(*next);  // from here on neither the waiter nor the mutex may be used: they may be gone
  }
}

}  // namespace holdfast::sync
