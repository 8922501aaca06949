#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "protocol/reply.hpp"
#include "protocol/request_head.hpp"
#include "server/live_settings.hpp"
#include "server/settings.hpp"

namespace holdfast::server {

/// Why a header may not change settings, if it may not. A page of another site must not be able to: neither by naming
/// this server (its Origin tells) nor by giving this server's address a name of its own (DNS rebinding: the Host
/// tells). So the Host must be an IP address, `localhost` or one of `host_names`, an Origin must be the same, and the
/// content type must be JSON, which no form can send.
[[nodiscard]] std::optional<protocol::reply> refuse_change(protocol::request_head const& head,
                                                           std::span<std::string const> host_names);

/// The answer of GET /v1/settings: what may change, and what else is of use to who looks at the lock.
[[nodiscard]] protocol::reply settings_reply(settings const& fixed, live_settings const& live);

/// Changes what a PATCH's body names, all of it or nothing. @return the new settings, or what is wrong.
[[nodiscard]] protocol::reply change_settings(std::string_view body, settings const& fixed, live_settings& live);

}  // namespace holdfast::server
