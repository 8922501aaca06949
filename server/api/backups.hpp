#pragma once

#include <optional>
#include <string_view>

#include "protocol/target.hpp"
#include "server/api/api_context.hpp"
#include "server/api/requests.hpp"
#include "server/http/client_link.hpp"
#include "server/http/request_handler.hpp"

namespace holdfast::server {

// POST /v1/backups: a copy of all that is durable, made while the server runs. A client chooses its name, never where
// it goes: that is a directory of its own in the one that --backups names.

[[nodiscard]] routed route_backups(request_head const& head, protocol::target const& target,
                                   route_context const& context);

/// More is refused.
inline constexpr std::size_t backup_body_bytes_max = 4096;

/// Reads the body, `{"to":"monday"}` or nothing. @return the refusal, where there is one.
[[nodiscard]] std::optional<reply> take_backup_body(backup_request& request, std::string_view body,
                                                    api_context const& context);

/// Makes the backup. It is made to its end also when the client leaves.
awaitable<request_end> run_backup(backup_request const& request, api_context const& context, client_link& client,
                                  reply& answer);

}  // namespace holdfast::server
