#pragma once

#include "protocol/target.hpp"
#include "server/api/api_context.hpp"
#include "server/api/gatekeeper.hpp"
#include "server/api/parameters.hpp"
#include "server/api/requests.hpp"
#include "server/http/client_link.hpp"
#include "server/http/request_handler.hpp"
#include "server/http/request_head.hpp"
#include "server/insight/lock_recorder.hpp"
#include "server/store/watch_hub.hpp"

namespace holdfast::server {

// Changes as they happen: GET /v1/watch.

[[nodiscard]] routed route_watch(request_head const& head, protocol::target const& target,
                                 route_context const& context);

/// Reads the client's position and the format it wants. @return the error answer if they are invalid.
[[nodiscard]] std::optional<reply> take_position(request_head const& head, parameters const& given,
                                                 route_context const& context, watch_request& request);

/// True if a watch can begin where its client left off: it is not refused, nor told that changes are lost.
[[nodiscard]] bool can_continue(watch_request const& request, watch_hub& hub);

/// Why a watch can't begin; nothing if it can.
[[nodiscard]] std::optional<reply> refuse_watch(watch_request const& request, watch_hub& hub);

[[nodiscard]] reply head_of(watch_request const& request);

/// Sends changes until the client leaves or the server drains. @param hub of this thread. @param gate counts the lock
/// time; may be null.
awaitable<request_end> send_watch(watch_request const& request, api_context const& context, watch_hub& hub,
                                  lock_asker asker, client_link& client, gatekeeper* gate);

/// Appends a JSON text on one line: line breaks become spaces, which changes no value.
void append_on_one_line(std::string& out, std::string_view json);

}  // namespace holdfast::server
