#pragma once
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/system/error_code.hpp>
#include <cassert>
#include <chrono>
#include <concepts>
#include <holdfast/sync/detail/access.hpp>
#include <holdfast/sync/detail/awaiter.hpp>
#include <holdfast/sync/detail/context_link.hpp>
#include <holdfast/sync/detail/finished_functions.hpp>
#include <holdfast/sync/detail/instrument.hpp>
#include <holdfast/sync/detail/lock_core.hpp>
#include <holdfast/sync/detail/lock_operation.hpp>
#include <holdfast/sync/detail/pending_operation.hpp>
#include <holdfast/sync/detail/run_operation.hpp>
#include <holdfast/sync/detail/standing_aside.hpp>
#include <holdfast/sync/detail/timeout.hpp>
#include <holdfast/sync/detail/waiter.hpp>
#include <holdfast/sync/policy.hpp>
#include <utility>

namespace holdfast::sync {

template <class Mutex>
class basic_lock;
template <class Guarded>
class guarded_lock;
template <class T, class Policy = no_instrumentation>
class guarded;

/// A mutual exclusion lock that is awaited instead of blocked on.
///
/// Order. First in, first out, by the moment of initiation: calling async_lock() takes the place in the queue (for a
/// lazy token such as `deferred` or `use_awaitable`: awaiting it does; a coroutine that is to let others run first, see
/// detail/fairness.hpp, asks after that). Unlocking hands ownership to the oldest waiter;
/// a lock that somebody waits for is never free in between, so nobody barges in, and try_lock() fails then.
///
/// Where things run. A waiter's handler is called on its associated executor, never inside unlock(), and never while an
/// internal lock is held. It is posted as a continuation, as asio::defer() does: where the thread that unlocks runs the
/// waiter's io_context, the waiter runs there as soon as the current handler returns, and so it waits for a handler
/// that unlocks and then goes on for long. A handler without an executor gets Asio's system executor. The executor's
/// outstanding work is counted while the waiter is queued, so that io_context::run() stays.
///
/// Cancellation. Each operation honours its associated cancellation slot (terminal, partial and total alike) while it
/// is queued: it leaves the queue in O(1) and completes with operation_aborted; the others keep their order. An
/// operation that was granted the lock before the signal came completes with success. As with all of Asio, the signal
/// must be emitted on the waiter's executor, or otherwise not concurrently with its completion.
///
/// Ownership belongs to the lock object, not to a thread or coroutine: it may be moved, and released on another thread.
///
/// Lifetimes. Everything may be destroyed in any order, as long as one doesn't destroy what another thread is calling.
/// Of a mutex that is: no other thread may be in one of its functions, own it, run the executor to which it has granted
/// the lock, or signal or (with a policy) time out one of its waiters at that moment. Then:
///   - An execution context that is destroyed takes its waiters out of the queue and destroys their handlers unheard; a
///     grant that was posted to it but has not run passes the lock on. So does a grant that an executor refuses by an
///     exception. Who asks for a context that is being destroyed is destroyed unheard as well.
///   - A coroutine frame that is destroyed while it owns releases by its lock's destructor.
///   - A mutex that is destroyed lets its waiters complete with operation_aborted, also the one to which it was granted
///     but not delivered yet; a lock that owned it owns nothing any more.
///
/// Thread-safe: all functions but the destructor. Not recursive: who locks twice waits for ever.
template <class Policy = no_instrumentation>
class basic_mutex {
 public:
  using policy_type = Policy;
  using identity = typename detail::instrument<Policy>::identity;
  using lock = basic_lock<basic_mutex>;
  using signature = void(boost::system::error_code, lock);

  /// How many waiting functions one release runs at most before it hands on by executor; see async_run().
  static constexpr unsigned functions_per_release_max = 32;

  basic_mutex() = default;
  explicit basic_mutex(Policy policy)
    requires instrumentation<Policy>
      : instrument_(std::move(policy)) {}
  basic_mutex(basic_mutex const&) = delete;
  basic_mutex& operator=(basic_mutex const&) = delete;
  ~basic_mutex();

  /// The lock, or one that owns nothing if the mutex is held or waited for. Never waits. `who` is for the
  /// instrumentation policy, here and below.
  [[nodiscard]] lock try_lock(identity const& who = {}) noexcept {
    return try_acquire(who) ? lock(*this, detail::adopt) : lock();
  }

  /// As try_lock(), but while the mutex is held and nobody waits for it, spins for it: looks again about 100 times, one
  /// pause of the processor apart, 1 to 5 µs altogether, and no longer even if the owner has lost its core. Gives up
  /// at once when somebody waits, who comes first.
  ///
  /// For sections that are much shorter than the wake-up of a thread, behind others like them; who doesn't get the lock
  /// queues with async_run(), and needs no wake-up for its section either. (Spin, then queue: Karlin, Li, Manasse,
  /// Owicki, SOSP 1991.) The calling thread does nothing else meanwhile. The policy is told of a success alone, as if
  /// it had been asked for then.
  [[nodiscard]] lock try_lock_spinning(identity const& who = {}) noexcept {
    return try_acquire_spinning(who) ? lock(*this, detail::adopt) : lock();
  }

