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

/// A request that concerns the database: what to do, under which terms, and what its answer depends on.
struct data_request {
  data_operation operation;
  lock_terms terms;
  lock_operation name = lock_operation::get;  ///< as whoever watches the lock calls it

  enum class body_kind : std::uint8_t { none, value, merge_patch, json_patch, transaction };
  body_kind body = body_kind::none;  ///< what is still to come, and completes the operation

  std::optional<std::chrono::nanoseconds> wait;  ///< of a GET: for a value other than the one it is known to have
  bool head_only = false;
  bool wants_representation = false;  ///< the value itself as the answer to a write

  [[nodiscard]] bool writes() const noexcept {
    return name != lock_operation::get && name != lock_operation::head && name != lock_operation::list;
  }
};

/// A request about the lock, or about all that is counted.
struct lock_request {
  enum class kind { state, events, trace, metrics };
  kind what = kind::state;
  std::size_t limit = 100;                                       ///< of state: the queue's entries
  event_format format = event_format::sse;                       ///< of events
  std::optional<std::uint64_t> after;                            ///< of events: the last that was seen
  std::uint64_t after_start = 0;                                 ///< of events: by which process; 0: by this one
  std::chrono::nanoseconds duration = std::chrono::seconds(10);  ///< of trace: how far back
};

/// A request for a ticket of a named lock.
struct ticket_request {
  ticket_operation what;
  lock_terms terms;
  std::optional<std::chrono::nanoseconds> wait;  ///< for the grant; empty: it is told how things stand
  bool is_kept_by_connection = false;            ///< the lock is held as long as the client is there
};

/// A client that follows the changes of a key, or of all keys with a prefix; or of the tickets of a named lock.
struct watch_request {
  keyspace space = keyspace::data;
  std::string key;  ///< or the prefix
  bool is_prefix = true;
  bool begins_with_values = false;  ///< what there is comes first
  bool may_be_told_lost = false;    ///< a browser reconnects by itself, and takes no error for an answer
  event_format format = event_format::sse;
  std::optional<std::uint64_t> after;  ///< the last revision that was seen; empty: only what comes
  bool is_of_other_database = false;   ///< `after` belongs to a database that is not this one
};

/// All keys with a prefix, as lines.
struct export_request {
  std::string prefix;
  lock_terms terms;
};

/// Lines of keys and values, to be stored.
struct import_request {
  import_operation::present_key if_exists = import_operation::present_key::replace;
  lock_terms terms;
  std::vector<lock_grant> grants;  ///< that must live, of each part
};

/// A look at the settings, or a change, according to its body.
struct settings_request {
  bool changes = false;
};

/// A question for what runs here and where its data are.
struct version_request {};

/// A backup is to be made; its body names it.
struct backup_request {
  std::string name;  ///< empty until the body has come; then of what its time is
};

/// What a header has come to: an answer where nothing else is needed (probes, pages, refusals), or what to do.
using routed = std::variant<reply, data_request, lock_request, watch_request, ticket_request, export_request,
                            import_request, version_request, backup_request, settings_request>;

/// What a header's reading depends on.
struct route_context {
  route_settings const& settings;
  std::uint64_t database_id = 0;
  std::chrono::nanoseconds read_hold{};  ///< the hold of a GET or HEAD that names none, as it is now
  bool draining = false;
  cluster_view const* cluster = nullptr;  ///< null: this server is alone
};

}  // namespace holdfast::server
