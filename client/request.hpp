#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "client/endpoint.hpp"

namespace holdfast::client {

/// How a request wants to use the lock; what is not said is left to the server's settings.
struct lock_wishes {
  std::optional<std::chrono::nanoseconds> hold;          ///< keep the lock this long after the operation
  std::optional<std::chrono::nanoseconds> lock_timeout;  ///< give up waiting after this; 0: try once
};

/// The query that carries the wishes, with its question mark; empty when nothing is wished.
[[nodiscard]] std::string query_of(lock_wishes const& wishes);

/// The header of a request. `method` is GET, PUT or DELETE, `target` a path already encoded and perhaps a query.
/// A PUT announces `body_bytes` of JSON.
[[nodiscard]] std::string request_head(endpoint const& server, std::string_view method, std::string_view target,
                                       std::size_t body_bytes);

}  // namespace holdfast::client
