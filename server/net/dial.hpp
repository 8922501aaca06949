#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <vector>

#include "server/net/unique_socket.hpp"

namespace holdfast::server {

/// The addresses of a host, which may be an address itself. Blocks while the name is looked up. @return empty if it is
/// unknown
[[nodiscard]] std::vector<boost::asio::ip::tcp::endpoint> look_up(std::string const& host, std::string const& port);

/// Begins to connect without waiting; connection::finish_connect() waits. A peer whose machine or network is gone is
/// noticed within about ten seconds, also while nothing is sent. @return no descriptor if that fails at once
[[nodiscard]] unique_socket dial(boost::asio::ip::tcp::endpoint const& to) noexcept;

}  // namespace holdfast::server
