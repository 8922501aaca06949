#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "client/load/verify/stated_order.hpp"

namespace holdfast::client::load {

/// What an answer reports about one key.
struct shown_key {
  enum class part : std::uint8_t { version, missing, put, removed };
  part what = part::version;
  bool was_present = false;  ///< for put and removed: the key had a value before
  bool is_ours = false;      ///< a key of the run with a value in the run's format
  verify::key_number key = verify::no_key;
  std::uint64_t revision = 0;
  std::uint64_t value = verify::not_shown;  ///< the value's number, or a count
};

/// The content of a list's or a transaction's answer.
struct shown_answer {
  std::uint64_t revision = 0;
  bool to_the_end = true;  ///< for a list: there is no next page
  std::vector<shown_key> keys;
};

/// Parses a page of a list, or the results of a transaction. `prefix` is that of the run's keys.
/// @return false if it is malformed; `to` is unspecified then.
[[nodiscard]] bool read_list(std::string_view body, std::string_view prefix, shown_answer& to);
[[nodiscard]] bool read_transaction(std::string_view body, std::string_view prefix, shown_answer& to);

/// Parses the answer to an increment: a number, or an object whose `value` is a number.
[[nodiscard]] std::optional<std::uint64_t> read_count(std::string_view body);

/// The number of the key with this name; no_key if it is not one of the run's keys.
[[nodiscard]] verify::key_number number_of_key(std::string_view name, std::string_view prefix);

}  // namespace holdfast::client::load
