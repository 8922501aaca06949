#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "protocol/error.hpp"
#include "server/store/operation.hpp"

namespace holdfast::server {

/// The query parameters of data requests. Each resource accepts some of them.
struct parameters {
  lock_terms terms;
  std::optional<std::chrono::nanoseconds> wait, lease;
  std::optional<time_to_live> ttl;
  std::optional<std::int64_t> increment, min, max;
  std::optional<std::string> initial;  ///< a number, or true if a watch begins with the present values
  std::string prefix;
  std::optional<std::string> after, until, key, from, format, if_exists, id, keep;
  std::string delimiter;
  std::optional<std::size_t> limit;
  bool has_prefix = false;
  bool reverse = false, values = false, all = false;
};

/// Parses a query. @param allowed names that the resource accepts; error messages list them. @param defaults terms that
/// the query does not set. @return errc::invalid_parameter or errc::hold_too_long.
[[nodiscard]] protocol::result<parameters> read_parameters(std::string_view query,
                                                           std::span<std::string_view const> allowed,
                                                           lock_terms const& defaults,
                                                           std::chrono::nanoseconds hold_max);

/// Parses a time to live: a duration of up to 100 years, also in days (`30d`). @return what is wrong.
[[nodiscard]] protocol::result<std::chrono::nanoseconds> parse_time_to_live(std::string_view text);

/// Parses a whole number in decimal digits, optionally with a minus. @return nullopt for other text.
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text) noexcept;

}  // namespace holdfast::server
