#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::server {

/// What routes need to turn a request into an operation.
struct route_settings {
  std::chrono::nanoseconds read_hold{0};  ///< the hold of a GET or HEAD that names none
  std::chrono::nanoseconds hold_max = std::chrono::seconds(60);
  std::optional<std::chrono::nanoseconds>
      lock_timeout;                       ///< of requests that name none; empty: wait as long as it takes
  std::vector<std::string> host_names;    ///< by which browsers reach this server, besides IP addresses and localhost
  std::vector<std::string> cors_origins;  ///< whose pages may do what any client may
  bool is_on_loopback = true;             ///< so that nobody else's name for it is right
};

}  // namespace holdfast::server
