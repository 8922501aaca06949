#include "protocol/error.hpp"

#include <nlohmann/json.hpp>

namespace holdfast::protocol {

error_traits traits_of(errc code) noexcept {
  switch (code) {
    case errc::bad_request:
      return {400, "bad_request", "The request is not valid HTTP"};
    case errc::request_timeout:
      return {408, "request_timeout", "The request did not arrive in time"};
    case errc::body_too_large:
      return {413, "body_too_large", "The body is too large"};
    case errc::uri_too_long:
      return {414, "uri_too_long", "The request target is too long"};
    case errc::header_too_large:
      return {431, "header_too_large", "The request header is too large"};
    case errc::unknown_transfer_coding:
      return {501, "unknown_transfer_coding", "The transfer coding is not known"};
    case errc::unsupported_version:
      return {505, "unsupported_version", "The HTTP version is not supported"};
    case errc::invalid_json:
      return {400, "invalid_json", "The body is not valid JSON"};
    case errc::invalid_key:
      return {400, "invalid_key", "The key is not valid"};
    case errc::invalid_parameter:
      return {400, "invalid_parameter", "A parameter is not valid"};
    case errc::hold_too_long:
      return {400, "hold_too_long", "The hold is longer than the server allows"};
    case errc::unexpected_body:
      return {400, "unexpected_body", "The method takes no body"};
    case errc::invalid_patch:
      return {400, "invalid_patch", "The patch is not valid"};
    case errc::patch_conflict:
      return {409, "patch_conflict", "The patch does not fit the value"};
    case errc::not_an_integer:
      return {409, "not_an_integer", "The value is not an integer"};
    case errc::out_of_range:
      return {409, "out_of_range", "The number is out of range"};
    case errc::no_such_path:
      return {404, "no_such_path", "There is nothing at this path"};
    case errc::key_not_found:
      return {404, "key_not_found", "There is no such key"};
    case errc::method_not_allowed:
      return {405, "method_not_allowed", "The method does not fit this path"};
    case errc::unsupported_media_type:
      return {415, "unsupported_media_type", "The content type is not supported"};
    case errc::foreign_origin:
      return {403, "foreign_origin", "The origin is not allowed"};
    case errc::token_needed:
      return {401, "token_needed", "A valid token is needed"};
    case errc::scope_missing:
      return {403, "scope_missing", "The token does not allow this"};
    case errc::rate_limited:
      return {429, "rate_limited", "The client has exceeded its limit"};
    case errc::settings_fixed:
      return {403, "settings_fixed", "The settings can't be changed"};
    case errc::unsupported_content_encoding:
      return {415, "unsupported_content_encoding", "The content coding is not supported"};
    case errc::expectation_failed:
      return {417, "expectation_failed", "The expectation can't be met"};
    case errc::unknown_method:
      return {501, "unknown_method", "The method is not known"};
    case errc::precondition_not_supported:
      return {501, "precondition_not_supported", "The precondition is not supported"};
    case errc::precondition_failed:
      return {412, "precondition_failed", "The condition does not hold"};
    case errc::already_exists:
      return {412, "already_exists", "The key exists already"};
    case errc::invalid_transaction:
      return {400, "invalid_transaction", "The body is not a transaction"};
    case errc::transaction_too_large:
      return {413, "transaction_too_large", "The transaction is too large"};
    case errc::check_failed:
      return {412, "check_failed", "A check of the transaction failed"};
    case errc::operation_failed:
      return {409, "operation_failed", "An operation of the transaction can't be done"};
    case errc::history_compacted:
      return {410, "history_compacted", "The changes are no longer available"};
    case errc::invalid_import:
      return {400, "invalid_import", "The import has a line that can't be stored"};
    case errc::import_conflict:
      return {409, "import_conflict", "A key of the import exists already"};
    case errc::invalid_idempotency_key:
      return {400, "invalid_idempotency_key", "The Idempotency-Key is not valid"};
    case errc::idempotency_key_reused:
      return {422, "idempotency_key_reused", "The Idempotency-Key was used for another request"};
    case errc::invalid_lock:
      return {400, "invalid_lock", "The lock's name, ticket or token is not valid"};
    case errc::lock_held:
      return {409, "lock_held", "Another client holds the lock"};
    case errc::deadlock:
      return {409, "deadlock", "Waiting would be a deadlock"};
    case errc::lease_expired:
      return {410, "lease_expired", "The ticket is no longer there"};
    case errc::lock_lost:
      return {412, "lock_lost", "The lock is no longer held"};
    case errc::nothing_is_kept:
      return {409, "nothing_is_kept", "The server keeps no data"};
    case errc::backup_exists:
      return {409, "backup_exists", "There is a backup of that name"};
    case errc::data_elsewhere:
      return {409, "data_elsewhere", "The server keeps its data in etcd"};
    case errc::not_built:
      return {501, "not_built", "The server was built without this"};
    case errc::lock_timeout:
      return {503, "lock_timeout", "The lock was not free in time"};
    case errc::queue_full:
      return {503, "queue_full", "Too many requests wait for the lock"};
    case errc::overloaded:
      return {503, "overloaded", "The server is overloaded"};
    case errc::database_full:
      return {507, "database_full", "The database is full"};
    case errc::disk_full:
      return {507, "disk_full", "The disk is full"};
    case errc::draining:
      return {503, "draining", "The server is shutting down"};
    case errc::no_leader:
      return {503, "no_leader", "No server of the cluster can serve this now"};
    case errc::too_many_connections:
      return {503, "too_many_connections", "The server has too many connections"};
    case errc::backup_failed:
      return {500, "backup_failed", "The backup failed"};
    case errc::internal:
      break;
  }
  return {500, "internal", "The server failed"};
}

std::string problem_json(failure const& error) {
  auto const traits = traits_of(error.code);
  nlohmann::ordered_json const body{
      {"type", "urn:holdfast:problem:" + std::string(traits.code)},
      {"title", traits.title},
      {"status", traits.status},
      {"detail", error.detail},
      {"code", traits.code},
  };
  return body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

}  // namespace holdfast::protocol
