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

/// The first byte of the keys of a keyspace, and the keyspace that a first byte means.
[[nodiscard]] char tag_of(keyspace space) noexcept;
[[nodiscard]] std::optional<keyspace> keyspace_of(char tag) noexcept;

/// What stands in every batch, so that a recovery knows whether it has found all that was committed.
struct head {
  std::uint64_t database = 0;
  std::uint64_t sequence = 0;
  std::uint64_t revision = 0;
  std::uint64_t entries = 0;      ///< of all keyspaces
  std::uint64_t fingerprint = 0;  ///< of all entries: the sum of fingerprint_of()
  change::instant committed_at{};

  bool operator==(head const&) const = default;
};

/// Takes part in a sum, so it is the same in whichever order entries come and go.
[[nodiscard]] std::uint64_t fingerprint_of(keyspace space, std::string_view key, std::uint64_t version) noexcept;

/// Brings the head up to date with one more change; `committed_at` is the caller's.
void count(head& head, change const& change) noexcept;

/// Writes the head's value, or that of an entry without its text, to `to`, which is overwritten.
void write_head(std::string& to, head const& head);
void write_entry_prefix(std::string& to, change const& change);

struct entry {
  std::uint64_t version = 0;  ///< change::version()
  std::optional<change::instant> expires_at;
  std::string_view text;  ///< in the bytes that were read
};

/// Nothing when the bytes are not of a version that is known here.
[[nodiscard]] std::optional<head> read_head(std::string_view bytes);
[[nodiscard]] std::optional<entry> read_entry(std::string_view bytes);

/// Of which version of an entry a touch is. Nothing when the bytes are no touch.
[[nodiscard]] std::optional<std::uint64_t> version_of_touch(std::string_view bytes);

/// Merges touches into an entry: the last one decides when it expires. @return false when one of them is no touch.
[[nodiscard]] bool merge_touch(std::string_view entry_bytes, std::string_view last_touch, std::string& merged);

}  // namespace record

/// The last change that was acknowledged, written after each sync and not synced itself: it survives the death of the
/// process, but perhaps not that of the machine. The second half checks the first, and to whom it belongs.
namespace witness {

[[nodiscard]] std::string write(std::uint64_t database, std::uint64_t sequence);
[[nodiscard]] std::optional<std::uint64_t> read(std::uint64_t database, std::string_view bytes);

}  // namespace witness

}  // namespace holdfast::server
