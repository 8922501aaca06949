#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/operation.hpp"
#include "protocol/reply.hpp"
#include "protocol/request_head.hpp"
#include "server/insight_routes.hpp"
#include "server/settings.hpp"

namespace holdfast::server {

/// A request that concerns the database: what to do, under which terms, and what its answer depends on.
struct kv_request {
  protocol::operation operation;
  protocol::lock_terms terms;
  std::optional<std::string> if_none_match;
};

/// Turns a header into an operation, or straight into an answer where none is needed (probes, OPTIONS, refusals). A
/// PUT's value is still to come: its body has not been read. Nothing here looks at bodies, sockets or the database.
/// @param read_hold the hold of a GET or HEAD that names none, as it is now. @param draining turns /readyz to 503.
[[nodiscard]] std::variant<protocol::reply, kv_request, insight_request> route(protocol::request_head const& head,
                                                                               route_settings const& settings,
                                                                               nanoseconds read_hold, bool draining);

/// The key whose value is all that a request wants, so that only the lock and the database are left to be asked: of a
/// GET that is bare and whose target is plain, a view into it. Empty where it takes route() to tell.
[[nodiscard]] std::string_view key_of_plain_read(protocol::request_head const& head);

}  // namespace holdfast::server
