#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "server/asio.hpp"
#include "server/connection.hpp"
#include "server/settings.hpp"

namespace holdfast::server {

/// `127.0.0.1:8080`, `[::1]:8080`.
[[nodiscard]] std::string text_of(std::string const& address, std::uint16_t port);

/// Binds and listens.
/// @throws boost::system::system_error if the address can't be had.
[[nodiscard]] tcp_acceptor open_acceptor(asio::io_context& context, settings const& settings);

/// Accepts until the acceptor is closed, and gives each connection to `admit`, which takes it or refuses it by false;
/// who is refused gets a 503. One acceptor for all threads: with one each (SO_REUSEPORT) the kernel deals unevenly, and
/// what waits in a closed acceptor's backlog is reset. `acceptor` must outlive the coroutine.
awaitable<void> accept_connections(tcp_acceptor& acceptor, std::function<bool(unique_socket&)> admit);

}  // namespace holdfast::server
