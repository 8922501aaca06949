#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "client/endpoint.hpp"
#include "client/error.hpp"

namespace holdfast::client {

/// When a key expires. A put without one makes a key that does not expire.
struct time_to_live {
  enum class kind { unsaid, lasts, keep, never };
  kind is = kind::unsaid;
  std::chrono::nanoseconds time{0};  ///< of `lasts`

  /// It expires after this time, at most ttl_max.
  static time_to_live lasting(std::chrono::nanoseconds time) { return {kind::lasts, time}; }
  /// A PUT leaves it as it is.
  static time_to_live keep() { return {kind::keep, {}}; }
  /// A touch takes it away.
  static time_to_live never() { return {kind::never, {}}; }
};

/// The longest time to live: 100 years.
constexpr auto ttl_max = std::chrono::hours(24) * 36'525;

/// Reads `30s`, `1.5h` or `90d`: as every duration, and days, up to 100 years; `keep`, and `none` for never.
/// @return error_kind::invalid_request with what would be right.
[[nodiscard]] result<time_to_live> parse_ttl(std::string_view text);

/// Writes one so that the server reads the same, in whole seconds above a day. Not for `unsaid`.
[[nodiscard]] std::string format_ttl(time_to_live const& ttl);

/// What an operation takes besides its key and its value. All of it is optional.
struct request_options {
  std::optional<std::chrono::nanoseconds> hold{};          ///< keep the lock this long after the operation
  std::optional<std::chrono::nanoseconds> lock_timeout{};  ///< give up waiting for the lock after this; 0: try once
  /// The operation is done only if one of these entity tags is the present one: a list as in the field, or `*` for any.
  std::string if_match{};
  /// The operation is done only if none is: `*` on a put means that the key must be new.
  std::string if_none_match{};
  time_to_live ttl{};             ///< of put, increment (of a key that it creates) and touch
  bool returns_value = false;     ///< the answer to a write has the new value, that to a removal the old one
  std::string idempotency_key{};  ///< a write that is sent twice with this is done once
};

/// The query of a target: `?name=value&…`, percent-encoded.
class query {
 public:
  query& add(std::string_view name, std::string_view value);
  /// hold and lock-timeout.
  query& add_lock_terms(request_options const& options);
  query& add(std::string_view name, time_to_live const& ttl);
  [[nodiscard]] std::string const& text() const { return text_; }

 private:
  std::string text_;
};

/// The query that carries hold and lock-timeout, with its question mark; empty when neither is set.
[[nodiscard]] std::string query_of(request_options const& options);

/// The header lines that carry the other options: If-Match, If-None-Match, Prefer and Idempotency-Key.
/// @return error_kind::invalid_request where one holds a character that no field may have.
[[nodiscard]] result<std::string> fields_of(request_options const& options);

/// The header of a request. `target` is a path already encoded and perhaps a query. PUT, POST and PATCH announce
/// `body_bytes`, of JSON where it is a PUT; without them `fields` says how the body is sent. @param fields more header
/// lines, each with its line end
[[nodiscard]] std::string request_head(endpoint const& server, std::string_view method, std::string_view target,
                                       std::optional<std::size_t> body_bytes, std::string_view fields = {});

}  // namespace holdfast::client
