#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "client/load/verify/stated_order.hpp"

namespace holdfast::client::load {

/// What an answer shows of one key.
struct shown_key {
  enum class part : std::uint8_t { version, missing, put, removed };
  part what = part::version;
  bool was_present = false;  ///< of put and removed: what was there before
  bool is_ours = false;      ///< whether this is a key of the run, with a value as the run stores them
  verify::key_number key = verify::no_key;
  std::uint64_t revision = 0;
  std::uint64_t value = verify::not_shown;  ///< the value's own number, or a count
};

/// The content of a list or of a transaction.
struct shown_answer {
  std::uint64_t revision = 0;
  bool to_the_end = true;  ///< of a list: there is no next page
  std::vector<shown_key> keys;
};

/// Reads a page of a list, or the results of a transaction; `prefix` starts every key of the run.
/// @return whether it is one; `to` is undefined otherwise.
[[nodiscard]] bool read_list(std::string_view body, std::string_view prefix, shown_answer& to);
[[nodiscard]] bool read_transaction(std::string_view body, std::string_view prefix, shown_answer& to);

/// Reads what an increment is answered with: a number, or an object with one as its `value`.
[[nodiscard]] std::optional<std::uint64_t> read_count(std::string_view body);

/// The number of a key with this name, no_key when it is none of the run's.
[[nodiscard]] verify::key_number number_of_key(std::string_view name, std::string_view prefix);

}  // namespace holdfast::client::load
