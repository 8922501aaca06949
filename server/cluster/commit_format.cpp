#include "server/cluster/commit_format.hpp"

#include <algorithm>
#include <chrono>
#include <map>
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

std::string take_text(std::string_view& from) {
  auto const bytes = std::min<std::uint64_t>(take_number(from), from.size());
  std::string text(from.substr(0, bytes));
  from.remove_prefix(bytes);
  return text;
}

constexpr char put_tag = 'p', remove_tag = 'd', hidden_tag = 'c';

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
  if (one.what > change::kind::expire || one.space > keyspace::locks || (flags & ~(expires_flag | value_flag)) != 0)
    return std::nullopt;
  from.remove_prefix(4);
  one.sequence = take_number(from);
  one.revision = take_number(from);
  one.previous = take_number(from);
  if (flags & expires_flag) {
    std::chrono::nanoseconds const since(static_cast<std::int64_t>(take_number(from)));
    one.expires_at = change::instant(std::chrono::duration_cast<change::instant::duration>(since));
  }
  one.key = take_text(from);
  if (flags & value_flag) one.value = std::make_shared<std::string const>(take_text(from));
  return one;
}

}  // namespace

std::string write_meta(commit_meta const& meta) {
  std::string text;
  record::write_head(text, meta.head);
  put_number(text, static_cast<std::uint64_t>(meta.term));
  put_number(text, meta.pieces);
  return text;
}

std::optional<commit_meta> read_meta(std::string_view text) {
  if (text.size() < 2 * number_bytes) return std::nullopt;
  auto const head = record::read_head(text.substr(0, text.size() - 2 * number_bytes));
  if (!head) return std::nullopt;
  text.remove_prefix(text.size() - 2 * number_bytes);
  commit_meta read{.head = *head};
  read.term = static_cast<std::int64_t>(take_number(text));
  read.pieces = take_number(text);
  return read;
}

std::string write_pieces(commit_contents const& contents) {
  std::string text;
  for (auto const& one : contents.steps) {
    text += one.what == etcd_step::kind::put ? put_tag : remove_tag;
    put_text(text, one.key);
    put_text(text, one.value);
  }
  if (!contents.hidden_changes.empty()) {
    text += hidden_tag;
    put_text(text, contents.hidden_changes);
  }
  return text;
}

commit_contents read_pieces(std::string_view text) {
  commit_contents contents;
  while (!text.empty()) {
    auto const tag = text.front();
    text.remove_prefix(1);
    auto first = take_text(text);
    if (tag == hidden_tag) {
      contents.hidden_changes = std::move(first);
      continue;
    }
    auto value = take_text(text);
    contents.steps.push_back({.what = tag == put_tag ? etcd_step::kind::put : etcd_step::kind::remove,
                              .key = std::move(first),
                              .value = std::move(value)});
  }
  return contents;
}

void append_change(std::string& to, change const& one) {
  char flags = 0;
  if (one.expires_at) flags |= expires_flag;
  if (one.value) flags |= value_flag;
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
  if (one.value) put_text(to, *one.value);
}

std::optional<std::vector<change>> changes_of_commit(
    std::span<written_entry const> entries, std::string_view hidden_changes, std::uint64_t after, std::uint64_t until,
    std::function<std::uint64_t(std::string_view)> const& version_before) {
  std::vector<change> all;
  while (!hidden_changes.empty()) {
    auto one = take_change(hidden_changes);
    if (!one) return std::nullopt;
    all.push_back(*std::move(one));
  }
  auto const has_hidden = !all.empty();
  for (auto const& one : entries) {
    if (one.key.empty() || record::keyspace_of(one.key.front()) != keyspace::data) continue;
    auto const entry = record::read_entry(one.bytes);
    if (!entry || one.bytes.size() == part_bytes_max) return std::nullopt;
    all.push_back({.what = change::kind::put,
                   .revision = entry->version,
                   .previous = version_before(one.key),
                   .key = std::string(one.key.substr(1)),
                   .value = std::make_shared<std::string const>(entry->text),
                   .expires_at = entry->expires_at});
  }
  if (all.size() != until - after) return std::nullopt;
  std::ranges::sort(all, {}, &change::revision);
  for (std::uint64_t i = 0; i < all.size(); ++i)
    if (all[i].revision != after + 1 + i) return std::nullopt;
  if (!has_hidden) return all;
  // A change that an entry shows may follow another one of its key within the commit.
  std::map<std::string_view, std::uint64_t> versions;
  for (auto& one : all) {
    if (one.space != keyspace::data) continue;
    auto const [place, is_first] = versions.try_emplace(one.key);
    if (!is_first) one.previous = place->second;
    place->second = one.what == change::kind::put ? one.revision : 0;
  }
  return all;
}

}  // namespace holdfast::server
