#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace holdfast::server {

/// The place of a leader, by which etcd tells it from earlier and later ones.
struct leadership {
  std::string key;        ///< of its candidate
  std::int64_t term = 0;  ///< create revision of that key
  /// By its own clock, until when nobody else can lead. Any thread.
  std::function<std::chrono::steady_clock::time_point()> valid_until;
};

}  // namespace holdfast::server
