#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "client/endpoint.hpp"
#include "client/error.hpp"

namespace holdfast::client {

/// When a key expires. Without one, a put creates a key that does not expire.
struct time_to_live {
  enum class kind { unsaid, lasts, keep, never };
  kind is = kind::unsaid;
  std::chrono::nanoseconds time{0};  ///< for `lasts`

  /// The key expires after this time, at most ttl_max.
  static time_to_live lasting(std::chrono::nanoseconds time) { return {kind::lasts, time}; }
  /// For a put: the expiry does not change.
  static time_to_live keep() { return {kind::keep, {}}; }
  /// For a touch: the key no longer expires.
  static time_to_live never() { return {kind::never, {}}; }
};

/// The longest time to live: 100 years.
constexpr auto ttl_max = std::chrono::hours(24) * 36'525;

/// Parses `30s`, `1.5h` or `90d`: a duration, also in days, up to 100 years; `keep`; or `none` for never.
/// @return error_kind::invalid_request with a correct example.
[[nodiscard]] result<time_to_live> parse_ttl(std::string_view text);

/// Writes a time to live for the server, in whole seconds above a day. Not for `unsaid`.
[[nodiscard]] std::string format_ttl(time_to_live const& ttl);

/// Options of an operation besides its key and value.
struct request_options {
  std::optional<std::chrono::nanoseconds> hold{};          ///< keep the lock this long after the operation
  std::optional<std::chrono::nanoseconds> lock_timeout{};  ///< give up waiting for the lock after this; 0: try once
  /// Only if one of these entity tags is the present one: a list as in the field, or `*` for any.
  std::string if_match{};
  /// Only if none of them is: for a put, `*` requires a new key.
  std::string if_none_match{};
  time_to_live ttl{};             ///< for put, increment (if it creates the key) and touch
  bool returns_value = false;     ///< answers to writes contain the new value, to removals the old one
  std::string idempotency_key{};  ///< a repeated write with this is executed once
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

/// The query with hold and lock-timeout, including its question mark; empty if neither is set.
[[nodiscard]] std::string query_of(request_options const& options);

/// Header lines of the other options: If-Match, If-None-Match, Prefer and Idempotency-Key.
/// @return error_kind::invalid_request if one contains a character that fields can't have.
[[nodiscard]] result<std::string> fields_of(request_options const& options);

/// The header of a request. `target` is an encoded path with an optional query. PUT, POST and PATCH announce
/// `body_bytes`, which are JSON for PUT; without it, `fields` says how the body is sent. @param fields further header
/// lines, each with its line end
[[nodiscard]] std::string request_head(endpoint const& server, std::string_view method, std::string_view target,
                                       std::optional<std::size_t> body_bytes, std::string_view fields = {});

}  // namespace holdfast::client
