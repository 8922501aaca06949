#pragma once

#include <cstdint>

#include "protocol/method.hpp"

namespace holdfast::server {

/// The permission that a request needs if the server has tokens.
enum class need : std::uint8_t {
  nothing,    ///< no token needed
  any_token,  ///< any valid token
  keys,       ///< read, write or both for the prefix of the keys concerned
  locks,      ///< lock for the prefix of the lock's name
  overview,   ///< admin, or read of all keys, because it shows all requests
  admin,
};

/// The same for a route. It has no default, so every route in the table must state its needs.
class route_access {
 public:
  constexpr explicit route_access(need of_all) : of_reads_(of_all), of_changes_(of_all) {}
  constexpr route_access(need of_reads, need of_changes) : of_reads_(of_reads), of_changes_(of_changes) {}

  /// OPTIONS shows only public information, and a browser's preflight request has no token.
  [[nodiscard]] constexpr need of(protocol::method which) const noexcept {
    using protocol::method;
    if (which == method::options) return need::nothing;
    return which == method::get || which == method::head ? of_reads_ : of_changes_;
  }

  bool operator==(route_access const&) const = default;

 private:
  need of_reads_, of_changes_;
};

}  // namespace holdfast::server
