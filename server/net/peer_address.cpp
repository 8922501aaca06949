#include "server/net/peer_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <charconv>
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

std::optional<peer_address> read_peer_address(std::string_view text) {
  peer_address address;
  auto const colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto const port = text.substr(colon + 1);
  auto const [end, wrong] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (wrong != std::errc() || end != port.data() + port.size()) return std::nullopt;
  auto const is_v6 = text.starts_with('[') && colon > 1 && text[colon - 1] == ']';
  auto const host = std::string(is_v6 ? text.substr(1, colon - 2) : text.substr(0, colon));
  if (::inet_pton(is_v6 ? AF_INET6 : AF_INET, host.c_str(), address.bytes.data()) != 1) return std::nullopt;
  address.is = is_v6 ? peer_address::kind::v6 : peer_address::kind::v4;
  return address;
}

}  // namespace holdfast::server
