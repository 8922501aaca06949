// SPDX-License-Identifier: MIT
#pragma once
#include <chrono>
#include <concepts>
#include <holdfast/sync/detail/asio.hpp>

/// Properties of executor types that the library can't query at run time. They are defined for Asio's own types. The
/// author of another execution context specializes them for its executor, for all sets of properties that the
/// executor's type encodes, before the first lock is used with it:
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
/// The first two are optimizations: without them everything works, but slower. The timer is required: Asio's timer
/// starts a thread in a context that is not Asio's. An executor that wraps another one is a different type: a strand or
/// an any_io_executor on such a context gets Asio's timer, unless `timer_of` is specialized for it.
namespace holdfast::sync {

/// True if `execute()` allocates at most once, with the executor's allocator, and frees the memory before it calls the
/// function. The memory can then be part of the operation that the function completes, and a grant allocates nothing on
/// the heap.
template <class Executor>
inline constexpr bool frees_before_calling = false;
template <class Allocator, auto Bits>
inline constexpr bool frees_before_calling<asio::io_context::basic_executor_type<Allocator, Bits>> = true;
template <class Allocator, auto Bits>
inline constexpr bool frees_before_calling<asio::thread_pool::basic_executor_type<Allocator, Bits>> = true;

/// True if the executor is its context's own, like `get_executor()` of an io_context and unlike a strand. Any other
/// executor of this type with the same context must be equivalent, and its `running_in_this_thread()`, noexcept, must
/// return whether the calling thread is running the context's functions, which prevents the context's destruction. It
/// is called under a lock's internal lock.
///
/// On the executor's own thread, a grant then needs no protection from the context's destruction. If the executor also
/// frees before calling, the functions that one release has run for several waiters of the context are reported by one
/// message.
template <class Executor>
inline constexpr bool is_context_executor = false;
template <class Allocator, auto Bits>
inline constexpr bool is_context_executor<asio::io_context::basic_executor_type<Allocator, Bits>> = true;
template <class Allocator, auto Bits>
inline constexpr bool is_context_executor<asio::thread_pool::basic_executor_type<Allocator, Bits>> = true;

/// The timer for operations with a deadline on `Executor`, as the member `type`; by default Asio's steady timer. It
/// must model deadline_timer.
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

/// The requirements on a timer. Each timer is used for one wait:
///
///     explicit Timer(Executor const&);
///     void expires_at(std::chrono::steady_clock::time_point);  // also in the past, or time_point::max()
///     async_wait(handler);  // void(error_code), on the handler's associated executor
///     void cancel();        // the wait, if it isn't over, completes soon; also before async_wait()
///
/// async_wait() and cancel() never call the handler before they return. The handler can only be moved. The error code
/// is ignored: the operation knows whether it was granted. If the context is destroyed, a pending wait destroys its
/// handler without calling it. The handler may destroy the timer.
///
/// Threads: the timer is created and set by the thread that starts the operation. It is cancelled on the operation's
/// executor, or by the thread that finds that executor refusing the completion with an exception. So a timer bound to
/// the thread of its event loop is sufficient if operations of that loop are started there and its execute() doesn't
/// throw.
template <class Timer, class Executor>
concept deadline_timer = std::constructible_from<Timer, Executor const&> &&
                         requires(Timer& timer, std::chrono::steady_clock::time_point time) {
                           timer.expires_at(time);
                           timer.async_wait(detail::wait_handler_archetype());
                           timer.cancel();
                         };

}  // namespace holdfast::sync
