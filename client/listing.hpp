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
  std::string prefix{};             ///< start of the keys; empty: all
  std::string after{};              ///< only keys after this one; listing::next of the previous page
  std::string until{};              ///< only keys before this one
  std::optional<unsigned> limit{};  ///< entries and groups on a page; nullopt: the server's default, 100
  bool reverse = false;             ///< in descending order
  bool values = false;              ///< include the values
  std::string delimiter{};          ///< keys with the same text up to this, after the prefix, form a group
};

struct list_entry {
  std::string key;
  std::uint64_t revision = 0;
  std::uint64_t bytes = 0;           ///< of the value
  std::optional<double> ttl_s;       ///< seconds until it expires; nullopt: never
  std::optional<std::string> value;  ///< byte for byte; empty unless requested
  std::string json;                  ///< the entry as received
};

/// A page of keys in order, consistent at one revision.
struct listing {
  std::uint64_t revision = 0;
  std::vector<list_entry> entries;
  std::vector<std::string> groups;
  std::optional<std::string> next;  ///< list_query::after of the next page; nullopt: this is the last page
};

[[nodiscard]] std::string query_of(list_query const& asked, request_options const& options);

/// Parses the body of an answer. @return error_kind::bad_answer if it is not a listing.
[[nodiscard]] result<listing> read_listing(std::string_view json);

/// The result of removing a prefix.
struct removal {
  std::uint64_t removed = 0;
  std::uint64_t revision = 0;
  std::optional<std::string> next;  ///< there is more after this key: ask again
};

[[nodiscard]] result<removal> read_removal(std::string_view json);

}  // namespace holdfast::client
