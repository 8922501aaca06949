#pragma once

#include <optional>
#include <string_view>

#include "protocol/target.hpp"
#include "server/api/api_context.hpp"
#include "server/api/requests.hpp"
#include "server/http/client_link.hpp"
#include "server/http/request_handler.hpp"

namespace holdfast::server {

// POST /v1/backups: copies all durable data while the server runs. A client chooses the name of the backup but not its
// place: each backup is a directory below that of --backups.

[[nodiscard]] routed route_backups(request_head const& head, protocol::target const& target,
                                   route_context const& context);

/// Longer bodies are refused.
inline constexpr std::size_t backup_body_bytes_max = 4096;

/// Parses the body: `{"to":"monday"}` or nothing. @return the refusal, if it is wrong.
[[nodiscard]] std::optional<reply> take_backup_body(backup_request& request, std::string_view body,
                                                    api_context const& context);

/// Makes the backup. It continues to its end even if the client leaves.
awaitable<request_end> run_backup(backup_request const& request, api_context const& context, client_link& client,
                                  reply& answer);

}  // namespace holdfast::server
