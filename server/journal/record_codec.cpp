#include "server/journal/record_codec.hpp"

#include <chrono>
#include <cstddef>

namespace holdfast::server {

namespace {

constexpr char version = 1;
constexpr char expires_flag = 1, touch_flag = 2;
constexpr std::size_t fixed_bytes = 8;

void put_fixed(std::string& to, std::uint64_t number) {
  for (std::size_t i = 0; i < fixed_bytes; ++i) to += static_cast<char>(number >> (8 * i));
}

std::uint64_t fixed_at(std::string_view bytes, std::size_t offset) {
  std::uint64_t number = 0;
  for (std::size_t i = fixed_bytes; i-- > 0;) number = number << 8 | static_cast<unsigned char>(bytes[offset + i]);
  return number;
}

void put_instant(std::string& to, change::instant instant) {
  using std::chrono::nanoseconds;
  auto const since = std::chrono::duration_cast<nanoseconds>(instant.time_since_epoch());
  put_fixed(to, static_cast<std::uint64_t>(since.count()));
}

change::instant instant_at(std::string_view bytes, std::size_t offset) {
  std::chrono::nanoseconds const since(static_cast<std::int64_t>(fixed_at(bytes, offset)));
  return change::instant(std::chrono::duration_cast<change::instant::duration>(since));
}

/// The finalizer of splitmix64 (Steele, Lea and Flood, 2014): each bit of the result depends on all bits of the
/// argument.
std::uint64_t mix(std::uint64_t number) noexcept {
  number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9;
  number = (number ^ number >> 27) * 0x94d049bb133111eb;
  return number ^ number >> 31;
}

struct parsed_prefix {
  char flags;
  record::entry entry;
};

std::optional<parsed_prefix> read_prefix(std::string_view bytes) {
  constexpr std::size_t least_bytes = 2 + fixed_bytes;
  if (bytes.size() < least_bytes || bytes[0] != version) return std::nullopt;
  auto const flags = bytes[1];
  if ((flags & ~(expires_flag | touch_flag)) != 0) return std::nullopt;
  parsed_prefix parsed{flags, {fixed_at(bytes, 2), std::nullopt, bytes.substr(least_bytes)}};
  if (flags & expires_flag) {
    if (parsed.entry.text.size() < fixed_bytes) return std::nullopt;
    parsed.entry.expires_at = instant_at(bytes, least_bytes);
    parsed.entry.text.remove_prefix(fixed_bytes);
  }
  return parsed;
}

}  // namespace

namespace record {

char tag_of(keyspace space) noexcept {
  switch (space) {
    case keyspace::data:
      return 'e';
    case keyspace::requests:
      return 'r';
    case keyspace::locks:
      return 'l';
  }
  return head_tag;
}

std::optional<keyspace> keyspace_of(char tag) noexcept {
  for (auto const space : {keyspace::data, keyspace::requests, keyspace::locks})
    if (tag_of(space) == tag) return space;
  return std::nullopt;
}

std::uint64_t fingerprint_of(keyspace space, std::string_view key, std::uint64_t version) noexcept {
  // FNV-1a (Fowler, Noll and Vo). Not std::hash, because it is stored and must be the same in every build.
  std::uint64_t hash = 0xcbf29ce484222325;
  auto const add = [&hash](char c) { hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3; };
  for (char const c : key) add(c);
  if (space != keyspace::data) add(tag_of(space));
  return mix(hash ^ mix(version));
}

void count(head& head, change const& change) noexcept {
  head.sequence = change.sequence;
  if (change.revision > head.revision) head.revision = change.revision;
  if (change.what == change::kind::touch) return;
  if (change.previous != 0) {
    --head.entries;
    head.fingerprint -= fingerprint_of(change.space, change.key, change.previous);
  }
  if (change.what == change::kind::put) {
    ++head.entries;
    head.fingerprint += fingerprint_of(change.space, change.key, change.version());
  }
}

void write_head(std::string& to, head const& head) {
  to.assign(1, version);
  for (auto const number : {head.database, head.sequence, head.revision, head.entries, head.fingerprint})
    put_fixed(to, number);
  put_instant(to, head.committed_at);
}

void write_entry_prefix(std::string& to, change const& change) {
  char flags = 0;
  if (change.what == change::kind::touch) flags |= touch_flag;
  if (change.expires_at) flags |= expires_flag;
  to.assign({version, flags});
  put_fixed(to, change.version());
  if (change.expires_at) put_instant(to, *change.expires_at);
}

std::optional<head> read_head(std::string_view bytes) {
  if (bytes.size() != 1 + 6 * fixed_bytes || bytes[0] != version) return std::nullopt;
  auto const number = [&](std::size_t index) { return fixed_at(bytes, 1 + index * fixed_bytes); };
  return head{.database = number(0),
              .sequence = number(1),
              .revision = number(2),
              .entries = number(3),
              .fingerprint = number(4),
              .committed_at = instant_at(bytes, 1 + 5 * fixed_bytes)};
}

std::optional<entry> read_entry(std::string_view bytes) {
  auto const parsed = read_prefix(bytes);
  if (!parsed || (parsed->flags & touch_flag)) return std::nullopt;
  return parsed->entry;
}

std::optional<std::uint64_t> version_of_touch(std::string_view bytes) {
  auto const parsed = read_prefix(bytes);
  if (!parsed || !(parsed->flags & touch_flag) || !parsed->entry.text.empty()) return std::nullopt;
  return parsed->entry.version;
}

bool merge_touch(std::string_view entry_bytes, std::string_view last_touch, std::string& merged) {
  auto const entry = read_entry(entry_bytes);
  auto const touch = read_prefix(last_touch);
  if (!entry || !touch || !(touch->flags & touch_flag) || !touch->entry.text.empty()) return false;
  change touched;
  touched.revision = entry->version;
  touched.expires_at = touch->entry.expires_at;
  write_entry_prefix(merged, touched);
  merged += entry->text;
  return true;
}

}  // namespace record

namespace witness {

std::string write(std::uint64_t database, std::uint64_t sequence) {
  std::string bytes;
  put_fixed(bytes, sequence);
  put_fixed(bytes, mix(sequence ^ mix(database)));
  return bytes;
}

std::optional<std::uint64_t> read(std::uint64_t database, std::string_view bytes) {
  if (bytes.size() != 2 * fixed_bytes) return std::nullopt;
  auto const sequence = fixed_at(bytes, 0);
  if (bytes != write(database, sequence)) return std::nullopt;
  return sequence;
}

}  // namespace witness

}  // namespace holdfast::server
