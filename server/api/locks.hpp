#pragma once

#include <functional>
#include <string>
#include <vector>

#include "protocol/target.hpp"
#include "server/api/api_context.hpp"
#include "server/api/gatekeeper.hpp"
#include "server/api/requests.hpp"
#include "server/http/client_link.hpp"
#include "server/http/request_handler.hpp"
#include "server/http/request_head.hpp"
#include "server/insight/lock_recorder.hpp"
#include "server/store/watch_hub.hpp"

namespace holdfast::server {

// Named locks: /v1/locks, /v1/locks/{name}, its tickets and its events.

[[nodiscard]] routed route_locks(request_head const& head, protocol::target const& target,
                                 route_context const& context);
[[nodiscard]] routed route_named_lock(request_head const& head, protocol::target const& target,
                                      route_context const& context);
[[nodiscard]] routed route_ticket(request_head const& head, protocol::target const& target,
                                  route_context const& context);
[[nodiscard]] routed route_named_lock_events(request_head const& head, protocol::target const& target,
                                             route_context const& context);

inline constexpr std::size_t ticket_body_bytes_max = 4096;

/// Parses the body as the owner of a ticket, and gives the ticket an id if it has none.
/// @return the error answer if the body is invalid.
[[nodiscard]] std::optional<reply> take_ticket_body(ticket_request& request, std::string const& body);

/// True if a request is answered by one operation, whatever its outcome.
[[nodiscard]] inline bool is_at_once(ticket_request const& request) noexcept {
  return !request.wait && !request.is_kept_by_connection;
}

/// The answer to a request for a ticket. @param start distinguishes the request ids of this process from those of
/// others. @param gate decides which locks of a deadlock may be named; null: all.
void make_ticket_answer(ticket_request const& request, execution&& done, std::uint64_t start, gatekeeper const* gate,
                        reply& answer);

/// Waits for the grant for as long as the request allows. @param hub of this thread. @param gate counts the lock time;
/// may be null.
awaitable<request_end> run_ticket(ticket_request const& request, api_context const& context, watch_hub& hub,
                                  lock_asker asker, client_link& client, reply& answer, gatekeeper* gate);

/// Acquires a lock and keeps it until its client disconnects. @param begin starts the answer as a stream.
awaitable<request_end> run_kept_ticket(ticket_request const& request, api_context const& context, watch_hub& hub,
                                       lock_asker asker, client_link& client, reply& answer,
                                       std::function<void(reply&&)> const& begin, gatekeeper* gate);

void answer_lock(lock_shown const& shown, std::uint64_t revision, reply& answer);
void answer_locks(data_request const& request, locks_listed const& page, std::uint64_t revision, reply& answer);

}  // namespace holdfast::server
