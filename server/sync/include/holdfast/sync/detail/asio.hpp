// SPDX-License-Identifier: MIT
#pragma once
/// Selects the Asio that the library uses, as holdfast::sync::asio: Boost.Asio; or standalone Asio if the macro
/// HOLDFAST_SYNC_STANDALONE_ASIO or Asio's own ASIO_STANDALONE is defined, or if there is no Boost.Asio. All files of a
/// program must use the same one.
#if !defined(HOLDFAST_SYNC_STANDALONE_ASIO) && !defined(HOLDFAST_SYNC_BOOST_ASIO)
#if defined(ASIO_STANDALONE) || !__has_include(<boost/asio/version.hpp>)
#define HOLDFAST_SYNC_STANDALONE_ASIO
#endif
#endif

// HOLDFAST_SYNC_ASIO_VERSION is Asio's version: 102600 is Asio 1.26, which is in Boost 1.81.
#ifdef HOLDFAST_SYNC_STANDALONE_ASIO
#include <asio/version.hpp>
#define HOLDFAST_SYNC_ASIO_VERSION ASIO_VERSION
#else
#include <boost/asio/version.hpp>
#define HOLDFAST_SYNC_ASIO_VERSION BOOST_ASIO_VERSION
#endif
static_assert(HOLDFAST_SYNC_ASIO_VERSION >= 102200, "holdfast::sync needs Asio 1.22 or Boost 1.81, or later");

/// Defined if a coroutine can await a deferred operation.
#if HOLDFAST_SYNC_ASIO_VERSION >= 102400
#define HOLDFAST_SYNC_HAS_DEFERRED 1
#endif
/// Defined if handlers have an associated immediate executor.
#if HOLDFAST_SYNC_ASIO_VERSION >= 102700
#define HOLDFAST_SYNC_HAS_IMMEDIATE_EXECUTOR 1
#endif

#ifdef HOLDFAST_SYNC_STANDALONE_ASIO
#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/associator.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/basic_waitable_timer.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/compose.hpp>
#include <asio/dispatch.hpp>
#include <asio/error.hpp>
#include <asio/error_code.hpp>
#include <asio/execution.hpp>
#include <asio/execution_context.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/is_executor.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>
#include <asio/query.hpp>
#include <asio/recycling_allocator.hpp>
#include <asio/redirect_error.hpp>
#include <asio/require.hpp>
#include <asio/system_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/wait_traits.hpp>
#ifdef HOLDFAST_SYNC_HAS_DEFERRED
#include <asio/as_tuple.hpp>
#include <asio/deferred.hpp>
#else
#include <asio/experimental/as_tuple.hpp>
#endif
#ifdef HOLDFAST_SYNC_HAS_IMMEDIATE_EXECUTOR
#include <asio/associated_immediate_executor.hpp>
#endif
#else
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/associator.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/is_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/recycling_allocator.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/require.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/wait_traits.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#ifdef HOLDFAST_SYNC_HAS_IMMEDIATE_EXECUTOR
#include <boost/asio/associated_immediate_executor.hpp>
#endif
#endif

#if defined(HOLDFAST_SYNC_STANDALONE_ASIO) ? !defined(ASIO_HAS_CO_AWAIT) : !defined(BOOST_ASIO_HAS_CO_AWAIT)
#error \
    "Asio does not know that there are coroutines. Before 1.24 it has to be told so with clang: \
define ASIO_HAS_CO_AWAIT and ASIO_HAS_STD_COROUTINE, in all files, as the CMake target holdfast::sync_standalone does."
#endif

namespace holdfast::sync {

#ifdef HOLDFAST_SYNC_STANDALONE_ASIO
namespace asio = ::asio;
using asio::error_code;
using asio::system_error;
#else
namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;
#endif

namespace detail {

#ifdef HOLDFAST_SYNC_HAS_DEFERRED
template <class Token>
using as_tuple_t = asio::as_tuple_t<Token>;
#else
template <class Token>
using as_tuple_t = asio::experimental::as_tuple_t<Token>;
#endif

}  // namespace detail

/// The default token of initiating functions, whose result can be awaited: `deferred`, or `use_awaitable` for Asio
/// before 1.24, which cannot await deferred operations.
#ifdef HOLDFAST_SYNC_HAS_DEFERRED
using default_token = asio::deferred_t;
#else
using default_token = asio::use_awaitable_t<>;
#endif

}  // namespace holdfast::sync

// For specializations of Asio's traits.
#ifdef HOLDFAST_SYNC_STANDALONE_ASIO
#define HOLDFAST_SYNC_ASIO asio
#else
#define HOLDFAST_SYNC_ASIO boost::asio
#endif

/// Marks what must exist once per process, even if shared libraries hide their symbols.
#if defined(__GNUC__)
#define HOLDFAST_SYNC_ONCE_IN_A_PROCESS [[gnu::visibility("default")]]
#else
#define HOLDFAST_SYNC_ONCE_IN_A_PROCESS
#endif
