#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "server/store/operation.hpp"

namespace holdfast::server {

/// The same moment on both clocks, for converting between them.
struct moment {
  std::chrono::steady_clock::time_point steady;
  std::chrono::system_clock::time_point wall;
};

/// Encodes an outcome of an idempotent operation for storage, readable by other processes. Not for text_wanted, no_room
/// and outcomes of other operations. @param now converts expiry to the system clock.
[[nodiscard]] std::string encode_outcome(earlier_outcome const& one, moment const& now);

/// nullopt if the format of the bytes is unknown.
[[nodiscard]] std::optional<earlier_outcome> decode_outcome(std::string_view bytes, moment const& now);

}  // namespace holdfast::server
