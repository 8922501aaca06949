#include "client/listing.hpp"

#include <charconv>

#include "client/json_parts.hpp"
#include "protocol/json.hpp"

namespace holdfast::client {
namespace {

error bad(char const* what) {
  return {error_kind::bad_answer, "the answer is " + std::string(what) + "; is that a Holdfast server?", {}};
}

template <class T>
bool read_number(std::string_view text, T& to) {
  auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), to);
  return failed == std::errc() && end == text.data() + text.size();
}

/// @return true if it is an object with a key.
bool read_entry(std::string_view json, list_entry& entry) {
  entry.json = json;
  bool named = false, sound = true;
  for (auto const& [name, value] : members_of(json)) {
    if (name == "key") {
      named = value.starts_with('"');
      entry.key = string_in(value);
    } else if (name == "revision") {
      sound = sound && read_number(value, entry.revision);
    } else if (name == "bytes") {
      sound = sound && read_number(value, entry.bytes);
    } else if (name == "ttl" && value != "null") {
      sound = sound && read_number(value, entry.ttl_s.emplace());
    } else if (name == "value") {
      entry.value.emplace(value);
    }
  }
  return named && sound;
}

}  // namespace

std::string query_of(list_query const& asked, request_options const& options) {
  query all;
  all.add("prefix", asked.prefix);  // even an empty one: /v1/kv/ alone is not a list
  if (!asked.after.empty()) all.add("after", asked.after);
  if (!asked.until.empty()) all.add("until", asked.until);
  if (asked.limit) all.add("limit", std::to_string(*asked.limit));
  if (asked.reverse) all.add("reverse", "true");
  if (asked.values) all.add("values", "true");
  if (!asked.delimiter.empty()) all.add("delimiter", asked.delimiter);
  return all.add_lock_terms(options).text();
}

result<listing> read_listing(std::string_view json) {
  if (!protocol::check_json(json, protocol::json_depth_with_values_max)) return bad("not JSON");
  listing page;
  bool has_entries = false, sound = true;
  for (auto const& [name, value] : members_of(json)) {
    if (name == "revision") sound = sound && read_number(value, page.revision);
    if (name == "next" && value.starts_with('"')) page.next = string_in(value);
    if (name == "groups") {
      for (auto const group : elements_of(value)) page.groups.push_back(string_in(group));
    }
    if (name == "entries") {
      has_entries = value.starts_with('[');
      for (auto const entry : elements_of(value)) sound = sound && read_entry(entry, page.entries.emplace_back());
    }
  }
  if (!has_entries || !sound) return bad("not a list of keys");
  return page;
}

result<removal> read_removal(std::string_view json) {
  if (!protocol::check_json(json)) return bad("not JSON");
  removal done;
  bool counted = false;
  for (auto const& [name, value] : members_of(json)) {
    if (name == "deleted") counted = read_number(value, done.removed);
    if (name == "revision" && !read_number(value, done.revision)) return bad("not a count of removed keys");
    if (name == "next" && value.starts_with('"')) done.next = string_in(value);
  }
  if (!counted) return bad("not a count of removed keys");
  return done;
}

}  // namespace holdfast::client
