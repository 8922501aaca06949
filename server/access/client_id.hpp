#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string_view>

#include "server/access/token.hpp"
#include "server/net/peer_address.hpp"

namespace holdfast::server {

/// Identifies a client for the limits: by its token, or else by its address.
struct client_id {
  std::array<std::uint8_t, 17> bytes{};

  bool operator==(client_id const&) const = default;

  [[nodiscard]] static client_id of(token const& one) noexcept {
    client_id id;
    id.bytes[0] = 1;
    std::memcpy(&id.bytes[1], one.secret.data(), id.bytes.size() - 1);
    return id;
  }
  /// Takes the first 64 bits of an IPv6 address, because one client usually has the entire /64 network. IPv4-mapped
  /// addresses (RFC 4291 §2.5.5.2) count as IPv4: their first 64 bits are all the same.
  [[nodiscard]] static client_id of(peer_address const& address) noexcept {
    constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    auto const* const bytes = address.bytes.data();
    auto const is_mapped =
        address.is == peer_address::kind::v6 && std::memcmp(bytes, mapped.data(), mapped.size()) == 0;
    auto const is_v4 = is_mapped || address.is == peer_address::kind::v4;
    client_id id;
    id.bytes[0] = is_v4 ? 4 : 6;
    std::memcpy(&id.bytes[1], is_mapped ? bytes + mapped.size() : bytes, is_v4 ? 4 : 8);
    return id;
  }
};

}  // namespace holdfast::server

template <>
struct std::hash<holdfast::server::client_id> {
  std::size_t operator()(holdfast::server::client_id const& id) const noexcept {
    return std::hash<std::string_view>()({reinterpret_cast<char const*>(id.bytes.data()), id.bytes.size()});
  }
};
