#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

// Asio's types with the executor spelled out. Each thread runs an io_context of its own, so the executor is always the
// same concrete type, and naming it saves a virtual call and an allocation at every suspension.
namespace holdfast::server {

namespace asio = boost::asio;
using boost::system::error_code;

using executor_type = asio::io_context::executor_type;

template <class T = void>
using awaitable = asio::awaitable<T, executor_type>;

using tcp_socket = asio::basic_stream_socket<asio::ip::tcp, executor_type>;
using tcp_acceptor = asio::basic_socket_acceptor<asio::ip::tcp, executor_type>;
using steady_timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, executor_type>;

/// Errors come back as values: `auto [error, bytes] = co_await socket.async_read_some(buffer, as_values);`
inline constexpr auto as_values = asio::as_tuple(asio::use_awaitable_t<executor_type>{});

}  // namespace holdfast::server
