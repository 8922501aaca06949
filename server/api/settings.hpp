#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "protocol/target.hpp"
#include "server/api/api_context.hpp"
#include "server/api/requests.hpp"
#include "server/http/reply.hpp"
#include "server/http/request_head.hpp"

namespace holdfast::server {

// What may change while the server runs, and what else is of use to who looks at the lock: /v1/settings.

/// How long a PATCH's body may be.
inline constexpr std::size_t settings_bytes_max = 4 * 1024;

[[nodiscard]] routed route_settings_resource(request_head const& head, protocol::target const& target,
                                             route_context const& context);

/// Why a header may not change settings, if it may not. A page of another site must not be able to: neither by naming
/// this server (see its Origin) nor by giving this server's address a name of its own (DNS rebinding: the Host
/// tells). So the Host must be an IP address, `localhost` or one of `host_names`, an Origin must be the same, and the
/// content type must be JSON, which no form can send.
[[nodiscard]] std::optional<reply> refuse_change(request_head const& head, std::span<std::string const> host_names);

/// The answer of GET /v1/settings.
[[nodiscard]] reply settings_reply(api_context const& context);

/// Changes what a PATCH's body names, all of it or nothing. @return the new settings, or what is wrong.
[[nodiscard]] reply change_settings(std::string_view body, api_context const& context);

}  // namespace holdfast::server
