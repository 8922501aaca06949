#include "server/net/peer_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

namespace holdfast::server {

peer_address address_of_peer(int descriptor) noexcept {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  peer_address address;
  if (storage.ss_family == AF_INET) {
    auto const& v4 = reinterpret_cast<sockaddr_in const&>(storage);
    std::memcpy(address.bytes.data(), &v4.sin_addr, sizeof v4.sin_addr);
    address.port = ntohs(v4.sin_port);
    address.is = peer_address::kind::v4;
  } else if (storage.ss_family == AF_INET6) {
    auto const& v6 = reinterpret_cast<sockaddr_in6 const&>(storage);
    std::memcpy(address.bytes.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
    address.port = ntohs(v6.sin6_port);
    address.is = peer_address::kind::v6;
  }
  return address;
}

std::string to_string(peer_address const& address) {
  char text[INET6_ADDRSTRLEN] = "";
  switch (address.is) {
    case peer_address::kind::unknown:
      return "unknown";
    case peer_address::kind::writer:
      return "writer";
    case peer_address::kind::expiry:
      return "expiry";
    case peer_address::kind::v4:
      ::inet_ntop(AF_INET, address.bytes.data(), text, sizeof text);
      return std::string(text) + ':' + std::to_string(address.port);
    case peer_address::kind::v6:
      ::inet_ntop(AF_INET6, address.bytes.data(), text, sizeof text);
      return '[' + std::string(text) + "]:" + std::to_string(address.port);
  }
  return "unknown";
}

}  // namespace holdfast::server
