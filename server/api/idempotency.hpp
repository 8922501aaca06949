#pragma once

#include <optional>
#include <string>

#include "server/api/requests.hpp"
#include "server/http/request_head.hpp"

namespace holdfast::server {

// Idempotency-Key: a write that is sent again is not executed again.

/// All of a request with a key except its body.
struct idempotency_claim {
  std::string key;
  std::string said;
};

/// The claim of a request, if it has a key. @return errc::invalid_idempotency_key if the key is invalid.
[[nodiscard]] protocol::result<std::optional<idempotency_claim>> read_idempotency(request_head const& head);

/// Makes the operation of a request idempotent. @param body as received.
void make_idempotent(data_request& request, idempotency_claim&& claim, std::string_view body);

}  // namespace holdfast::server
