#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::protocol {

/// The version of a value as HTTP names it: the revision, preceded by what distinguishes one start of the server from
/// another, so that a client that kept a tag over a restart gets no false 304.
struct entity_tag {
  std::uint64_t start = 0;     ///< random per process
  std::uint64_t revision = 0;  ///< of the value's last change

  bool operator==(entity_tag const&) const = default;
};

/// Writes `start` in hexadecimal, as entity tags and request ids have it. There must be space for 16 bytes.
/// @return behind its last digit.
[[nodiscard]] char* write_start(char* to, std::uint64_t start);

/// Writes the tag as it stands in an ETag field, quotes included: `"3f…-17"`; at most entity_tag_bytes_max.
/// @return behind its last byte.
[[nodiscard]] char* write_entity_tag(char* to, entity_tag const& tag);
constexpr std::size_t entity_tag_bytes_max = 48;

[[nodiscard]] std::string to_string(entity_tag const& tag);

/// Reads what write_entity_tag wrote; nothing for a text of another form, a weak tag (`W/`) included.
[[nodiscard]] std::optional<entity_tag> parse_entity_tag(std::string_view text);

/// The tags that a conditional header field names.
struct tag_list {
  bool any = false;                   ///< `*`
  bool has_weak = false;              ///< some tag was weak, whoever gave it
  std::vector<std::uint64_t> strong;  ///< revisions of strong tags that `start` gave
  std::vector<std::uint64_t> weak;    ///< revisions of its weak tags

  [[nodiscard]] bool names_strongly(std::uint64_t revision) const noexcept;
  [[nodiscard]] bool names_weakly(std::uint64_t revision) const noexcept;
};

/// Reads the value of If-Match or If-None-Match (RFC 9110 §13.1): `*`, or a list of tags. A malformed list names
/// nothing.
[[nodiscard]] tag_list parse_tag_list(std::string_view text, std::uint64_t start);

}  // namespace holdfast::protocol
