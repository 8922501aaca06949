#pragma once

#include <string>

#include "protocol/target.hpp"
#include "server/api/data_answers.hpp"
#include "server/api/requests.hpp"
#include "server/http/request_head.hpp"

namespace holdfast::server {

// Many keys at once: /v1/kv, which can be listed page by page and cleared by prefix.

inline constexpr std::string_view list_path = "/v1/kv";

[[nodiscard]] routed route_list(request_head const& head, protocol::target const& target, route_context const& context);

void answer_list(data_request const& request, listing const& page, answer_context const& context, reply& answer);
void answer_range_deleted(range_deleted const& deleted, std::uint64_t revision, reply& answer);

/// Appends a page's entries and groups as members of a JSON object: `"entries":[…],"groups":[…],"next":…`.
void append_page(std::string& out, list_operation const& list, listing const& page, answer_context const& context);

}  // namespace holdfast::server
