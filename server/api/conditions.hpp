#pragma once

#include <cstdint>

#include "protocol/error.hpp"
#include "server/http/request_head.hpp"
#include "server/store/operation.hpp"

namespace holdfast::server {

/// The conditions of a header that the server evaluates; null: none.
/// @return errc::precondition_not_supported for other conditions; errc::bad_request for a write with an If-None-Match
/// that is malformed.
[[nodiscard]] protocol::result<conditions_pointer> read_conditions(request_head const& head, std::uint64_t database_id);

}  // namespace holdfast::server
