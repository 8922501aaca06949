// SPDX-License-Identifier: MIT
#pragma once
#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <holdfast/sync/detail/asio.hpp>
#include <holdfast/sync/detail/operation.hpp>
#include <tuple>
#include <type_traits>
#include <utility>

/// How an operation begins: an initiating function with its completion token, and the operation that waits.
namespace holdfast::sync::detail {

// Handlers that may be called inside the initiating function. In general Asio forbids that, since the caller may not
// expect it. A coroutine does: Asio calls the initiation after suspending the coroutine, and the handler resumes it.
// These resumptions nest, up to grants_without_suspension_max.

/// True if `Handler` resumes an Asio coroutine that awaits the operation.
template <class Handler>
inline constexpr bool resumes_a_coroutine = false;
#ifdef HOLDFAST_SYNC_HAS_DEFERRED  // older versions initiate while suspending the coroutine
template <class Handler>
  requires requires { typename Handler::executor_type; } &&
               std::is_base_of_v<asio::detail::awaitable_thread<typename Handler::executor_type>, Handler>
inline constexpr bool resumes_a_coroutine<Handler> = true;
#endif

/// co_spawn() keeps the executor busy for the life of the coroutine, so its waits need not count as work.
template <class Handler>
  requires resumes_a_coroutine<Handler>
struct handler_work<Handler> {
  explicit handler_work(Handler const&) {}
};

/// Passes its arguments on as a tuple, like Asio's as_tuple, for handlers that can only be moved.
template <class Handler>
struct tuple_handler {
  using executor_type = asio::associated_executor_t<Handler>;
  template <class... Args>
  void operator()(Args&&... args) {
    std::move(handler)(std::tuple<std::decay_t<Args>...>(std::forward<Args>(args)...));
  }
  executor_type get_executor() const noexcept { return asio::get_associated_executor(handler); }
  Handler handler;
};
template <class Handler>
inline constexpr bool resumes_a_coroutine<tuple_handler<Handler>> = resumes_a_coroutine<Handler>;

/// Provides the memory for one awaited operation, once.
template <class T>
class room_allocator {
 public:
  using value_type = T;
  static constexpr bool serves_the_operation_alone = true;

  explicit room_allocator(void* room) noexcept : room_(room) {}
  template <class U>
  room_allocator(room_allocator<U> const& other) noexcept : room_(other.room()) {}
  T* allocate(std::size_t) noexcept { return static_cast<T*>(room_); }
  void deallocate(T*, std::size_t) noexcept {}
  void* room() const noexcept { return room_; }
  template <class U>
  bool operator==(room_allocator<U> const& other) const noexcept {
    return room_ == other.room();
  }

