#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "server/store/operation.hpp"

namespace holdfast::server {

/// The same moment on both clocks, by which the instants of one are those of the other.
struct moment {
  std::chrono::steady_clock::time_point steady;
  std::chrono::system_clock::time_point wall;
};

/// An outcome of an idempotent operation as bytes that can be stored: another process reads them. Not for text_wanted,
/// no_room and what only other operations come to. @param now by which moments of expiry become instants.
[[nodiscard]] std::string encode_outcome(earlier_outcome const& one, moment const& now);

/// Nothing when the bytes are not of a version that is known here.
[[nodiscard]] std::optional<earlier_outcome> decode_outcome(std::string_view bytes, moment const& now);

}  // namespace holdfast::server
