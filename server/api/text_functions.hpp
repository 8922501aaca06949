#pragma once

#include <string>

#include "protocol/error.hpp"
#include "server/store/operation.hpp"

namespace holdfast::server {

// Functions of a value's text that are computed without the lock: patches and comparisons.

/// RFC 7396. @param bytes_max limit for the new value. @return errc::invalid_json or errc::invalid_patch.
[[nodiscard]] protocol::result<text_function_pointer> make_merge_patch(std::string body, std::size_t bytes_max);

/// RFC 6902; otherwise the same.
[[nodiscard]] protocol::result<text_function_pointer> make_json_patch(std::string body, std::size_t bytes_max);

/// Returns its input if it is the same JSON value as `text`, which must be JSON; fails otherwise.
[[nodiscard]] protocol::result<text_function_pointer> make_comparison(std::string text);

}  // namespace holdfast::server
