#include "server/cluster/commit_format.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

namespace holdfast::server {

namespace {

constexpr std::size_t number_bytes = 8;

void put_number(std::string& to, std::uint64_t number) {
  for (std::size_t i = 0; i < number_bytes; ++i) to += static_cast<char>(number >> (8 * i));
}

std::uint64_t take_number(std::string_view& from) {
  std::uint64_t number = 0;
  for (std::size_t i = std::min(number_bytes, from.size()); i-- > 0;)
    number = number << 8 | static_cast<unsigned char>(from[i]);
  from.remove_prefix(std::min(number_bytes, from.size()));
  return number;
}

void put_text(std::string& to, std::string_view text) {
  put_number(to, text.size());
  to += text;
}

std::optional<std::string_view> take_text(std::string_view& from) {
  if (from.size() < number_bytes) return std::nullopt;
  auto const bytes = take_number(from);
  if (bytes > from.size()) return std::nullopt;
  auto const text = from.substr(0, bytes);
  from.remove_prefix(bytes);
  return text;
}

// The first byte of a record. Records of later versions have another one.
constexpr char record_version = 1;
// The first byte of a change. Changes of later versions have another one.
constexpr char change_version = 1;
constexpr char expires_flag = 1, value_flag = 2;

/// @return nullopt if the format is unknown or the text ends too early.
std::optional<change> take_change(std::string_view& from) {
  constexpr std::size_t fixed_bytes = 4 + 4 * number_bytes;
  if (from.size() < fixed_bytes || from[0] != change_version) return std::nullopt;
  change one;
  one.what = static_cast<change::kind>(from[1]);
  one.space = static_cast<keyspace>(from[2]);
  auto const flags = from[3];
  if (one.what > change::kind::touch || one.space > keyspace::locks || (flags & ~(expires_flag | value_flag)) != 0)
    return std::nullopt;
  if (one.what == change::kind::put && (flags & value_flag) == 0) return std::nullopt;
  from.remove_prefix(4);
  one.sequence = take_number(from);
  one.revision = take_number(from);
  one.previous = take_number(from);
  if (flags & expires_flag) {
    std::chrono::nanoseconds const since(static_cast<std::int64_t>(take_number(from)));
    one.expires_at = change::instant(std::chrono::duration_cast<change::instant::duration>(since));
  }
  auto const key = take_text(from);
  if (!key) return std::nullopt;
  one.key = *key;
  if (flags & value_flag) {
    auto const value = take_text(from);
    if (!value) return std::nullopt;
    one.value = std::make_shared<std::string const>(*value);
  }
  return one;
}

}  // namespace

std::string write_record(log_record const& record) {
  std::string head;
  record::write_head(head, record.head);
  std::string text;
  text.reserve(2 + 4 * number_bytes + head.size() + record.changes.size());
  text += record_version;
  text += static_cast<char>(record.what);
  put_number(text, static_cast<std::uint64_t>(record.term));
  put_number(text, record.first);
  put_number(text, record.pieces);
  put_text(text, head);
  text += record.changes;
  return text;
}

std::optional<log_record> read_record(std::string_view text) {
  if (text.size() < 2 + 4 * number_bytes || text[0] != record_version) return std::nullopt;
  log_record read{.what = static_cast<log_record::kind>(text[1])};
  if (read.what > log_record::kind::piece) return std::nullopt;
  text.remove_prefix(2);
  read.term = static_cast<std::int64_t>(take_number(text));
  read.first = take_number(text);
  read.pieces = take_number(text);
  auto const head_text = take_text(text);
  auto const head = head_text ? record::read_head(*head_text) : std::nullopt;
  if (!head) return std::nullopt;
  read.head = *head;
  read.changes = text;
  return read;
}

void append_change(std::string& to, change const& one) {
  char flags = 0;
  if (one.expires_at) flags |= expires_flag;
  auto const has_value = one.value && one.what != change::kind::touch;
  if (has_value) flags |= value_flag;
  to += change_version;
  to += static_cast<char>(one.what);
  to += static_cast<char>(one.space);
  to += flags;
  put_number(to, one.sequence);
  put_number(to, one.revision);
  put_number(to, one.previous);
  if (one.expires_at) {
    auto const since = std::chrono::duration_cast<std::chrono::nanoseconds>(one.expires_at->time_since_epoch());
    put_number(to, static_cast<std::uint64_t>(since.count()));
  }
  put_text(to, one.key);
  if (has_value) put_text(to, *one.value);
}

std::optional<std::vector<change>> read_changes(std::string_view text) {
  std::vector<change> all;
  while (!text.empty()) {
    auto one = take_change(text);
    if (!one) return std::nullopt;
    all.push_back(*std::move(one));
  }
  return all;
}

}  // namespace holdfast::server
