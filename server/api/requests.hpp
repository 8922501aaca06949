#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "server/api/cluster_view.hpp"
#include "server/api/route_settings.hpp"
#include "server/http/reply.hpp"
#include "server/insight/lock_event.hpp"
#include "server/insight/told_event.hpp"
#include "server/journal/change.hpp"
#include "server/store/operation.hpp"

namespace holdfast::server {

/// A request for the database: its operation, its terms, and what its answer depends on.
struct data_request {
  data_operation operation;
  lock_terms terms;
  lock_operation name = lock_operation::get;  ///< the operation's name in lock events

  enum class body_kind : std::uint8_t { none, value, merge_patch, json_patch, transaction };
  body_kind body = body_kind::none;  ///< the part of the request that is still missing and completes the operation

  std::optional<std::chrono::nanoseconds> wait;  ///< for GET: wait for a value other than the known one
  bool head_only = false;
  bool wants_representation = false;  ///< a write that returns the value

  [[nodiscard]] bool writes() const noexcept {
    return name != lock_operation::get && name != lock_operation::head && name != lock_operation::list;
  }
};

/// A request for the lock's state, events or trace, or for metrics.
struct lock_request {
  enum class kind { state, events, trace, metrics };
  kind what = kind::state;
  std::size_t limit = 100;                  ///< for state: number of queue entries
  event_format format = event_format::sse;  ///< for events
  std::optional<std::uint64_t> after;       ///< for events: number of the last event seen
  std::uint64_t after_start = 0;            ///< for events: the process of that number; 0: this one
  std::chrono::nanoseconds duration = std::chrono::seconds(10);  ///< for trace: time span
};

/// A request for a ticket of a named lock.
struct ticket_request {
  ticket_operation what;
  lock_terms terms;
  std::optional<std::chrono::nanoseconds> wait;  ///< time to wait for the grant; nullopt: report the state at once
  bool is_kept_by_connection = false;            ///< the lock is bound to the connection
};

/// A watch of a key, of all keys with a prefix, or of the tickets of a named lock.
struct watch_request {
  keyspace space = keyspace::data;
  std::string key;  ///< or the prefix
  bool is_prefix = true;
  bool begins_with_values = false;  ///< begin with the present values
  bool may_be_told_lost = false;    ///< a browser reconnects automatically, and does not treat an error as an answer
  event_format format = event_format::sse;
  std::optional<std::uint64_t> after;  ///< last revision seen; nullopt: only new changes
  bool is_of_other_database = false;   ///< `after` is from another database
};

/// Export of all keys with a prefix, as lines.
struct export_request {
  std::string prefix;
  lock_terms terms;
};

/// Import of lines of keys and values.
struct import_request {
  import_operation::present_key if_exists = import_operation::present_key::replace;
  lock_terms terms;
  std::vector<lock_grant> grants;  ///< must be valid for each part
};

/// A read or, according to its body, a change of the settings.
struct settings_request {
  bool changes = false;
};

/// A request for the version and the place of the data.
struct version_request {};

/// A request for a backup; its body names it.
struct backup_request {
  std::string name;  ///< nullopt until the body has come; empty: named by the time
};

/// The result of routing a header: a complete answer (probes, pages, refusals), or what to do.
using routed = std::variant<reply, data_request, lock_request, watch_request, ticket_request, export_request,
                            import_request, version_request, backup_request, settings_request>;

/// What routing depends on besides the header.
struct route_context {
  route_settings const& settings;
  std::uint64_t database_id = 0;
  std::chrono::nanoseconds read_hold{};  ///< current default hold of GET and HEAD
  bool draining = false;
  cluster_view const* cluster = nullptr;  ///< null: this server is alone
};

}  // namespace holdfast::server
