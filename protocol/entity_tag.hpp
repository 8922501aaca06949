#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::protocol {

/// The version of a value as HTTP names it: the revision, preceded by what tells one life of the server from another,
/// so that a client that kept a tag over a restart gets no false 304.
struct entity_tag {
  std::uint64_t start = 0;     ///< random per process
  std::uint64_t revision = 0;  ///< of the value's last change

  bool operator==(entity_tag const&) const = default;
};

/// Writes `start` in hexadecimal, as entity tags and request ids have it. There must be room for 16 bytes.
/// @return behind its last digit.
[[nodiscard]] char* write_start(char* to, std::uint64_t start);

/// Writes the tag as it stands in an ETag field, quotes included: `"3f…-17"`; at most entity_tag_bytes_max.
/// @return behind its last byte.
[[nodiscard]] char* write_entity_tag(char* to, entity_tag const& tag);
constexpr std::size_t entity_tag_bytes_max = 48;

[[nodiscard]] std::string to_string(entity_tag const& tag);

/// Reads what write_entity_tag wrote; nothing for a text of another form, a weak tag (`W/`) included.
[[nodiscard]] std::optional<entity_tag> parse_entity_tag(std::string_view text);

/// Whether an If-None-Match field value names `tag`: `*`, or a list whose members are compared weakly (RFC 9110
/// §13.1.2). A malformed list names nothing.
[[nodiscard]] bool names(std::string_view if_none_match, entity_tag const& tag);

}  // namespace holdfast::protocol
