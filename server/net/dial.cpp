#include "server/net/dial.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace holdfast::server {

std::vector<boost::asio::ip::tcp::endpoint> look_up(std::string const& host, std::string const& port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return {};
  std::vector<boost::asio::ip::tcp::endpoint> addresses;
  for (auto const* one = found; one != nullptr; one = one->ai_next) {
    boost::asio::ip::tcp::endpoint address;
    if (one->ai_addrlen > address.capacity()) continue;
    std::memcpy(address.data(), one->ai_addr, one->ai_addrlen);
    address.resize(one->ai_addrlen);
    addresses.push_back(address);
  }
  ::freeaddrinfo(found);
  return addresses;
}

unique_socket dial(boost::asio::ip::tcp::endpoint const& to) noexcept {
  unique_socket socket(::socket(to.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (socket.get() < 0) return socket;
  auto const set = [&](int level, int option, int value) {
    ::setsockopt(socket.get(), level, option, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  // Sent bytes that the peer does not acknowledge end the connection, and so do unanswered probes of an idle one.
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 10'000);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 5);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 2);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  if (::connect(socket.get(), to.data(), static_cast<socklen_t>(to.size())) != 0 && errno != EINPROGRESS)
    return unique_socket();
  return socket;
}

}  // namespace holdfast::server
