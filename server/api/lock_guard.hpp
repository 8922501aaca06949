#pragma once

#include <vector>

#include "protocol/error.hpp"
#include "server/api/requests.hpp"
#include "server/http/request_head.hpp"
#include "server/store/operation.hpp"

namespace holdfast::server {

// The fence: a write that is done only while grants of named locks live.

/// The grants that a header demands: `Holdfast-Lock: deploy;token=17`. @return errc::invalid_lock otherwise.
[[nodiscard]] protocol::result<std::vector<lock_grant>> read_lock_guard(request_head const& head);

/// Makes the operation of a request one that is done only while the grants live.
void guard(data_request& request, std::vector<lock_grant>&& grants);

[[nodiscard]] protocol::failure failure_of(lock_lost const& lost);

}  // namespace holdfast::server
