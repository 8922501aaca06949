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

// Exports all keys with a prefix, and imports keys, as lines of JSON: GET /v1/export, POST /v1/import.

[[nodiscard]] routed route_export(request_head const& head, protocol::target const& target,
                                  route_context const& context);
[[nodiscard]] routed route_import(request_head const& head, protocol::target const& target,
                                  route_context const& context);

[[nodiscard]] reply head_of(export_request const& request);

/// Sends entries page by page. After each page it sends the changes made meanwhile to entries already sent. So all
/// lines together, the last line of each key counting, are the database at the revision of the last line. The lock is
/// held only for one page at a time. @param gate as below.
awaitable<request_end> send_export(export_request const& request, api_context const& context, lock_asker asker,
                                   client_link& client, gatekeeper* gate);

/// Stores the body's lines in batches as they arrive. @param gate checks each key; null: all keys are allowed.
awaitable<request_end> run_import(import_request const& request, api_context const& context, lock_asker asker,
                                  client_link& client, reply& answer, gatekeeper* gate);

}  // namespace holdfast::server
