#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "protocol/error.hpp"

namespace holdfast::protocol {

constexpr std::size_t key_bytes_max = 1024;
constexpr std::string_view kv_path = "/v1/kv/";

/// Whether `key` may name a value: 1 to 1024 bytes of UTF-8 without control characters (Unicode's category Cc).
/// @return errc::invalid_key with what is wrong otherwise.
[[nodiscard]] result<void> check_key(std::string_view key);

/// The key in the rest of a request path behind `/v1/kv/`: percent-decoded, slashes allowed, checked.
/// @param is_plain whether it is known to be visible ASCII without a percent sign.
[[nodiscard]] result<std::string> key_from_path(std::string_view encoded, bool is_plain = false);

/// Whether `name` may name a lock: as a key, but 255 bytes at most. @return errc::invalid_lock otherwise.
[[nodiscard]] result<void> check_lock_name(std::string_view name);

/// The name of a lock in a path's segment, or where it stands alone like that: percent-encoded, also its slashes.
[[nodiscard]] result<std::string> lock_name_from_segment(std::string_view encoded);

/// A name as one segment of a path.
[[nodiscard]] std::string segment_of(std::string_view name);

/// The paths of a named lock and of a ticket of it.
[[nodiscard]] std::string path_of_lock(std::string_view name);
[[nodiscard]] std::string path_of_ticket(std::string_view lock, std::string_view id);

/// The path of a key, as a Location header or a client writes it.
[[nodiscard]] std::string path_of_key(std::string_view key);

}  // namespace holdfast::protocol
