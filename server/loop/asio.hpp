#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "server/loop/event_loop.hpp"
#include "server/loop/lock_traits.hpp"

// Asio's types with a concrete executor. Every thread runs an event_loop, so the executor type is always the same;
// naming it saves a virtual call and an allocation at every suspension.
namespace holdfast::server {

namespace asio = boost::asio;
using boost::system::error_code;

using executor_type = event_loop::executor_type;

template <class T = void>
using awaitable = asio::awaitable<T, executor_type>;

/// Returns errors as values: `auto [error] = co_await timer.async_wait(as_values);`
inline constexpr auto as_values = asio::as_tuple(asio::use_awaitable_t<executor_type>{});

}  // namespace holdfast::server
