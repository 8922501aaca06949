#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/net/peer_address.hpp"

namespace holdfast::server {

/// Names of clients: their Holdfast-Source, or the product in their User-Agent followed by the port. Each name is
/// stored once and numbered, so an event needs only two bytes for it. Thread-safe.
///
/// Memory: at most 4,096 names of 64 bytes, about 1 MiB. Clients beyond that are shown by their address.
class source_names {
 public:
  static constexpr std::size_t names_max = 4096;
  static constexpr std::size_t bytes_max = 64;

  /// @param source the Holdfast-Source field, or empty. Ignored unless it has 1 to 64 visible ASCII characters or
  /// spaces and is not a name used by the server itself.
  /// @param user_agent the User-Agent field, or empty.
  /// @return the number for peer_address::name; 0 if the client has no name.
  std::uint16_t number_of(std::string_view source, std::string_view user_agent);

  /// The displayed name of a source: `reader 1`, `curl:5123`, or its address if it has no name.
  [[nodiscard]] std::string text_of(peer_address const& source) const;

 private:
  struct name {
    std::string text;
    bool has_port;  // shown after the text
  };
  std::uint16_t keep(std::string_view text, bool has_port);

  mutable std::mutex mutex_;  // guards all members below
  std::vector<name> names_;   // by number, from 1 on
  std::unordered_map<std::string, std::uint16_t> numbers_;
};

/// The first product in a User-Agent, without its version: `curl`. For browsers, which all begin with `Mozilla`, the
/// product that identifies the browser: `Firefox`. Empty if there is none.
[[nodiscard]] std::string_view product_of(std::string_view user_agent) noexcept;

}  // namespace holdfast::server
