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

// /v1/settings: the settings that can change at runtime, and others that help to interpret the lock's behaviour.

/// Maximum length of a PATCH body.
inline constexpr std::size_t settings_bytes_max = 4 * 1024;

[[nodiscard]] routed route_settings_resource(request_head const& head, protocol::target const& target,
                                             route_context const& context);

/// Why a header may not change settings; nothing if it may. A page of another site must not be able to, neither
/// directly (checked by Origin) nor by a name of its own for this server's address (DNS rebinding, checked by Host). So
/// Host must be an IP address, `localhost` or one of `host_names`, Origin must match it, and the content type must be
/// JSON, which HTML forms can't send.
[[nodiscard]] std::optional<reply> refuse_change(request_head const& head, std::span<std::string const> host_names);

/// The answer of GET /v1/settings.
[[nodiscard]] reply settings_reply(api_context const& context);

/// Applies the changes of a PATCH body, either all or none. @return the new settings, or what is wrong.
[[nodiscard]] reply change_settings(std::string_view body, api_context const& context);

}  // namespace holdfast::server
