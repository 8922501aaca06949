#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::server {

/// The settings needed to turn a request into an operation.
struct route_settings {
  std::chrono::nanoseconds read_hold{0};  ///< default hold of GET and HEAD
  std::chrono::nanoseconds hold_max = std::chrono::seconds(60);
  std::optional<std::chrono::nanoseconds> lock_timeout;  ///< default wait; nullopt: no limit
  std::vector<std::string>
      host_names;  ///< names by which browsers reach this server, besides IP addresses and localhost
  std::vector<std::string> cors_origins;  ///< origins whose pages may do what any client may
  bool is_on_loopback = true;             ///< reject names that somebody else could have chosen for this server
};

}  // namespace holdfast::server