 private:
  void* room_;
};

/// A handler whose operation is stored in the coroutine's frame.
template <class Handler>
struct handler_with_room {
  using allocator_type = room_allocator<void>;
  using executor_type = asio::associated_executor_t<Handler>;
  template <class... Args>
  void operator()(Args&&... args) {
    std::move(handler)(std::forward<Args>(args)...);
  }
  allocator_type get_allocator() const noexcept { return allocator_type(room); }
  executor_type get_executor() const noexcept { return asio::get_associated_executor(handler); }
  Handler handler;
  void* room;
};
template <class Handler>
inline constexpr bool resumes_a_coroutine<handler_with_room<Handler>> = resumes_a_coroutine<Handler>;

/// Has the layout of Asio's awaiter handlers, so that the size of their operations is known in advance.
struct coroutine_handler_archetype {
  using executor_type = asio::io_context::executor_type;
  coroutine_handler_archetype(coroutine_handler_archetype&&) noexcept = default;
  executor_type get_executor() const noexcept;
  template <class... Args>
  void operator()(Args&&...);
  void* coroutine;
  void* result;
};
template <>
inline constexpr bool resumes_a_coroutine<coroutine_handler_archetype> = true;

#ifdef HOLDFAST_SYNC_HAS_IMMEDIATE_EXECUTOR
struct plain_handler {};
/// True if `Handler` has its own immediate executor, on which it may be called inside the initiating function.
template <class Handler, class Executor = asio::associated_executor_t<Handler>>
inline constexpr bool has_immediate_executor =
    !std::is_same_v<asio::associated_immediate_executor_t<Handler, Executor>,
                    asio::associated_immediate_executor_t<plain_handler, Executor>>;
#endif

/// Begins an operation. `Initiation` has try_now(), which returns true if the operation is done and take_tuple()
/// returns the handler's arguments; start(handler) for the general case; and has_tried.
template <class Initiation, class Handler>
void begin(Initiation& initiation, Handler&& handler) {
  using handler_type = std::decay_t<Handler>;
  if constexpr (resumes_a_coroutine<handler_type>) {
    if (!initiation.has_tried && may_go_on()) {
      nested_grant const nested;
      if (initiation.try_now()) {
        // Calling the handler may destroy the coroutine's frame, which contains `initiation`.
        std::apply(std::forward<Handler>(handler), initiation.take_tuple());
        return;
      }
    }
  }
#ifdef HOLDFAST_SYNC_HAS_IMMEDIATE_EXECUTOR
  else if constexpr (has_immediate_executor<handler_type>) {
    if (initiation.try_now()) {
      auto const executor = asio::get_associated_immediate_executor(handler, asio::get_associated_executor(handler));
      asio::dispatch(executor,
                     [mine = handler_type(std::forward<Handler>(handler)), result = initiation.take_tuple()]() mutable {
                       std::apply(std::move(mine), std::move(result));
                     });
      return;
    }
  }
#endif
  initiation.start(std::forward<Handler>(handler));
}

/// The result of an operation whose handler gets only the error.
class no_result {
 public:
  explicit no_result(bool is_done = false) noexcept : is_done_(is_done) {}
  explicit operator bool() const noexcept { return is_done_; }

 private:
  bool is_done_;
};

template <class Result>
struct completion_of {
  using tuple = std::tuple<error_code, Result>;
  using signature = void(error_code, Result);
};
template <>
struct completion_of<no_result> {
  using tuple = std::tuple<error_code>;
  using signature = void(error_code);
};

/// One operation that waits in a queue until it is granted.
///
/// `Access` is a small copyable object that defines what the operation waits for, and in which mode:
///   policy_type, identity, result_type (the handler's argument)
///   asked(waiter&, identity)     informs the instrumentation; take_charge(), withdraw() or gave_up() follows
///   gave_up(waiter&)             the waiter was never queued and never will be
///   acquire()                    without waiting and without informing the instrumentation
///   acquire_or_enqueue(waiter&)  true: acquired
///   withdraw(waiter&)            true: removed from the queue
///   link(context)                the lock's link to an execution context; null if that is being destroyed
///   take_charge(waiter&)         this object is responsible for the ownership until deliver() or release()
///   deliver()                    the handler's argument; false if the lock was destroyed meanwhile
///   release()                    passes on an ownership that could not be delivered
///   forget()                     the lock is not used any more and may be destroyed
///   try_acquire(identity)        for a coroutine that continues at once; deliver() follows
template <class Access, class Deadline, class Handler>
class wait_operation final
    : public operation<wait_operation<Access, Deadline, Handler>, typename Access::policy_type, Handler> {
  using base = operation<wait_operation, typename Access::policy_type, Handler>;

 public:
  static void start(Access const& access, typename Access::identity const& who, Deadline const& deadline,
                    Handler handler) {
    auto self = base::create(std::move(handler), access);
    wait_operation& o = *self.operation;
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
      o.become_owner();
      o.post();
    }
  }

  void grant() noexcept override {
    become_owner();
    this->post_noexcept();
  }

  void abort() noexcept override { fail(outcome::aborted); }

  void discard() noexcept override {
    timeout_.forget();
    drop();
  }

  /// Called by the timer on the waiter's executor, while grant() and abort() are blocked. True: finish_expired()
  /// follows.
  bool expire() noexcept { return access_.withdraw(*this); }

  void finish_expired() {
    outcome_ = outcome::timed_out;
    complete();
  }

 private:
  friend base;

  enum class outcome : unsigned char { undecided, granted, aborted, timed_out };

  wait_operation(Handler&& handler, Access const& access) : base(std::move(handler), false), access_(access) {}

