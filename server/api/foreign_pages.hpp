#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "server/api/route_settings.hpp"
#include "server/http/reply.hpp"
#include "server/http/request_head.hpp"

namespace holdfast::server {

// What a web page may do that somebody has open in a browser on this machine or in this network. A page of another
// origin can make the browser send requests here; it is refused what would write, hold the lock, or read.

/// Whether a Host field names this server: an IP address, localhost, or one of its names.
[[nodiscard]] bool is_own_name(std::string_view host, std::span<std::string const> host_names);

/// Whether a Host field is a name that somebody else may have given this server's address: it has a dot, as any name of
/// the public DNS, and is_own_name() does not know it.
[[nodiscard]] bool may_be_foreign_name(std::string_view host, std::span<std::string const> host_names);

/// Whether an Origin field is that of a page which this server has sent, as its Host field is.
[[nodiscard]] bool is_own_origin(std::string_view origin, std::string_view host);

/// Why a request is refused that a page of another site makes, or one that came by a name which is not this server's
/// (DNS rebinding); nothing for any other.
[[nodiscard]] std::optional<reply> refuse_foreign_page(request_head const& head, route_settings const& settings);

/// Whether a link on a foreign page brought a person here: then a plain look is allowed, and a hold is not.
[[nodiscard]] bool is_foreign_navigation(request_head const& head) noexcept;

/// Whether --cors-origin names the page's origin, so that it may do what any client may.
[[nodiscard]] bool is_allowed_origin(request_head const& head, route_settings const& settings) noexcept;

/// The answer to a preflight request (Fetch, CORS protocol) of an allowed origin; nothing where it is none.
[[nodiscard]] std::optional<reply> answer_preflight(request_head const& head, route_settings const& settings);

/// The fields by which a browser lets an allowed page read an answer.
[[nodiscard]] std::string cors_fields(std::string_view origin);

}  // namespace holdfast::server