  /// Completes with `void(error_code, lock)` when the lock is granted; errors: operation_aborted.
  template <class CompletionToken = boost::asio::deferred_t>
    requires(!std::convertible_to<CompletionToken, identity>)
  auto async_lock(CompletionToken&& token = {}) {
    return async_lock(identity(), std::forward<CompletionToken>(token));
  }
  template <class CompletionToken = boost::asio::deferred_t>
  auto async_lock(identity const& who, CompletionToken&& token = {}) {
    return detail::start_with(std::forward<CompletionToken>(token),
                              initiation<detail::no_deadline>({*this, {}}, who, {}));
  }

  /// As async_lock(), but gives up its place at `deadline` with asio::error::timed_out. If the lock is free it is
  /// granted also after the deadline.
  template <class CompletionToken = boost::asio::deferred_t>
  auto async_lock_until(std::chrono::steady_clock::time_point deadline, CompletionToken&& token = {}) {
    return async_lock_until(identity(), deadline, std::forward<CompletionToken>(token));
  }
  template <class CompletionToken = boost::asio::deferred_t>
  auto async_lock_until(identity const& who, std::chrono::steady_clock::time_point deadline,
                        CompletionToken&& token = {}) {
    return detail::start_with(std::forward<CompletionToken>(token),
                              initiation<detail::until>({*this, {}}, who, {deadline}));
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

  /// Runs `function()` under the lock, when its turn comes in the one queue of functions and locks, and completes with
  /// `void(exception_ptr, result)`, or `void(exception_ptr)` if the function returns nothing. The result is a value,
  /// also if the function returns a reference, and must be default constructible. What the function throws is the
  /// completion's exception; system_error(operation_aborted) if cancelled.
  ///
  /// The function runs where the lock is: if it is free, on the calling thread before this returns; otherwise in the
  /// unlock() of whoever releases it, on that thread. So a function must be short and must not wait, it must not care
  /// for its thread, and it must not wait for the same mutex, nor destroy it or an execution context whose functions
  /// wait for it; an operation that awaits under the lock wants async_lock(). No internal lock is held while it runs,
  /// and the destruction of its execution context waits until it has run. The handler is called on its associated
  /// executor.
  ///
  /// One release runs the functions at the head of the queue in the order of asking, up to the first waiter that wants
  /// the lock itself: it gets it, and its release goes on with those behind it. However many ask, a releaser runs at
  /// most functions_per_release_max of them before its unlock() returns: the next one gets the lock on its own
  /// executor, runs there, and its release goes on. (Flat combining: Hendler, Incze, Shavit, Tzafrir, SPAA 2010.)
  ///
  /// A function that has begun can't be cancelled. A signal that comes together with the lock may find that it has run
  /// already, on another thread: then its effect stays, and the completion is a success with its result. The handler
  /// may be called later than the signal, and nevertheless with success. operation_aborted always means that the
  /// function has not run and never will.
  template <class Function, class CompletionToken = boost::asio::deferred_t>
    requires std::invocable<std::decay_t<Function>&>
  auto async_run(Function&& function, CompletionToken&& token = {}) {
    return async_run(identity(), std::forward<Function>(function), std::forward<CompletionToken>(token));
  }
  template <class Function, class CompletionToken = boost::asio::deferred_t>
    requires std::invocable<std::decay_t<Function>&>
  auto async_run(identity const& who, Function&& function, CompletionToken&& token = {}) {
    return start_run(who, detail::no_deadline(), std::forward<Function>(function),
                     std::forward<CompletionToken>(token));
  }

  /// As async_run(), but gives up its place at `deadline`: then the function never runs, and the completion's exception
  /// is system_error(timed_out). If the lock is free it runs also after the deadline. A deadline that comes together
  /// with the lock is as a signal that does: the function has run or it has not, and the completion says which.
  template <class Function, class CompletionToken = boost::asio::deferred_t>
    requires std::invocable<std::decay_t<Function>&>
  auto async_run_until(std::chrono::steady_clock::time_point deadline, Function&& function,
                       CompletionToken&& token = {}) {
    return async_run_until(identity(), deadline, std::forward<Function>(function),
                           std::forward<CompletionToken>(token));
  }
  template <class Function, class CompletionToken = boost::asio::deferred_t>
    requires std::invocable<std::decay_t<Function>&>
  auto async_run_until(identity const& who, std::chrono::steady_clock::time_point deadline, Function&& function,
                       CompletionToken&& token = {}) {
    return start_run(who, detail::until{deadline}, std::forward<Function>(function),
                     std::forward<CompletionToken>(token));
  }

  /// As async_run_until(now + duration).
  template <class Function, class CompletionToken = boost::asio::deferred_t>
    requires std::invocable<std::decay_t<Function>&>
  auto async_run_for(std::chrono::steady_clock::duration duration, Function&& function, CompletionToken&& token = {}) {
    return async_run_until(detail::after(duration).time, std::forward<Function>(function),
                           std::forward<CompletionToken>(token));
  }
  template <class Function, class CompletionToken = boost::asio::deferred_t>
    requires std::invocable<std::decay_t<Function>&>
  auto async_run_for(identity const& who, std::chrono::steady_clock::duration duration, Function&& function,
                     CompletionToken&& token = {}) {
    return async_run_until(who, detail::after(duration).time, std::forward<Function>(function),
                           std::forward<CompletionToken>(token));
  }

  Policy& policy() noexcept
    requires instrumentation<Policy>
  {
    return instrument_.policy();
  }

 private:
  friend lock;
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

  template <class Deadline>
  using initiation =
      detail::lock_initiation<detail::exclusive_access<basic_mutex, detail::plain_lock<basic_mutex>>, Deadline>;
  using waiter = detail::waiter_of<Policy>;

  bool try_acquire(identity const& who) noexcept {
    if (!core_.try_acquire()) return false;
    if constexpr (instrumentation<Policy>) instrument_.granted(instrument_.asked(who));
    return true;
  }
  bool try_acquire_spinning(identity const& who) noexcept { return try_acquire(who) || spin(who); }
  // Out of line: the uncontended path stays small.
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
  void unlock() noexcept {
    instrument_.released();
    if (!core_.try_release()) hand_over();
  }
  void hand_over() noexcept;
  void run_functions(detail::waiter& first) noexcept;
  detail::waiter* next_owner() noexcept {
    return static_cast<detail::waiter*>(
        core_.release([](auto& node) { detail::delivery::begin(static_cast<detail::waiter&>(node)); }));
  }
  bool withdraw(waiter& w) noexcept {
    if (!core_.withdraw(w)) return false;
    instrument_.cancelled(w.ticket);
    return true;
  }

  /// The execution context at the other end of the link is going, and its waiters with it.
  static void take_out(void* self, detail::context_link const& link, detail::waiter_chain& taken,
                       detail::waiter_chain&) {
    auto& m = *static_cast<basic_mutex*>(self);
    m.core_.withdraw_if([&](auto& node) { return static_cast<waiter&>(node).link == &link; },
                        [&](auto& node) { taken.push_back(static_cast<waiter&>(node)); });
    if constexpr (instrumentation<Policy>) {
      for (auto* n = taken.first; n; n = n->next) {
        auto& w = static_cast<detail::waiter&>(*n);  // the chain has other locks' waiters too
        if (w.link == &link) m.instrument_.cancelled(static_cast<waiter&>(w).ticket);
      }
    }
  }

  detail::lock_core<> core_;
  basic_mutex** owner_ = nullptr;  // through which the mutex is owned; written only by whoever owns it
  [[no_unique_address]] detail::instrument<Policy> instrument_;
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
  friend detail::plain_lock<Mutex>;
  template <class>
  friend class guarded_lock;

  basic_lock(Mutex& m, detail::adopt_t) noexcept : mutex_(&m) { take_charge(); }
  // g++ warns that the mutex keeps the address of a lock that goes. It does not outlast it: whoever owns releases
  // first.
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
  detail::tell_those_aside_that_it_goes(this);
  if (!core_.is_held()) return;
  for (;;) {
    waiter* oldest = nullptr;
    core_.withdraw_if([&](auto&) { return !oldest; },
                      [&](auto& node) {
                        oldest = &static_cast<waiter&>(node);
                        detail::delivery::begin(*oldest);
                      });
    if (!oldest) break;
    instrument_.cancelled(oldest->ticket);
    detail::delivery const in_progress(*oldest);
    oldest->abort();
  }
  *owner_ = nullptr;
}

// Out of line: the uncontended path stays small.
template <class Policy>
[[gnu::noinline]] void basic_mutex<Policy>::hand_over() noexcept {
  auto* const next = next_owner();
  if (!next) return;
  if (next->is_function) {
    run_functions(*next);
  } else {
    deliver_grant(*next);  // from here on neither the waiter nor the mutex may be touched: they may be gone
  }
}

template <class Policy>
[[gnu::noinline]] void basic_mutex<Policy>::run_functions(detail::waiter& first) noexcept {
  detail::waiter* done[functions_per_release_max];
  unsigned count = 0;
  for (detail::waiter* next = &first;;) {
    done[count++] = next;
    next->run();
    instrument_.released();
    next = next_owner();
    if (!next) break;
    if (!next->is_function || count == functions_per_release_max) {
      deliver_grant(*next);
      break;
    }
  }
  // Only now that the lock is passed on, so that nobody waits for it while executors are told.
  detail::tell_finished({done, count});
}

}  // namespace holdfast::sync
