// SPDX-License-Identifier: MIT
#pragma once
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <holdfast/sync/detail/asio.hpp>
#include <holdfast/sync/detail/initiation.hpp>
#include <holdfast/sync/detail/operation.hpp>
#include <holdfast/sync/executor_traits.hpp>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>

/// async_run() of mutex and guarded: critical sections as functions, run by the thread that releases the lock. Included
/// by mutex.hpp, which does not otherwise depend on it.
namespace holdfast::sync::detail {

template <class Mutex, class Wrap>
struct exclusive_access;
template <class Mutex>
struct plain_lock;

// Notifying the waiters whose functions were run by another thread.

/// True if one message can notify several waiters of `Executor`'s context. The message uses the memory of one waiter,
/// which may be gone before an executor that frees after the call returns it.
template <class Executor>
inline constexpr bool travel_together = is_context_executor<Executor> && frees_before_calling<Executor>;

/// A message that carries finished functions to their execution context. The context's queue has a lock that its own
/// thread also needs before every handler; one post for all of them keeps a long queue of functions cheap. On arrival
/// each completion is posted separately to the running thread's own queue, which needs no lock. So handlers are called
/// as if each had been posted alone: one may throw, and other threads of the context share the work.
class finished_functions {
 public:
  explicit finished_functions(waiter& first) noexcept : first_(&first) {}
  finished_functions(finished_functions&& other) noexcept : first_(std::exchange(other.first_, nullptr)) {}
  finished_functions& operator=(finished_functions&&) = delete;
  /// If the executor never ran the message.
  ~finished_functions() {
    while (waiter* const w = pop_front()) w->discard();
  }

  void operator()() noexcept {
    while (waiter* const w = pop_front()) w->finish();
  }

 private:
  waiter* pop_front() noexcept {
    waiter* const w = first_;
    if (w) first_ = static_cast<waiter*>(w->next);
    return w;
  }

  waiter* first_;
};

/// Notifies the waiters whose functions have run. Waiters are notified one by one if their context runs on this thread
/// or their executor is not a plain context executor; every other context gets one message for all its waiters.
inline void tell_finished(std::span<waiter*> done) noexcept {
  for (std::size_t i = 0; i < done.size(); ++i) {
    waiter* const w = done[i];
    if (!w) continue;
    context_service* const service = w->delivering;
    unsigned count = 1;
    if (service && w->finishes_together()) {
      waiter* last = w;
      for (waiter*& other : done.subspan(i + 1)) {
        if (!other || other->delivering != service || !other->finishes_together()) continue;
        last->next = other;
        last = std::exchange(other, nullptr);
        ++count;
      }
      last->next = nullptr;
    }
    if (count == 1) {
      w->finish();
    } else {
      w->finish_all();
    }
    while (service && count-- != 0) service->delivery_ended();
  }
}

template <class Value>
struct completion_with {
  using tuple = std::tuple<std::exception_ptr, Value>;
  using signature = void(std::exception_ptr, Value);
};
template <>
struct completion_with<void> {
  using tuple = std::tuple<std::exception_ptr>;
  using signature = void(std::exception_ptr);
};

/// The outcome of a function that ran under the lock: its result or its exception.
template <class Function>
class function_result {
 public:
  using value_type = std::decay_t<std::invoke_result_t<Function&>>;
  static constexpr bool has_value = !std::is_void_v<value_type>;
  using tuple_type = typename completion_with<value_type>::tuple;

  void run(Function& function) noexcept {
    try {
      if constexpr (has_value) {
        value_.emplace(std::invoke(function));
      } else {
        std::invoke(function);
      }
    } catch (...) {
      exception_ = std::current_exception();
    }
  }
  void fail(asio::error::basic_errors why) { exception_ = std::make_exception_ptr(system_error(error_code(why))); }

  auto take() {
    if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
    if constexpr (has_value) return value_type(std::move(*value_));
  }
  /// Failing to move the value counts as a failure; failing to construct it throws.
  tuple_type take_tuple() {
    if constexpr (has_value) {
      if (!exception_) {
        try {
          return tuple_type(nullptr, std::move(*value_));
        } catch (...) {
          exception_ = std::current_exception();
        }
      }
    }
    tuple_type failure;
    std::get<0>(failure) = exception_;
    return failure;
  }

