#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/journal/change.hpp"

namespace holdfast::server {

/// How records are written into an engine that orders bytes and keeps its own checksums. The first byte of a key says
/// what the record is, the first byte of a value in which version it is written, so that new kinds and new versions can
/// be distinguished from damage. Numbers are little-endian.
///
///     key             value
///     'e' + its key   an entry of the data: 1, flags, version (8), [expires_at (8)], its JSON text
///     'r' + its key   the answer to a request, 'l' + its key a record of a named lock: as an entry
///     'h'             the head: 1, database (8), sequence (8), revision (8), entries (8), fingerprint (8),
///     committed_at (8)
///
/// A touch changes an entry without its text: 1, flags, version (8), [expires_at (8)], to be merged into the entry.
/// Instants are nanoseconds since 1970, signed.
namespace record {

constexpr char head_tag = 'h';
constexpr std::string_view head_key{&head_tag, 1};

/// The first byte of the keys of a keyspace, and the keyspace of a first byte.
[[nodiscard]] char tag_of(keyspace space) noexcept;
[[nodiscard]] std::optional<keyspace> keyspace_of(char tag) noexcept;

/// Part of every batch, so that recovery can check whether it has found everything that was committed.
struct head {
  std::uint64_t database = 0;
  std::uint64_t sequence = 0;
  std::uint64_t revision = 0;
  std::uint64_t entries = 0;      ///< in all keyspaces
  std::uint64_t fingerprint = 0;  ///< the sum of fingerprint_of() over all entries
  change::instant committed_at{};

  bool operator==(head const&) const = default;
};

/// A term of a sum, which is independent of the order in which entries come and go.
[[nodiscard]] std::uint64_t fingerprint_of(keyspace space, std::string_view key, std::uint64_t version) noexcept;

/// Updates the head for one more change, except for `committed_at`, which the caller sets.
void count(head& head, change const& change) noexcept;

/// Writes the value of the head, or of an entry without its text, to `to`, which is overwritten.
void write_head(std::string& to, head const& head);
void write_entry_prefix(std::string& to, change const& change);

struct entry {
  std::uint64_t version = 0;  ///< change::version()
  std::optional<change::instant> expires_at;
  std::string_view text;  ///< within the bytes that were read
};

/// nullopt if the format of the bytes is unknown.
[[nodiscard]] std::optional<head> read_head(std::string_view bytes);
[[nodiscard]] std::optional<entry> read_entry(std::string_view bytes);

/// The version of the entry that a touch changes. nullopt if the bytes are not a touch.
[[nodiscard]] std::optional<std::uint64_t> version_of_touch(std::string_view bytes);

/// Merges touches into an entry: the last one determines the expiry. @return false if one of them is not a touch.
[[nodiscard]] bool merge_touch(std::string_view entry_bytes, std::string_view last_touch, std::string& merged);

}  // namespace record

/// The last acknowledged change, written after each sync and not synced itself: it survives the end of the process, but
/// perhaps not a power loss. The second half is a checksum of the first and of its database.
namespace witness {

[[nodiscard]] std::string write(std::uint64_t database, std::uint64_t sequence);
[[nodiscard]] std::optional<std::uint64_t> read(std::uint64_t database, std::string_view bytes);

}  // namespace witness

}  // namespace holdfast::server
