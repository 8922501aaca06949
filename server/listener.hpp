#pragma once

#include <functional>

#include "server/asio.hpp"
#include "server/settings.hpp"

namespace holdfast::server {

/// Binds and listens.
/// @throws boost::system::system_error with the address in its text.
[[nodiscard]] tcp_acceptor open_acceptor(asio::io_context& context, settings const& settings);

/// Where an accepted connection goes.
struct accept_policy {
  std::function<asio::io_context&()> next_context;  ///< whose reactor the next connection joins; dealt in turn
  std::function<bool(tcp_socket&)> admit;           ///< takes the socket, or refuses it by false
};

/// Accepts until the acceptor is closed. One acceptor for all threads: with one each (SO_REUSEPORT) the kernel deals
/// unevenly, and what waits in a closed acceptor's backlog is reset. A connection that is refused gets a 503.
/// `acceptor` must outlive the coroutine.
awaitable<void> accept_connections(tcp_acceptor& acceptor, accept_policy policy);

}  // namespace holdfast::server
