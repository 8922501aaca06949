#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "tls/context.hpp"

namespace holdfast::server {

/// Requests /readyz from the server at `address`:`port`. @param tls null: plain HTTP
/// @return empty if the server is ready, otherwise what is wrong.
[[nodiscard]] std::string check_health(std::string const& address, std::uint16_t port, std::chrono::nanoseconds timeout,
                                       tls::context const& tls = {});

}  // namespace holdfast::server
