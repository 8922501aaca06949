#pragma once

#include "protocol/target.hpp"
#include "server/api/api_context.hpp"
#include "server/api/requests.hpp"
#include "server/http/request_head.hpp"

namespace holdfast::server {

// Endpoints for orchestrators: liveness, readiness and version.

[[nodiscard]] routed route_livez(request_head const& head, protocol::target const& target,
                                 route_context const& context);
[[nodiscard]] routed route_readyz(request_head const& head, protocol::target const& target,
                                  route_context const& context);
[[nodiscard]] routed route_version(request_head const& head, protocol::target const& target,
                                   route_context const& context);
[[nodiscard]] reply version_reply(api_context const& context);

}  // namespace holdfast::server
