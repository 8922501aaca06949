#pragma once

#include <optional>
#include <string>

#include "server/api/requests.hpp"
#include "server/http/request_head.hpp"

namespace holdfast::server {

// Idempotency-Key: a write that is sent again is not done again.

/// What a request with a key says, but for its body.
struct idempotency_claim {
  std::string key;
  std::string said;
};

/// The claim of a request, if it makes one. @return errc::invalid_idempotency_key otherwise.
[[nodiscard]] protocol::result<std::optional<idempotency_claim>> read_idempotency(request_head const& head);

/// Makes the operation of a request one that is not done twice. @param body as it came.
void make_idempotent(data_request& request, idempotency_claim&& claim, std::string_view body);

}  // namespace holdfast::server