  void cancel() noexcept {
    if (access_.withdraw(*this)) fail(outcome::aborted);
  }

  void fail(outcome why) noexcept {
    timeout_.forget();
    access_.forget();
    outcome_ = why;
    this->post_noexcept();
  }

  void become_owner() noexcept {
    timeout_.forget();
    outcome_ = outcome::granted;
    access_.take_charge(*this);
  }

  void complete() {
    has_been_suspended();
    auto const how = outcome_;
    Access access = access_;
    auto result = how == outcome::granted ? access.deliver() : typename Access::result_type();
    timeout_.stop();
    Handler handler = this->destroy();
    error_code error;
    if (!result) error = how == outcome::timed_out ? asio::error::timed_out : asio::error::operation_aborted;
    if constexpr (std::is_same_v<typename Access::result_type, no_result>) {
      std::move(handler)(error);
    } else {
      std::move(handler)(error, std::move(result));
    }
  }

  void drop() noexcept {
    if (outcome_ == outcome::granted && passes_on_later(*this)) return;
    Access access = access_;
    timeout_.stop();
    // Release before destroying the handler, which may keep the lock alive.
    if (outcome_ == outcome::granted) access.release();
    [[maybe_unused]] Handler handler = this->destroy();
  }

  Access access_;
  outcome outcome_ = outcome::undecided;
  [[no_unique_address]] timeout<Deadline, wait_operation, typename base::executor_type> timeout_;
};

/// Initiates a wait_operation.
template <class Access, class Deadline>
class wait_initiation {
 public:
  using value_type = typename Access::result_type;
  using tuple_type = typename completion_of<value_type>::tuple;
  using signature = typename completion_of<value_type>::signature;
  template <class Handler>
  using operation_type = wait_operation<Access, Deadline, std::decay_t<Handler>>;

  wait_initiation(Access const& access, typename Access::identity const& who, Deadline const& deadline)
      : access_(access), who_(who), deadline_(deadline) {}

  template <class Handler>
  void operator()(Handler&& handler) {
    begin(*this, std::forward<Handler>(handler));
  }
  template <class Handler>
  void start(Handler&& handler) {
    operation_type<Handler>::start(access_, who_, deadline_, std::forward<Handler>(handler));
  }

  bool try_now() noexcept { return access_.try_acquire(who_); }
  auto take() noexcept {
    if constexpr (!std::is_same_v<value_type, no_result>) return access_.deliver();
  }
  tuple_type take_tuple() noexcept {
    if constexpr (std::is_same_v<value_type, no_result>) {
      return tuple_type();
    } else {
      return tuple_type(error_code(), access_.deliver());
    }
  }

  bool has_tried = false;  // set if it cannot or must not be done at once

 private:
  Access access_;
  [[no_unique_address]] typename Access::identity who_;
  [[no_unique_address]] Deadline deadline_;
};

// Completion tokens.

template <class Initiation>
struct tuple_initiation {
  template <class Handler>
  void operator()(Handler&& handler) {
    std::move(initiation)(tuple_handler<std::decay_t<Handler>>{std::forward<Handler>(handler)});
  }
  Initiation initiation;
};

#ifdef HOLDFAST_SYNC_HAS_DEFERRED

/// The result of initiating functions for the token `deferred`: an operation that has not begun. Like Asio's own
/// deferred operations, it is called with a token, or awaited. When awaited by a coroutine, it also provides the memory
/// for waiting: it stays in the coroutine's frame until the await is over. With `as_tuple(deferred)` the result is a
/// tuple.
template <class Initiation, bool as_tuple>
class [[nodiscard]] pending_operation {
  using signature = std::conditional_t<as_tuple, void(typename Initiation::tuple_type), typename Initiation::signature>;

 public:
  explicit pending_operation(Initiation&& initiation) : initiation_(std::move(initiation)) {}
  pending_operation(pending_operation&& other) noexcept(std::is_nothrow_move_constructible_v<Initiation>)
      : initiation_(std::move(other.initiation_)) {}
  pending_operation(pending_operation const& other) : initiation_(other.initiation_) {}
  pending_operation& operator=(pending_operation const&) = delete;
  ~pending_operation() = default;

