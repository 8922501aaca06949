#pragma once

#include "protocol/target.hpp"
#include "server/api/api_context.hpp"
#include "server/api/requests.hpp"
#include "server/http/client_link.hpp"
#include "server/http/request_handler.hpp"

namespace holdfast::server {

// The lock as others see it: its state, its events as a stream, a trace of what it did, and all that is counted.

[[nodiscard]] routed route_lock(request_head const& head, protocol::target const& target, route_context const& context);
[[nodiscard]] routed route_lock_events(request_head const& head, protocol::target const& target,
                                       route_context const& context);
[[nodiscard]] routed route_lock_trace(request_head const& head, protocol::target const& target,
                                      route_context const& context);
[[nodiscard]] routed route_metrics(request_head const& head, protocol::target const& target,
                                   route_context const& context);

/// Whether the answer is sent piece by piece: head_of() and then send_stream().
[[nodiscard]] bool is_streamed(lock_request const& request) noexcept;

/// The answer where it is a state.
[[nodiscard]] reply answer_to(lock_request const& request, api_context const& context);

[[nodiscard]] reply head_of(lock_request const& request);

/// Sends the events as they come, until the client goes or the server has drained; or the trace. In pieces, with others
/// having the thread in between. The head has been sent.
awaitable<request_end> send_stream(lock_request const& request, api_context const& context, client_link& client);

}  // namespace holdfast::server
