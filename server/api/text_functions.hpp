#pragma once

#include <string>

#include "protocol/error.hpp"
#include "server/store/operation.hpp"

namespace holdfast::server {

// What is computed from a value's text without the lock: patches, and comparisons.

/// The largest value that a patch may make.
inline constexpr std::size_t patched_bytes_max = 1024 * 1024;

/// RFC 7396. @return errc::invalid_json or errc::invalid_patch.
[[nodiscard]] protocol::result<text_function_pointer> make_merge_patch(std::string body);

/// RFC 6902. @return errc::invalid_json or errc::invalid_patch.
[[nodiscard]] protocol::result<text_function_pointer> make_json_patch(std::string body);

/// Yields its input where it is the same JSON value as `text`, which is JSON; fails otherwise.
[[nodiscard]] protocol::result<text_function_pointer> make_comparison(std::string text);

}  // namespace holdfast::server
