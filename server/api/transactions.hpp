#pragma once

#include <optional>
#include <string>

#include "protocol/target.hpp"
#include "server/api/data_answers.hpp"
#include "server/api/requests.hpp"
#include "server/http/request_head.hpp"

namespace holdfast::server {

// Several operations as one: POST /v1/txn.

inline constexpr std::string_view transaction_path = "/v1/txn";
inline constexpr std::size_t transaction_parts_max = 1000;  ///< checks and operations together

[[nodiscard]] routed route_transaction(request_head const& head, protocol::target const& target,
                                       route_context const& context);

/// Parses a body as a transaction. @param database_id of the tags in checks. @param value_bytes_max limit for a value.
/// @return the error answer if it is invalid.
[[nodiscard]] std::optional<reply> take_transaction_body(data_request& request, std::string const& body,
                                                         std::uint64_t database_id, std::size_t value_bytes_max);

void answer_transaction(data_request const& request, transaction_outcome const& done, answer_context const& context,
                        reply& answer);

}  // namespace holdfast::server
