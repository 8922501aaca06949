#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "protocol/error.hpp"

namespace holdfast::protocol {

constexpr std::size_t key_bytes_max = 1024;
constexpr std::string_view kv_path = "/v1/kv/";

/// Checks that `key` is valid: 1 to 1024 bytes of UTF-8 without control characters (Unicode's category Cc).
/// @return errc::invalid_key with the reason.
[[nodiscard]] result<void> check_key(std::string_view key);

/// Decodes and checks the key in a request path after `/v1/kv/`. Slashes are allowed.
/// @param is_plain true if it is known to be visible ASCII without percent signs.
[[nodiscard]] result<std::string> key_from_path(std::string_view encoded, bool is_plain = false);

/// Checks the name of a lock: like a key, but at most 255 bytes. @return errc::invalid_lock otherwise.
[[nodiscard]] result<void> check_lock_name(std::string_view name);

/// Decodes and checks the name of a lock in one path segment or in a list: percent-encoded, including slashes.
[[nodiscard]] result<std::string> lock_name_from_segment(std::string_view encoded);

/// Encodes a name as one segment of a path.
[[nodiscard]] std::string segment_of(std::string_view name);

/// The paths of a named lock and of one of its tickets.
[[nodiscard]] std::string path_of_lock(std::string_view name);
[[nodiscard]] std::string path_of_ticket(std::string_view lock, std::string_view id);

/// The path of a key, for Location headers and clients.
[[nodiscard]] std::string path_of_key(std::string_view key);

}  // namespace holdfast::protocol
