#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/error.hpp"
#include "server/http/reply.hpp"
#include "server/store/operation.hpp"

namespace holdfast::server {

// What answers to all requests for data have in common.

/// What an answer depends on besides the request and its outcome.
struct answer_context {
  std::uint64_t database_id = 0;
  std::uint64_t revision = 0;                          ///< of the database, when the operation had run
  std::chrono::steady_clock::time_point granted_at{};  ///< from when on times to live are counted
};

/// Adds `Holdfast-TTL`, where a key expires.
void add_time_to_live(reply& answer, expiry_time expires, answer_context const& context);

/// The seconds that are left, as JSON and fields have them: `29.7`.
[[nodiscard]] std::string seconds_left(expiry_time expires, answer_context const& context);

/// The failure that an outcome stands for, where it does for one.
[[nodiscard]] protocol::failure failure_of(no_such_key, std::string_view key);
[[nodiscard]] protocol::failure failure_of(no_room);

}  // namespace holdfast::server
