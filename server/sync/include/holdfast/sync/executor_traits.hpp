// SPDX-License-Identifier: MIT
#pragma once
#include <chrono>
#include <concepts>
#include <holdfast/sync/detail/asio.hpp>

/// What the library has to know of an executor type and can't ask the executor. The traits are known for Asio's own
/// types; whoever writes an execution context specializes them for its executor, for every set of properties that the
/// executor's type names, before the first lock is used with it:
///
///     template <class Allocator, unsigned Bits>
///     inline constexpr bool holdfast::sync::frees_before_calling<my::executor<Allocator, Bits>> = true;
///     template <class Allocator, unsigned Bits>
///     inline constexpr bool holdfast::sync::is_context_executor<my::executor<Allocator, Bits>> = true;
///     template <class Allocator, unsigned Bits>
///     struct holdfast::sync::timer_of<my::executor<Allocator, Bits>> {
///       using type = my::timer;
///     };
///
/// The first two are optimizations: without them everything works, slower. The timer is not: Asio's timer starts a
/// thread in a context that isn't Asio's. An executor that wraps another one is a type of its own: a strand or an
/// any_io_executor on such a context gets Asio's timer, unless `timer_of` is specialized for it.
namespace holdfast::sync {

/// Whether `execute()` allocates at most once, with the executor's allocator, and gives the memory back before it calls
/// the function. Then the memory can be a part of the operation that the function completes, and a grant takes nothing
/// from the heap.
template <class Executor>
inline constexpr bool frees_before_calling = false;
template <class Allocator, auto Bits>
inline constexpr bool frees_before_calling<asio::io_context::basic_executor_type<Allocator, Bits>> = true;
template <class Allocator, auto Bits>
inline constexpr bool frees_before_calling<asio::thread_pool::basic_executor_type<Allocator, Bits>> = true;

/// Whether the executor is its context's own, as `get_executor()` of an io_context is and a strand isn't: any other one
/// of this type with the same context may stand in for it, and its `running_in_this_thread()`, noexcept, says whether
/// the calling thread is running the context's functions, which keeps the context from being destroyed. It is called
/// under a lock's internal lock.
///
/// A grant to such an executor on its own thread needs no protection from the context's destruction, and functions that
/// one release has run for several waiters of such a context are reported there by one message, where the executor also
/// frees before calling.
template <class Executor>
inline constexpr bool is_context_executor = false;
template <class Allocator, auto Bits>
inline constexpr bool is_context_executor<asio::io_context::basic_executor_type<Allocator, Bits>> = true;
template <class Allocator, auto Bits>
inline constexpr bool is_context_executor<asio::thread_pool::basic_executor_type<Allocator, Bits>> = true;

/// The timer by which an operation with a deadline waits on `Executor`, as the member `type`; by default Asio's
/// steady timer. It must model deadline_timer.
template <class Executor>
struct timer_of {
  using type =
      asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;
};
template <class Executor>
using timer_of_t = typename timer_of<Executor>::type;

namespace detail {
struct wait_handler_archetype {
  wait_handler_archetype() = default;
  wait_handler_archetype(wait_handler_archetype&&) = default;
  wait_handler_archetype& operator=(wait_handler_archetype&&) = delete;
  void operator()(error_code) const {}
};
}  // namespace detail

/// What the library asks of a timer. Each timer has one wait in its life:
///
///     explicit Timer(Executor const&);
///     void expires_at(std::chrono::steady_clock::time_point);  // also in the past, or time_point::max()
///     async_wait(handler);  // void(error_code), on the handler's associated executor
///     void cancel();        // the wait, if it isn't over, completes soon; also before async_wait()
///
/// async_wait() and cancel() never call the handler before they return. The handler can only be moved. What the error
/// code says is of no concern: the operation knows whether it has been granted. A wait whose context is destroyed
/// destroys its handler without a call, and the handler may destroy the timer.
///
/// Threads. The timer is made and set by the thread that starts the operation, and cancelled on the operation's
/// executor, or by whoever finds that executor refusing the completion by an exception. So a timer that belongs to the
/// thread of its event loop will do, if operations of that loop are started there and its execute() doesn't throw.
template <class Timer, class Executor>
concept deadline_timer = std::constructible_from<Timer, Executor const&> &&
                         requires(Timer& timer, std::chrono::steady_clock::time_point time) {
                           timer.expires_at(time);
                           timer.async_wait(detail::wait_handler_archetype());
                           timer.cancel();
                         };

}  // namespace holdfast::sync