 private:
  struct nothing {};
  std::exception_ptr exception_;
  [[no_unique_address]] std::conditional_t<has_value, std::optional<std::conditional_t<has_value, value_type, int>>,
                                           nothing> value_;
};

/// One async_run() with a completion handler, with or without a deadline: a waiter that carries its critical section,
/// so that the thread that releases the lock can run it immediately. (Delegation, also known as flat combining:
/// Hendler, Incze, Shavit, Tzafrir, SPAA 2010.)
template <class Mutex, class Function, class Deadline, class Handler>
class run_operation final
    : public operation<run_operation<Mutex, Function, Deadline, Handler>, typename Mutex::policy_type, Handler> {
  using base = operation<run_operation, typename Mutex::policy_type, Handler>;
  using access_type = exclusive_access<Mutex, plain_lock<Mutex>>;

 public:
  static void start(Mutex& mutex, typename Mutex::identity const& who, Function&& function, Deadline const& deadline,
                    Handler handler) {
    auto self = base::create(std::move(handler), mutex, std::move(function));
    run_operation& o = *self.operation;
    o.access_.asked(o, who);
    // Try first without preparing a wait.
    bool acquired = o.access_.acquire();
    if (!acquired) {
      try {
        if (!o.prepare(o.access_)) return o.access_.gave_up(o);
        acquired = o.timeout_.arm_around(deadline, o.executor(), o, [&] { return o.access_.acquire_or_enqueue(o); });
      } catch (...) {
        o.access_.gave_up(o);
        throw;
      }
    }
    self.release();  // now owned by the thread that takes it out of the queue
    if (acquired) {
      o.run();
      mutex.unlock();
      o.post();
    }
  }

  void grant() noexcept override {
    timeout_.forget();
    access_.take_charge(*this);
    state_ = state::granted;
    this->post_noexcept();
  }

  void abort() noexcept override {
    timeout_.forget();
    access_.forget();
    state_ = state::aborted;
    this->post_noexcept();
  }

  void discard() noexcept override {
    timeout_.forget();
    drop();
  }

  /// Called by the timer; see wait_operation::expire().
  bool expire() noexcept { return access_.withdraw(*this); }

  void finish_expired() {
    state_ = state::timed_out;
    complete();
  }

  void run() noexcept override {
    timeout_.forget();
    cancellable_.store(false, std::memory_order_relaxed);
    access_.take_charge(*this);
    result_.run(function_);
    state_ = state::done;
  }

  void finish() noexcept override { this->post_noexcept(); }

  void finish_all() noexcept override {
    try {
      this->post(finished_functions(*this));
    } catch (...) {  // see post_noexcept()
    }
  }

  bool finishes_together() const noexcept override { return travel_together<typename base::executor_type>; }

 private:
  friend base;

  enum class state : unsigned char { waiting, granted, done, aborted, timed_out };

  run_operation(Handler&& handler, Mutex& mutex, Function&& function)
      : base(std::move(handler), true), access_(mutex, {}), function_(std::move(function)) {}

  void cancel() noexcept {
    // Once the function has run, the mutex may be gone although the completion is still pending.
    if (cancellable_.load(std::memory_order_relaxed) && access_.withdraw(*this)) abort();
  }

  void complete() {
    has_been_suspended();
    if (state_ == state::granted) {
      if (auto* const mutex = access_.mutex) {
        result_.run(function_);
        state_ = state::done;  // no longer the owner, even if the result throws
        mutex->unlock(mutex->links_.are_of_one_context() ? Mutex::functions_per_turn_max
                                                         : Mutex::functions_per_release_max);
      } else {
        state_ = state::aborted;
      }
    }
    if (state_ == state::aborted) result_.fail(asio::error::operation_aborted);
    if (state_ == state::timed_out) result_.fail(asio::error::timed_out);
    typename base::holder self(this);  // moving the result may throw
    auto result = result_.take_tuple();
    self.release();
    Handler handler = this->destroy();
    std::apply([&](auto&&... r) { std::move(handler)(std::move(r)...); }, std::move(result));
  }

  void drop() noexcept {
    if (state_ == state::granted && passes_on_later(*this)) return;
    // Release before destroying the handler, which may keep the lock alive.
    if (state_ == state::granted) access_.release();
    [[maybe_unused]] Handler handler = this->destroy();
  }

  access_type access_;
  state state_ = state::waiting;
  std::atomic<bool> cancellable_{true};
  Function function_;
  function_result<Function> result_;
  [[no_unique_address]] timeout<Deadline, run_operation, typename base::executor_type>
      timeout_;  // its destructor stops the timer
};

/// Initiates async_run().
template <class Mutex, class Function, class Deadline>
class run_initiation {
 public:
  using value_type = typename function_result<Function>::value_type;
  using tuple_type = typename completion_with<value_type>::tuple;
  using signature = typename completion_with<value_type>::signature;
  template <class Handler>
  using operation_type = run_operation<Mutex, Function, Deadline, std::decay_t<Handler>>;

