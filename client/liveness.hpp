#pragma once

#include <chrono>

#include "client/connection.hpp"

namespace holdfast::client {

/// How long one of several servers may be silent before it is asked whether it lives.
constexpr std::chrono::seconds first_doubt{2};

/// Asks the server, over a connection of its own, whether it lives. Any answer will do, also a refusal. @return an
/// error within a few seconds
awaitable<result<void>> probe(executor on, endpoint server);

/// True if the server has answered the probe, or has broken it off: it may have too many connections.
[[nodiscard]] bool is_there(result<void> const& probed) noexcept;

/// Asks a server that owes an answer whether it lives, from time to time. To be awaited beside the answer.
/// @return why it no longer seems to live
awaitable<result<void>> until_silent(executor on, endpoint server);

}  // namespace holdfast::client
