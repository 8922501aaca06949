#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/error.hpp"
#include "server/http/reply.hpp"
#include "server/store/operation.hpp"

namespace holdfast::server {

// What answers to all data requests have in common.

/// What an answer depends on besides the request and its outcome.
struct answer_context {
  std::uint64_t database_id = 0;
  std::uint64_t revision = 0;                          ///< of the database, after the operation
  std::chrono::steady_clock::time_point granted_at{};  ///< the time from which times to live are counted
};

/// Adds `Holdfast-TTL` if the key expires.
void add_time_to_live(reply& answer, expiry_time expires, answer_context const& context);

/// The remaining seconds as in JSON and in fields: `29.7`.
[[nodiscard]] std::string seconds_left(expiry_time expires, answer_context const& context);

/// The failure that an outcome represents, if it does.
[[nodiscard]] protocol::failure failure_of(no_such_key, std::string_view key);
[[nodiscard]] protocol::failure failure_of(no_room);

}  // namespace holdfast::server
