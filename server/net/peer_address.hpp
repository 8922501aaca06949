#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::server {

/// The origin of a connection: a small value that is cheap to copy.
struct peer_address {
  enum class kind : std::uint8_t { unknown, v4, v6, writer, expiry };

  std::array<std::uint8_t, 16> bytes{};  ///< in network order; IPv4 uses the first four
  std::uint16_t port = 0;
  kind is = kind::unknown;
  std::uint16_t name = 0;  ///< the client's own name: an index into source_names; 0 if none

  /// The periodic writer inside the server; it has no address.
  [[nodiscard]] static peer_address writer() noexcept { return {.is = kind::writer}; }
  /// The task inside the server that removes expired keys; it has no address.
  [[nodiscard]] static peer_address expiry() noexcept { return {.is = kind::expiry}; }
  /// Whether it stands for the server itself, so that no answer tells of what it does.
  [[nodiscard]] bool is_server() const noexcept { return is == kind::writer || is == kind::expiry; }
};

/// The peer of a connected socket; unknown if the connection is gone. Makes one system call.
[[nodiscard]] peer_address address_of_peer(int descriptor) noexcept;

/// `203.0.113.7:5123`, `[2001:db8::1]:5123`, `writer`, `expiry` or `unknown`.
[[nodiscard]] std::string to_string(peer_address const& address);

/// Parses `203.0.113.7:5123` or `[2001:db8::1]:5123`. @return empty for other texts.
[[nodiscard]] std::optional<peer_address> read_peer_address(std::string_view text);

}  // namespace holdfast::server
