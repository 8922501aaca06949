#pragma once

#include <cstdint>

#include "protocol/method.hpp"

namespace holdfast::server {

/// What a request needs of its token, where the server has tokens.
enum class need : std::uint8_t {
  nothing,    ///< everybody may
  any_token,  ///< whoever is known may
  keys,       ///< read, write or both, with a prefix that the keys it concerns begin with
  locks,      ///< lock, with a prefix that the name of the lock begins with
  overview,   ///< admin, or read of all keys: it shows what all requests are about
  admin,
};

/// The same of a route. It has no default, so that the route table can't have a route whose needs nobody thought of.
class route_access {
 public:
  constexpr explicit route_access(need of_all) : of_reads_(of_all), of_changes_(of_all) {}
  constexpr route_access(need of_reads, need of_changes) : of_reads_(of_reads), of_changes_(of_changes) {}

  /// OPTIONS tells what is in the manual, and a browser's preflight request has no token.
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
