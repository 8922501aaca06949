#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::protocol {

/// The version of a value in HTTP: the server's start and the revision. Including the start prevents a wrong 304 for a
/// tag kept from before a restart.
struct entity_tag {
  std::uint64_t start = 0;     ///< random per process
  std::uint64_t revision = 0;  ///< of the value's last change

  bool operator==(entity_tag const&) const = default;
};

/// Writes `start` in hexadecimal, as used in entity tags and request ids. Needs space for 16 bytes.
/// @return the end of the written text.
[[nodiscard]] char* write_start(char* to, std::uint64_t start);

/// Writes the tag for an ETag field, with quotes: `"3f…-17"`; at most entity_tag_bytes_max bytes.
/// @return the end of the written text.
[[nodiscard]] char* write_entity_tag(char* to, entity_tag const& tag);
constexpr std::size_t entity_tag_bytes_max = 48;

[[nodiscard]] std::string to_string(entity_tag const& tag);

/// Parses a tag written by write_entity_tag(); nullopt for any other text, including weak tags (`W/`).
[[nodiscard]] std::optional<entity_tag> parse_entity_tag(std::string_view text);

/// The tags in a conditional header field.
struct tag_list {
  bool any = false;                   ///< `*`
  bool has_weak = false;              ///< there is a weak tag, from this server or another
  bool is_malformed = false;          ///< neither `*` nor a list with a tag; it names none
  std::vector<std::uint64_t> strong;  ///< revisions of this server's strong tags
  std::vector<std::uint64_t> weak;    ///< revisions of this server's weak tags

  [[nodiscard]] bool names_strongly(std::uint64_t revision) const noexcept;
  [[nodiscard]] bool names_weakly(std::uint64_t revision) const noexcept;
};

/// Parses the value of If-Match or If-None-Match (RFC 9110 §13.1): `*`, or a list of tags. A malformed list yields no
/// tags. A list without a tag is malformed too: a write whose If-None-Match names nothing would replace any value.
[[nodiscard]] tag_list parse_tag_list(std::string_view text, std::uint64_t start);

}  // namespace holdfast::protocol
