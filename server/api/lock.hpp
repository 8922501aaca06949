#pragma once

#include "protocol/target.hpp"
#include "server/api/api_context.hpp"
#include "server/api/requests.hpp"
#include "server/http/client_link.hpp"
#include "server/http/request_handler.hpp"

namespace holdfast::server {

// The lock's state, its events as a stream, a trace of its recent past, and all counters.

[[nodiscard]] routed route_lock(request_head const& head, protocol::target const& target, route_context const& context);
[[nodiscard]] routed route_lock_events(request_head const& head, protocol::target const& target,
                                       route_context const& context);
[[nodiscard]] routed route_lock_trace(request_head const& head, protocol::target const& target,
                                      route_context const& context);
[[nodiscard]] routed route_metrics(request_head const& head, protocol::target const& target,
                                   route_context const& context);

/// True if the answer is a stream: then use head_of() and send_stream().
[[nodiscard]] bool is_streamed(lock_request const& request) noexcept;

/// The answer, if it is not a stream.
[[nodiscard]] reply answer_to(lock_request const& request, api_context const& context);

[[nodiscard]] reply head_of(lock_request const& request);

/// Sends events as they happen, until the client leaves or the server has drained; or sends the trace. It sends pieces
/// and yields the thread between them. The head has already been sent.
awaitable<request_end> send_stream(lock_request const& request, api_context const& context, client_link& client);

}  // namespace holdfast::server
