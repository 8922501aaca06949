#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace holdfast::protocol {

/// What the answer to an operation calls its request, and the lock's events too: `9f3c01a2-17`. Unique across
/// restarts: `start` distinguishes this process from others, as in an entity_tag.
struct request_id {
  std::uint64_t start = 0;
  std::uint64_t number = 0;
};

/// Writes the id as it stands in a Holdfast-Request-Id field.
/// @param to space for request_id_bytes_max, of which what is behind the id is written too.
/// @return behind the id's last byte.
[[nodiscard]] char* write_request_id(char* to, request_id const& id);
constexpr std::size_t request_id_bytes_max = 48;

[[nodiscard]] std::string to_string(request_id const& id);

}  // namespace holdfast::protocol
