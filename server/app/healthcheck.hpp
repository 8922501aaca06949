#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "tls/context.hpp"

namespace holdfast::server {

/// Asks the server at `address`:`port` for /readyz. @param tls null: by plain HTTP
/// @return empty when it is ready, or what is wrong.
[[nodiscard]] std::string check_health(std::string const& address, std::uint16_t port, std::chrono::nanoseconds timeout,
                                       tls::context const& tls = {});

}  // namespace holdfast::server
