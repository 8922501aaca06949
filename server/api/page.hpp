#pragma once

#include "protocol/target.hpp"
#include "server/api/requests.hpp"
#include "server/http/request_head.hpp"

namespace holdfast::server {

/// The page at / and its files. What follows the question mark at / is the page's own: a moment to show.
[[nodiscard]] routed route_page(request_head const& head, protocol::target const& target, route_context const& context);

}  // namespace holdfast::server
