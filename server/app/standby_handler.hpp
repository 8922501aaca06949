#pragma once

#include <memory>

#include "server/http/request_handler.hpp"

namespace holdfast::server {

/// Serves the requests of a standby: `local` answers those about the server itself, all others are refused.
[[nodiscard]] std::unique_ptr<request_handler> make_standby_handler(std::unique_ptr<request_handler> local);

}  // namespace holdfast::server
