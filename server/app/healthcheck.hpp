#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace holdfast::server {

/// Asks the server at `address`:`port` for /readyz. @return empty when it is ready, or what is wrong.
[[nodiscard]] std::string check_health(std::string const& address, std::uint16_t port,
                                       std::chrono::nanoseconds timeout);

}  // namespace holdfast::server
