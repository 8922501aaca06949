#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace holdfast::protocol {

/// All reasons for refusing a request. The names are stable: clients see them as `code`.
enum class errc {
  // the message is malformed, so the connection is closed
  bad_request,
  request_timeout,
  body_too_large,
  uri_too_long,
  header_too_large,
  unknown_transfer_coding,
  unsupported_version,
  // the message is valid, but the request cannot be fulfilled
  invalid_json,
  invalid_key,
  invalid_parameter,
  hold_too_long,
  unexpected_body,
  invalid_patch,
  patch_conflict,
  not_an_integer,
  out_of_range,
  no_such_path,
  key_not_found,
  method_not_allowed,
  unsupported_media_type,
  unsupported_content_encoding,
  foreign_origin,
  token_needed,
  scope_missing,
  rate_limited,
  settings_fixed,
  expectation_failed,
  unknown_method,
  precondition_not_supported,
  precondition_failed,
  already_exists,
  invalid_transaction,
  transaction_too_large,
  check_failed,
  operation_failed,
  history_compacted,
  invalid_import,
  import_conflict,
  invalid_idempotency_key,
  idempotency_key_reused,
  invalid_lock,
  lock_held,
  deadlock,
  lease_expired,
  lock_lost,
  nothing_is_kept,
  backup_exists,
  data_elsewhere,
  not_built,
  // the server cannot fulfil the request now
  lock_timeout,
  queue_full,
  overloaded,
  database_full,
  disk_full,
  draining,
  no_leader,
  too_many_connections,
  backup_failed,
  internal,
};

/// How an error is presented to clients, the same for all its occurrences.
struct error_traits {
  unsigned status;         ///< HTTP status
  std::string_view code;   ///< stable identifier, snake_case
  std::string_view title;  ///< one line for people, always the same (RFC 9457 §3.1.3)
};

/// The only mapping of errors to HTTP statuses.
[[nodiscard]] error_traits traits_of(errc code) noexcept;

/// Why something was refused: the kind of error, and what to do about it in this case.
struct failure {
  errc code;
  std::string detail;
};

/// Called by result<T>::value() if there is no value.
[[noreturn]] inline void throw_exception_from_error(failure const& error, boost::source_location const&) {
  throw std::runtime_error(error.detail);
}

/// A value or the failure. For expected outcomes; exceptions are for resource exhaustion and start-up errors.
template <class T>
using result = boost::system::result<T, failure>;

/// The body of an application/problem+json answer (RFC 9457): one line that ends with a line feed. Bytes of `detail`
/// that are not UTF-8 are replaced.
[[nodiscard]] std::string problem_json(failure const& error);

}  // namespace holdfast::protocol
