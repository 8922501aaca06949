#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace holdfast::protocol {

/// The id of a request in its answer and in the lock's events: `9f3c01a2-17`. Unique across restarts, because `start`
/// identifies the process, as in an entity_tag.
struct request_id {
  std::uint64_t start = 0;
  std::uint64_t number = 0;
};

/// Writes the id for a Holdfast-Request-Id field.
/// @param to space for request_id_bytes_max bytes; bytes after the id may be overwritten.
/// @return the end of the id.
[[nodiscard]] char* write_request_id(char* to, request_id const& id);
constexpr std::size_t request_id_bytes_max = 48;

[[nodiscard]] std::string to_string(request_id const& id);

}  // namespace holdfast::protocol
