#pragma once

#include "protocol/target.hpp"
#include "server/api/requests.hpp"
#include "server/http/request_head.hpp"

namespace holdfast::server {

// The machine-readable description of this API: GET /v1/openapi.json.

[[nodiscard]] routed route_openapi(request_head const& head, protocol::target const& target,
                                   route_context const& context);

}  // namespace holdfast::server
