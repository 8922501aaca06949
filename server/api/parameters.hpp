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

/// What the query of a request for data may say. Each resource takes some of it.
struct parameters {
  lock_terms terms;
  std::optional<std::chrono::nanoseconds> wait, lease;
  std::optional<time_to_live> ttl;
  std::optional<std::int64_t> increment, min, max;
  std::optional<std::string> initial;  ///< a number, or whether a watch begins with what there is
  std::string prefix;
  std::optional<std::string> after, until, key, from, format, if_exists, id, keep;
  std::string delimiter;
  std::optional<std::size_t> limit;
  bool has_prefix = false;
  bool reverse = false, values = false, all = false;
};

/// Reads a query. @param allowed the names that the resource takes, as they are listed when another is given.
/// @param defaults the terms where the query names none. @return errc::invalid_parameter or errc::hold_too_long.
[[nodiscard]] protocol::result<parameters> read_parameters(std::string_view query,
                                                           std::span<std::string_view const> allowed,
                                                           lock_terms const& defaults,
                                                           std::chrono::nanoseconds hold_max);

/// A time to live: a duration as everywhere, but up to 100 years, also in days (`30d`). @return what is wrong
/// otherwise.
[[nodiscard]] protocol::result<std::chrono::nanoseconds> parse_time_to_live(std::string_view text);

/// A whole number in decimal digits, perhaps with a minus. Nothing where it is anything else.
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text) noexcept;

}  // namespace holdfast::server
