#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "server/api/route_settings.hpp"
#include "server/http/reply.hpp"
#include "server/http/request_head.hpp"

namespace holdfast::server {

// Rules for web pages that are open in a browser on this machine or in its network. A page of another origin can make
// the browser send requests to this server; such a request must not write, hold the lock or read.

/// The host for which a request is: the target's, or the Host field's if the target names none (RFC 9112 §3.2.2).
[[nodiscard]] std::string_view host_of(request_head const& head) noexcept;

/// True if a Host field names this server: by an IP address, localhost, or one of its names.
[[nodiscard]] bool is_own_name(std::string_view host, std::span<std::string const> host_names);

/// True if somebody else could have pointed the name in a Host field at this server's address: it contains a dot, as
/// public DNS names do, and is_own_name() does not know it.
[[nodiscard]] bool may_be_foreign_name(std::string_view host, std::span<std::string const> host_names);

/// True if the Origin field belongs to a page that this server sent, which then matches its Host field.
[[nodiscard]] bool is_own_origin(std::string_view origin, std::string_view host);

/// Why a request is refused that comes from a page of another site or by a foreign name (DNS rebinding); nothing if it
/// is allowed.
[[nodiscard]] std::optional<reply> refuse_foreign_page(request_head const& head, route_settings const& settings);

/// True if a person followed a link from a foreign page: a read is then allowed, but not a hold.
[[nodiscard]] bool is_foreign_navigation(request_head const& head) noexcept;

/// True if --cors-origin lists the page's origin, which then may do what any client may.
[[nodiscard]] bool is_allowed_origin(request_head const& head, route_settings const& settings) noexcept;

/// The answer to a preflight request (Fetch, CORS protocol) of an allowed origin; nothing for other requests.
[[nodiscard]] std::optional<reply> answer_preflight(request_head const& head, route_settings const& settings);

/// The fields with which a browser lets an allowed page read an answer.
[[nodiscard]] std::string cors_fields(std::string_view origin);

}  // namespace holdfast::server
