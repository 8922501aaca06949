#pragma once

#include <string>

#include "protocol/error.hpp"
#include "server/store/operation.hpp"

namespace holdfast::server {

// What is computed from a value's text without the lock: patches, and comparisons.

/// RFC 7396. @param bytes_max how large the new value may be. @return errc::invalid_json or errc::invalid_patch.
[[nodiscard]] protocol::result<text_function_pointer> make_merge_patch(std::string body, std::size_t bytes_max);

/// RFC 6902; the same.
[[nodiscard]] protocol::result<text_function_pointer> make_json_patch(std::string body, std::size_t bytes_max);

/// Yields its input where it is the same JSON value as `text`, which is JSON; fails otherwise.
[[nodiscard]] protocol::result<text_function_pointer> make_comparison(std::string text);

}  // namespace holdfast::server
