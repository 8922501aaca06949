#pragma once

#include <memory>

#include "server/forward/upstream_pool.hpp"
#include "server/http/request_handler.hpp"
#include "server/http/request_head.hpp"

namespace holdfast::server {

/// Serves the requests of a standby. `local` answers requests for which `is_local` is true; all others are forwarded to
/// the leader:
///
/// - Requests and responses keep their fields, except those that concern one connection only (RFC 9110 §7.6.1).
/// Requests
///   get Holdfast-Forwarded-By, responses Holdfast-Served-By. Host and Authorization are the client's. With a
///   cluster_secret the leader learns the client's address; otherwise it sees this server's.
/// - Bodies are streamed in both directions; a slow receiver slows the sender down.
/// - If a client disconnects, its request at the leader is cancelled. A FIN counts as a disconnect.
/// - 503 `no_leader` if nothing of the request was sent: no leader is known, the leader is unreachable, or the request
///   was already forwarded once.
/// - If the connection to the leader breaks or the leader changes before the response has begun, GET, HEAD and OPTIONS
///   are sent once more. For other methods it is unknown whether the request was executed: the client's connection is
///   closed without a response.
///
/// There is no time limit for a response, because a request may hold or wait. A failed leader is detected by TCP
/// (within about 10 s) or by the election.
///
/// @param pool of the calling thread. Must outlive the handler.
[[nodiscard]] std::unique_ptr<request_handler> make_forwarder(std::unique_ptr<request_handler> local,
                                                              bool (*is_local)(request_head const&),
                                                              upstream_pool& pool);

}  // namespace holdfast::server
