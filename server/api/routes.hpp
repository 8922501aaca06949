#pragma once

#include <span>
#include <string_view>

#include "protocol/target.hpp"
#include "server/api/requests.hpp"
#include "server/api/route_access.hpp"
#include "server/http/request_head.hpp"
#include "server/insight/request_counters.hpp"

namespace holdfast::server {

/// A resource and the function that parses its requests.
struct resource {
  std::string_view path;
  bool is_prefix;  ///< the path begins with this
  route_kind kind;
  route_access access;
  void (*route)(request_head const& head, protocol::target const& target, route_context const& context, routed& into);
  bool has_variables = false;  ///< `{name}` in the path stands for a segment
};

/// The route table.
[[nodiscard]] std::span<resource const> all_resources() noexcept;

/// Of which kind the resource is that a request asks for.
[[nodiscard]] route_kind kind_of(request_head const& head);

/// What a kind of requests needs of its token: nothing where it is no route's.
[[nodiscard]] route_access access_of(route_kind kind) noexcept;

/// Finds the resource for a header and parses the request. The body, such as a PUT's value, is not read yet. Routing
/// uses no bodies, sockets or database. @param into becomes the request. @return its kind.
route_kind route(request_head const& head, route_context const& context, routed& into);

}  // namespace holdfast::server