  template <asio::completion_token_for<signature> CompletionToken>
  auto operator()(CompletionToken&& token) && {
    using token_type = std::decay_t<CompletionToken>;
    if constexpr (!resumes_a_coroutine<token_type>) {
      return initiate(std::move(initiation_), std::forward<CompletionToken>(token));
    } else if constexpr (as_tuple) {
      begin_in_room(tuple_handler<token_type>{std::forward<CompletionToken>(token)});
    } else {
      begin_in_room(std::forward<CompletionToken>(token));
    }
  }
  template <asio::completion_token_for<signature> CompletionToken>
  auto operator()(CompletionToken&& token) const& {
    return initiate(Initiation(initiation_), std::forward<CompletionToken>(token));
  }

 private:
  template <class Handler>
  using with_room = handler_with_room<std::decay_t<Handler>>;
  template <class Handler>
  using operation_of = typename Initiation::template operation_type<with_room<Handler>>;
  using largest_expected = operation_of<
      std::conditional_t<as_tuple, tuple_handler<coroutine_handler_archetype>, coroutine_handler_archetype>>;

  template <class Handler>
  void begin_in_room(Handler&& handler) {
    if constexpr (sizeof(operation_of<Handler>) <= sizeof(room_) &&
                  alignof(operation_of<Handler>) <= alignof(largest_expected)) {
      initiation_(with_room<Handler>{std::forward<Handler>(handler), room_});
    } else {
      initiation_(std::forward<Handler>(handler));
    }
  }

  template <class CompletionToken>
  static auto initiate(Initiation&& initiation, CompletionToken&& token) {
    if constexpr (as_tuple) {
      return asio::async_initiate<CompletionToken, signature>(tuple_initiation<Initiation>{std::move(initiation)},
                                                              token);
    } else {
      return asio::async_initiate<CompletionToken, signature>(std::move(initiation), token);
    }
  }

  Initiation initiation_;
  alignas(largest_expected) std::byte room_[sizeof(largest_expected)];
};

#endif

/// Traits of tokens by which a coroutine awaits an operation that it begins at once: use_awaitable, also adapted by
/// as_tuple, redirect_error, bind_cancellation_slot and bind_executor. For such a token:
///   executor_type        the coroutine's
///   may_go_on_on(e, t)   true if a coroutine on the executor `e` may continue there without suspending
///   take(initiation, t)  the result in that case
template <class Token, class Signature>
struct awaitable_token {
  static constexpr bool is_one = false;
};
template <class Executor, class Signature>
struct awaitable_token<asio::use_awaitable_t<Executor>, Signature> {
  static constexpr bool is_one = true;
  using executor_type = Executor;
  static bool may_go_on_on(Executor const&, asio::use_awaitable_t<Executor> const&) noexcept { return true; }
  template <class Initiation>
  static auto take(Initiation& initiation, asio::use_awaitable_t<Executor> const&) {
    return initiation.take();
  }
};
template <class Executor, class Signature>
struct awaitable_token<as_tuple_t<asio::use_awaitable_t<Executor>>, Signature>
    : awaitable_token<asio::use_awaitable_t<Executor>, Signature> {
  static bool may_go_on_on(Executor const&, as_tuple_t<asio::use_awaitable_t<Executor>> const&) noexcept {
    return true;
  }
  template <class Initiation>
  static auto take(Initiation& initiation, as_tuple_t<asio::use_awaitable_t<Executor>> const&) {
    return initiation.take_tuple();
  }
};
template <class Executor, class... Results>
struct awaitable_token<asio::redirect_error_t<asio::use_awaitable_t<Executor>>, void(error_code, Results...)>
    : awaitable_token<asio::use_awaitable_t<Executor>, void(error_code, Results...)> {
  using token = asio::redirect_error_t<asio::use_awaitable_t<Executor>>;
  static bool may_go_on_on(Executor const&, token const&) noexcept { return true; }
  template <class Initiation>
  static auto take(Initiation& initiation, token const& t) {
    t.ec_ = error_code();
    return initiation.take();
  }
};
template <class Token, class Slot, class Signature>
  requires awaitable_token<Token, Signature>::is_one
