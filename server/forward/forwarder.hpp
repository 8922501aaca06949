#pragma once

#include <memory>

#include "server/forward/upstream_pool.hpp"
#include "server/http/request_handler.hpp"
#include "server/http/request_head.hpp"

namespace holdfast::server {

/// Serves the requests of a standby. `local` answers those for which `is_local` is true, and all others are forwarded
/// to the leader:
///
/// - Request and answer keep their fields, except those that concern one connection only (RFC 9110 §7.6.1). The request
///   gets Holdfast-Forwarded-By, the answer Holdfast-Served-By. Host and Authorization are the client's. The leader
///   sees this server's address instead of the client's.
/// - Bodies and answers are streamed; a slow receiver slows the sender down.
/// - A client that hangs up ends its request at the leader. (As for each request that waits, a FIN counts as that.)
/// - 503 `no_leader` if nothing of the request was sent: no leader is known or can be reached, or the request has been
///   forwarded already.
/// - If the connection to the leader breaks, or another server becomes the leader, before the answer has begun, GET,
///   HEAD and OPTIONS are sent once more. Otherwise nobody knows whether the request was executed: the client's
///   connection is closed without an answer.
///
/// There is no time limit for an answer, because the request may hold or wait. A leader that has failed is noticed by
/// TCP (within about 10 s) or by the election.
///
/// @param pool of the thread that calls it. Must outlive it.
[[nodiscard]] std::unique_ptr<request_handler> make_forwarder(std::unique_ptr<request_handler> local,
                                                              bool (*is_local)(request_head const&),
                                                              upstream_pool& pool);

}  // namespace holdfast::server
