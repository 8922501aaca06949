#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "protocol/json_text.hpp"

namespace holdfast::protocol {

// An operation on the database as a plain value. To add one: here, server/store/database, server/api/values.cpp,
// server/insight/lock_event.hpp, the client, their tests.

struct get_operation {
  std::string key;
};

struct put_operation {
  std::string key;
  json_text value;  ///< never null, valid JSON
};

struct delete_operation {
  std::string key;
};

using operation = std::variant<get_operation, put_operation, delete_operation>;

[[nodiscard]] inline std::string const& key_of(operation const& one) {
  return std::visit([](auto const& alternative) -> std::string const& { return alternative.key; }, one);
}

// What came of it.

struct value_found {
  json_text value;
  std::uint64_t revision;
};

struct value_stored {
  std::uint64_t revision;
  bool created;
  json_text replaced;  ///< what stood there before; freed by whoever holds the outcome, outside the lock
};

struct value_deleted {
  json_text removed;
};

struct no_such_key {};

/// The database has as much as it may have.
struct no_room {};

using outcome = std::variant<value_found, value_stored, value_deleted, no_such_key, no_room>;

/// How a request wants to use the lock.
struct lock_terms {
  std::chrono::nanoseconds hold{0};                      ///< kept this long after the operation
  std::optional<std::chrono::nanoseconds> lock_timeout;  ///< gives up waiting after this; 0: tries once; empty: never
};

}  // namespace holdfast::protocol
