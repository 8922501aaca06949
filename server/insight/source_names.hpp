#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/net/peer_address.hpp"

namespace holdfast::server {

/// What clients call themselves: their Holdfast-Source, or the product in their User-Agent with the port behind it.
/// Each name is kept once and has a number, so that an event needs two bytes for it. Any thread.
///
/// Memory: at most 4,096 names of 64 bytes, some 1 MiB. A client that comes with one more is shown by its address.
class source_names {
 public:
  static constexpr std::size_t names_max = 4096;
  static constexpr std::size_t bytes_max = 64;

  /// @param source the field Holdfast-Source, empty where there is none. It counts if it is 1 to 64 visible ASCII
  /// characters and spaces, and no name that the server itself uses.
  /// @param user_agent the field User-Agent, empty where there is none.
  /// @return the number for peer_address::name; 0: the address says it.
  std::uint16_t number_of(std::string_view source, std::string_view user_agent);

  /// How the source is shown: `reader 1`, `curl:5123`, or its address where it has no name.
  [[nodiscard]] std::string text_of(peer_address const& source) const;

 private:
  struct name {
    std::string text;
    bool has_port;  // behind the text
  };
  std::uint16_t keep(std::string_view text, bool has_port);

  mutable std::mutex mutex_;  // guards all that follows
  std::vector<name> names_;   // by number, from 1 on
  std::unordered_map<std::string, std::uint16_t> numbers_;
};

/// The product that a User-Agent names first, without its version: `curl`. Of a browser, all of which begin with
/// `Mozilla`, the one that names it: `Firefox`. Empty where it names none.
[[nodiscard]] std::string_view product_of(std::string_view user_agent) noexcept;

}  // namespace holdfast::server
