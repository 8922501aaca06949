#pragma once

#include "protocol/target.hpp"
#include "server/api/api_context.hpp"
#include "server/api/requests.hpp"
#include "server/http/client_link.hpp"
#include "server/http/request_handler.hpp"

namespace holdfast::server {

// Values under their keys: /v1/kv/{key}.

[[nodiscard]] routed route_value(request_head const& head, protocol::target const& target,
                                 route_context const& context);

/// The key whose value is all that a request wants: of a GET that is bare and whose target is plain, a view into it.
/// Empty where it takes route_value() to tell.
[[nodiscard]] std::string_view key_of_plain_read(request_head const& head);

/// Makes a PUT's body its value. @return the answer where the body is not JSON.
[[nodiscard]] std::optional<reply> take_value(protocol::put_operation& put, std::string&& body);

/// What the request does, as whoever watches the lock calls it.
[[nodiscard]] lock_operation lock_operation_of(value_request const& request) noexcept;

/// Makes the answer to an operation that has run, or has not. `start` and its revision make the tag; a GET whose
/// If-None-Match names it is answered with 304 (RFC 9110 §13.2.2). @param answer a new one.
void make_answer(value_request const& request, execution&& done, std::uint64_t start, reply& answer);

}  // namespace holdfast::server
