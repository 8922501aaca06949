#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/error.hpp"
#include "client/request.hpp"

namespace holdfast::client {

enum class patch_kind {
  merge,       ///< RFC 7396: an object whose members replace those of the value
  operations,  ///< RFC 6902: an array of operations
};

/// An increment and its limits.
struct increment {
  std::int64_t by = 1;
  std::optional<std::int64_t> initial{};     ///< start value of an absent key; nullopt: 0
  std::optional<std::int64_t> min{}, max{};  ///< results outside are refused
};

/// Several operations that are executed together under one acquisition of the lock, or not at all. They run in the
/// order in which they were added; each sees the effects of those before it.
class transaction {
 public:
  // Checks: all must hold.
  transaction& check_etag(std::string_view key, std::string_view etag);
  transaction& check_exists(std::string_view key, bool exists);
  /// `value` is JSON text.
  transaction& check_value(std::string_view key, std::string_view value);

  // Operations.
  transaction& get(std::string_view key);
  transaction& put(std::string_view key, std::string_view value, time_to_live const& ttl = {});
  transaction& del(std::string_view key);
  transaction& add(std::string_view key, increment const& change = {});
  /// `patch` is a merge patch (RFC 7396), JSON text.
  transaction& merge(std::string_view key, std::string_view patch);
  /// `patch` is a JSON Patch (RFC 6902), JSON text.
  transaction& json_patch(std::string_view key, std::string_view patch);
  transaction& touch(std::string_view key, time_to_live const& ttl);
  transaction& list(std::string_view prefix, unsigned limit);

  /// The body of the request.
  [[nodiscard]] std::string json() const;

 private:
  std::string checks_, operations_;
};

/// The result of a transaction.
struct transaction_results {
  std::uint64_t revision = 0;        ///< of the database afterwards
  std::vector<std::string> results;  ///< one per operation, in order, as JSON
};

/// Parses the body of an answer. @return error_kind::bad_answer if it is invalid.
[[nodiscard]] result<transaction_results> read_transaction_results(std::string_view json);

}  // namespace holdfast::client