  run_initiation(Mutex& mutex, typename Mutex::identity const& who, Function function, Deadline const& deadline)
      : mutex_(&mutex), who_(who), function_(std::move(function)), deadline_(deadline) {}

  template <class Handler>
  void operator()(Handler&& handler) {
    begin(*this, std::forward<Handler>(handler));
  }
  template <class Handler>
  void start(Handler&& handler) {
    operation_type<Handler>::start(*mutex_, who_, std::move(function_), deadline_, std::forward<Handler>(handler));
  }

  bool try_now() noexcept {
    if (!mutex_->try_acquire(who_)) return false;
    mutex_->owner_ = &mutex_;
    result_.run(function_);
    mutex_->unlock();
    return true;
  }
  auto take() { return result_.take(); }
  tuple_type take_tuple() { return result_.take_tuple(); }

  bool has_tried = false;  // set if it cannot or must not run at once

 private:
  Mutex* mutex_;
  [[no_unique_address]] typename Mutex::identity who_;
  Function function_;
  function_result<Function> result_;
  [[no_unique_address]] Deadline deadline_;
};

/// The slow path of a release when a function is at the head of the queue: runs it and the functions behind it, up to
/// `functions_max`.
template <class Mutex>
[[gnu::noinline]] void run_functions(Mutex& mutex, waiter& first, unsigned functions_max) noexcept {
  waiter* done[Mutex::functions_per_turn_max];
  unsigned count = 0;
  for (waiter* next = &first;;) {
    done[count++] = next;
    next->run();
    mutex.instrument_.released();
    next = mutex.next_owner();
    if (!next) break;
    if (!next->is_function || count == functions_max) {
      deliver_grant(*next);
      break;
    }
  }
  // The lock has been passed on, so nobody waits for it while executors are notified.
  tell_finished({done, count});
}

/// The default token of async_run(). Before 1.32 (Boost 1.87), Asio's awaiter of deferred operations does not compile
/// for a result beside an exception.
#if HOLDFAST_SYNC_ASIO_VERSION >= 103200
template <class Function, class... Args>
using default_run_token = default_token;
#else
template <class Function, class... Args>
using default_run_token = std::conditional_t<std::is_void_v<std::invoke_result_t<std::decay_t<Function>&, Args...>>,
                                             default_token, asio::use_awaitable_t<>>;
#endif

/// Functions that run critical sections under the lock. `Derived` has start_run(who, deadline, function, token); `Args`
/// are the arguments of the function: the value, or none.
template <class Derived, class Identity, class... Args>
class runs_functions {
 public:
  /// Limit of waiting functions run by one release; the next waiter gets the lock on its own executor.
  static constexpr unsigned functions_per_release_max = 32;

  /// The same for the release after a function that got the lock on its executor, if all waiters are of one context.
  /// That handler has nothing else to do. While the lock travelled to it, as many functions have queued as the executor
  /// has handlers; with the smaller limit the queue of a larger crowd would never empty, and each section would cost a
  /// handler. Between several contexts, the smaller limit gives them more equal shares.
  static constexpr unsigned functions_per_turn_max = 256;

