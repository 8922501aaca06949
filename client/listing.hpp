#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/error.hpp"
#include "client/request.hpp"

namespace holdfast::client {

/// Which keys to list.
struct list_query {
  std::string prefix{};             ///< of the keys; empty: all
  std::string after{};              ///< only keys behind this one; listing::next of the page before
  std::string until{};              ///< only keys before this one
  std::optional<unsigned> limit{};  ///< entries and groups on a page; empty: the server's default, 100
  bool reverse = false;             ///< from the last key to the first
  bool values = false;              ///< with the values
  std::string delimiter{};          ///< keys that share what comes up to this, behind the prefix, are one group
};

struct list_entry {
  std::string key;
  std::uint64_t revision = 0;
  std::uint64_t bytes = 0;           ///< of the value
  std::optional<double> ttl_s;       ///< seconds until it expires; empty: it does not
  std::optional<std::string> value;  ///< byte for byte; empty unless it was asked for
  std::string json;                  ///< the entry as the server sent it
};

/// A page of keys, in order, true at one revision.
struct listing {
  std::uint64_t revision = 0;
  std::vector<list_entry> entries;
  std::vector<std::string> groups;
  std::optional<std::string> next;  ///< list_query::after of the next page; empty: this is the last one
};

[[nodiscard]] std::string query_of(list_query const& asked, request_options const& options);

/// Reads the body of an answer. @return error_kind::bad_answer where it is no listing.
[[nodiscard]] result<listing> read_listing(std::string_view json);

/// What the removal of a prefix did.
struct removal {
  std::uint64_t removed = 0;
  std::uint64_t revision = 0;
  std::optional<std::string> next;  ///< there is more from here on; ask again
};

[[nodiscard]] result<removal> read_removal(std::string_view json);

}  // namespace holdfast::client