struct awaitable_token<asio::cancellation_slot_binder<Token, Slot>, Signature> : awaitable_token<Token, Signature> {
  using inner = awaitable_token<Token, Signature>;
  using token = asio::cancellation_slot_binder<Token, Slot>;
  static bool may_go_on_on(typename inner::executor_type const& e, token const& t) {
    return inner::may_go_on_on(e, t.get());
  }
  template <class Initiation>
  static auto take(Initiation& initiation, token const& t) {
    return inner::take(initiation, t.get());
  }
};
template <class Token, class Bound, class Signature>
  requires awaitable_token<Token, Signature>::is_one &&
           std::is_constructible_v<typename awaitable_token<Token, Signature>::executor_type, Bound const&>
struct awaitable_token<asio::executor_binder<Token, Bound>, Signature> : awaitable_token<Token, Signature> {
  using inner = awaitable_token<Token, Signature>;
  using token = asio::executor_binder<Token, Bound>;
  static bool may_go_on_on(typename inner::executor_type const& e, token const& t) {
    return e == typename inner::executor_type(t.get_executor()) && inner::may_go_on_on(e, t.get());
  }
  template <class Initiation>
  static auto take(Initiation& initiation, token const& t) {
    return inner::take(initiation, t.get());
  }
};

template <class Token, class Initiation>
using awaitable_of = decltype(asio::async_initiate<Token, typename Initiation::signature>(std::declval<Initiation>(),
                                                                                          std::declval<Token&>()));

inline void throw_failure(error_code const& error) {
  if (error) throw system_error(error);
}
inline void throw_failure(std::exception_ptr const& error) {
  if (error) std::rethrow_exception(error);
}

/// Awaits an operation inside a coroutine of its own, which continues without suspending if the operation can be done
/// at once. For tokens without adaptations, the operation waits in that coroutine's frame.
template <class Token, class Initiation>
awaitable_of<Token, Initiation> await_with(Initiation initiation, Token token) {
  using kind = awaitable_token<Token, typename Initiation::signature>;
  using executor_type = typename kind::executor_type;
  if constexpr (std::is_same_v<Token, asio::use_awaitable_t<executor_type>> ||
                std::is_same_v<Token, as_tuple_t<asio::use_awaitable_t<executor_type>>>) {
    if (is_long_row()) watch_for_suspension(executor_type(co_await asio::this_coro::executor));
    if (may_go_on() && initiation.try_now()) co_return kind::take(initiation, token);
    initiation.has_tried = true;
#ifdef HOLDFAST_SYNC_HAS_DEFERRED
    pending_operation<Initiation, true> operation(std::move(initiation));
    auto result = co_await std::move(operation);
    if constexpr (std::is_same_v<Token, asio::use_awaitable_t<executor_type>>) {
      throw_failure(std::get<0>(result));
      if constexpr (std::tuple_size_v<decltype(result)> > 1) co_return std::move(std::get<1>(result));
    } else {
      co_return result;
    }
#else
    co_return co_await asio::async_initiate<Token, typename Initiation::signature>(std::move(initiation), token);
#endif
  } else {
    executor_type const executor = co_await asio::this_coro::executor;
    if (is_long_row()) watch_for_suspension(executor);
    if (kind::may_go_on_on(executor, token) && may_go_on() && initiation.try_now()) {
      co_return kind::take(initiation, token);
    }
    initiation.has_tried = true;
    co_return co_await asio::async_initiate<Token, typename Initiation::signature>(std::move(initiation), token);
  }
}

/// async_initiate, with a fast path for coroutines.
template <class CompletionToken, class Initiation>
auto start_with(CompletionToken&& token, Initiation initiation) {
  using token_type = std::decay_t<CompletionToken>;
  using signature = typename Initiation::signature;
#ifdef HOLDFAST_SYNC_HAS_DEFERRED
  if constexpr (std::is_same_v<token_type, asio::deferred_t>) {
    return pending_operation<Initiation, false>(std::move(initiation));
  } else if constexpr (std::is_same_v<token_type, as_tuple_t<asio::deferred_t>>) {
    return pending_operation<Initiation, true>(std::move(initiation));
  } else
#endif
      if constexpr (awaitable_token<token_type, signature>::is_one) {
    return await_with<token_type>(std::move(initiation), token_type(std::forward<CompletionToken>(token)));
  } else {
    return asio::async_initiate<CompletionToken, signature>(std::move(initiation), token);
  }
}