  /// Runs `function` under the lock when its turn comes; functions and locks share one queue. Completes with
  /// `void(exception_ptr, result)`, or `void(exception_ptr)` if the function returns nothing. The result is a value,
  /// even if the function returns a reference, and must be default constructible. The exception is the one thrown by
  /// the function, or system_error(operation_aborted) if cancelled.
  ///
  /// If the lock is free, the function runs on the calling thread before async_run() returns. Otherwise the releaser
  /// runs it inside unlock(), on its own thread. So a function must be short, must not wait or depend on its thread,
  /// and must not destroy the mutex or an execution context whose functions wait for it. To await under the lock, use
  /// async_lock(). No internal lock is held while the function runs, and the destruction of its execution context waits
  /// for it. The handler is called on its associated executor.
  ///
  /// One release runs the functions at the head of the queue in order of arrival, up to the first waiter that wants the
  /// lock itself; that waiter's release continues with the functions behind it. One unlock() runs at most
  /// functions_per_release_max functions; then the next one gets the lock on its own executor and runs there, and its
  /// release continues, with at most functions_per_turn_max if all waiters are of one context. (Flat combining:
  /// Hendler, Incze, Shavit, Tzafrir, SPAA 2010.)
  ///
  /// A function that has begun can't be cancelled. If a signal arrives together with the lock, the function may already
  /// have run on another thread: then its effect stays, and the operation completes with its result, even if the
  /// handler is called after the signal. operation_aborted always means that the function has not run and never will.
  template <class Function, class CompletionToken = default_run_token<Function, Args...>>
    requires std::invocable<std::decay_t<Function>&, Args...>
  auto async_run(Function&& function, CompletionToken&& token = {}) {
    return async_run(Identity(), std::forward<Function>(function), std::forward<CompletionToken>(token));
  }
  template <class Function, class CompletionToken = default_run_token<Function, Args...>>
    requires std::invocable<std::decay_t<Function>&, Args...>
  auto async_run(Identity const& who, Function&& function, CompletionToken&& token = {}) {
    return start(who, no_deadline(), std::forward<Function>(function), std::forward<CompletionToken>(token));
  }

  /// Like async_run(), but leaves the queue at `deadline`: then the function never runs, and the exception is
  /// system_error(timed_out). If the lock is free, the function runs even after the deadline. A deadline that arrives
  /// together with the lock behaves like a signal: the completion shows whether the function has run.
  template <class Function, class CompletionToken = default_run_token<Function, Args...>>
    requires std::invocable<std::decay_t<Function>&, Args...>
  auto async_run_until(std::chrono::steady_clock::time_point deadline, Function&& function,
                       CompletionToken&& token = {}) {
    return async_run_until(Identity(), deadline, std::forward<Function>(function),
                           std::forward<CompletionToken>(token));
  }
  template <class Function, class CompletionToken = default_run_token<Function, Args...>>
    requires std::invocable<std::decay_t<Function>&, Args...>
  auto async_run_until(Identity const& who, std::chrono::steady_clock::time_point deadline, Function&& function,
                       CompletionToken&& token = {}) {
    return start(who, until{deadline}, std::forward<Function>(function), std::forward<CompletionToken>(token));
  }

  /// Calls async_run_until() with now + duration.
  template <class Function, class CompletionToken = default_run_token<Function, Args...>>
    requires std::invocable<std::decay_t<Function>&, Args...>
  auto async_run_for(std::chrono::steady_clock::duration duration, Function&& function, CompletionToken&& token = {}) {
    return async_run_until(after(duration).time, std::forward<Function>(function),
                           std::forward<CompletionToken>(token));
  }
  template <class Function, class CompletionToken = default_run_token<Function, Args...>>
    requires std::invocable<std::decay_t<Function>&, Args...>
  auto async_run_for(Identity const& who, std::chrono::steady_clock::duration duration, Function&& function,
                     CompletionToken&& token = {}) {
    return async_run_until(who, after(duration).time, std::forward<Function>(function),
                           std::forward<CompletionToken>(token));
  }

 private:
  template <class Deadline, class Function, class CompletionToken>
  auto start(Identity const& who, Deadline const& deadline, Function&& function, CompletionToken&& token) {
    return static_cast<Derived&>(*this).start_run(who, deadline, std::forward<Function>(function),
                                                  std::forward<CompletionToken>(token));
  }
};

}  // namespace holdfast::sync::detail
