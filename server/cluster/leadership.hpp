#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace holdfast::server {

/// Identifies one leader's leadership, distinct from all earlier and later ones.
struct leadership {
  std::string key;        ///< the leader's key among the candidates
  std::int64_t term = 0;  ///< the create revision of `key`
  /// The time, by the leader's clock, before which no other server can lead. Thread-safe.
  std::function<std::chrono::steady_clock::time_point()> valid_until;
};

}  // namespace holdfast::server
