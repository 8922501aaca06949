#pragma once

#include "protocol/target.hpp"
#include "server/api/api_context.hpp"
#include "server/api/gatekeeper.hpp"
#include "server/api/requests.hpp"
#include "server/http/client_link.hpp"
#include "server/http/request_handler.hpp"
#include "server/http/request_head.hpp"
#include "server/insight/lock_recorder.hpp"

namespace holdfast::server {

// All keys with a prefix out of a database and into one, as lines of JSON: GET /v1/export, POST /v1/import.

[[nodiscard]] routed route_export(request_head const& head, protocol::target const& target,
                                  route_context const& context);
[[nodiscard]] routed route_import(request_head const& head, protocol::target const& target,
                                  route_context const& context);

[[nodiscard]] reply head_of(export_request const& request);

/// Sends entries page by page and, behind each page, what has changed meanwhile of those that were sent; so all lines
/// together are the database at the revision of the last line, later lines counting. Nobody waits for more than a page.
/// @param gate as below.
awaitable<request_end> send_export(export_request const& request, api_context const& context, lock_asker asker,
                                   client_link& client, gatekeeper* gate);

/// Stores the body's lines as they come, so many at a time. @param gate asked about each key; null: all may be stored.
awaitable<request_end> run_import(import_request const& request, api_context const& context, lock_asker asker,
                                  client_link& client, reply& answer, gatekeeper* gate);

}  // namespace holdfast::server