/// The initiating functions of an exclusive lock. `Derived` has access().
///
/// `who` is passed to the instrumentation policy.
template <class Derived, class Identity>
class lock_functions {
 public:
  /// Completes with `void(error_code, lock)` when the lock is granted. Errors: operation_aborted.
  template <class CompletionToken = default_token>
    requires(!std::convertible_to<CompletionToken, Identity>)
  auto async_lock(CompletionToken&& token = {}) {
    return async_lock(Identity(), std::forward<CompletionToken>(token));
  }
  template <class CompletionToken = default_token>
  auto async_lock(Identity const& who, CompletionToken&& token = {}) {
    return start(who, no_deadline(), std::forward<CompletionToken>(token));
  }

  /// Like async_lock(), but leaves the queue at `deadline` with asio::error::timed_out. A free lock is granted even
  /// after the deadline.
  template <class CompletionToken = default_token>
  auto async_lock_until(std::chrono::steady_clock::time_point deadline, CompletionToken&& token = {}) {
    return start(Identity(), until{deadline}, std::forward<CompletionToken>(token));
  }
  template <class CompletionToken = default_token>
  auto async_lock_until(Identity const& who, std::chrono::steady_clock::time_point deadline,
                        CompletionToken&& token = {}) {
    return start(who, until{deadline}, std::forward<CompletionToken>(token));
  }

  /// Calls async_lock_until() with now + duration.
  template <class CompletionToken = default_token>
  auto async_lock_for(std::chrono::steady_clock::duration duration, CompletionToken&& token = {}) {
    return start(Identity(), after(duration), std::forward<CompletionToken>(token));
  }
  template <class CompletionToken = default_token>
  auto async_lock_for(Identity const& who, std::chrono::steady_clock::duration duration, CompletionToken&& token = {}) {
    return start(who, after(duration), std::forward<CompletionToken>(token));
  }

 private:
  template <class Deadline, class CompletionToken>
  auto start(Identity const& who, Deadline const& deadline, CompletionToken&& token) {
    auto const access = static_cast<Derived&>(*this).access();
    return start_with(std::forward<CompletionToken>(token),
                      wait_initiation<std::remove_const_t<decltype(access)>, Deadline>(access, who, deadline));
  }
};

}  // namespace holdfast::sync::detail

#ifdef HOLDFAST_SYNC_HAS_DEFERRED
/// As for Asio's own deferred operations; enables `operation | deferred(...)`.
template <class Initiation, bool as_tuple>
struct HOLDFAST_SYNC_ASIO::is_deferred<holdfast::sync::detail::pending_operation<Initiation, as_tuple>>
    : HOLDFAST_SYNC_ASIO::true_type {};
#endif

/// Forwards the executor, allocator and slot of the wrapped handler.
template <template <class, class> class Associator, class Handler, class Default>
struct HOLDFAST_SYNC_ASIO::associator<Associator, holdfast::sync::detail::tuple_handler<Handler>, Default>
    : Associator<Handler, Default> {
  static auto get(holdfast::sync::detail::tuple_handler<Handler> const& h) noexcept {
    return Associator<Handler, Default>::get(h.handler);
  }
  static auto get(holdfast::sync::detail::tuple_handler<Handler> const& h, Default const& otherwise) noexcept {
    return Associator<Handler, Default>::get(h.handler, otherwise);
  }
};
template <template <class, class> class Associator, class Handler, class Default>
struct HOLDFAST_SYNC_ASIO::associator<Associator, holdfast::sync::detail::handler_with_room<Handler>, Default>
    : Associator<Handler, Default> {
  static auto get(holdfast::sync::detail::handler_with_room<Handler> const& h) noexcept {
    return Associator<Handler, Default>::get(h.handler);
  }
  static auto get(holdfast::sync::detail::handler_with_room<Handler> const& h, Default const& otherwise) noexcept {
    return Associator<Handler, Default>::get(h.handler, otherwise);
  }
};
