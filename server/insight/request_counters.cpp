#include "server/insight/request_counters.hpp"

namespace holdfast::server {

std::string_view name_of(route_kind route) noexcept {
  switch (route) {
    case route_kind::value:
      return "/v1/kv/{key}";
    case route_kind::list:
      return "/v1/kv";
    case route_kind::transaction:
      return "/v1/txn";
    case route_kind::watch:
      return "/v1/watch";
    case route_kind::export_keys:
      return "/v1/export";
    case route_kind::import_keys:
      return "/v1/import";
    case route_kind::lock:
      return "/v1/lock";
    case route_kind::lock_events:
      return "/v1/lock/events";
    case route_kind::lock_trace:
      return "/v1/lock/trace";
    case route_kind::locks:
      return "/v1/locks";
    case route_kind::named_lock:
      return "/v1/locks/{name}";
    case route_kind::ticket:
      return "/v1/locks/{name}/tickets/{id}";
    case route_kind::named_lock_events:
      return "/v1/locks/{name}/events";
    case route_kind::settings:
      return "/v1/settings";
    case route_kind::backups:
      return "/v1/backups";
    case route_kind::openapi:
      return "/v1/openapi.json";
    case route_kind::metrics:
      return "/metrics";
    case route_kind::livez:
      return "/livez";
    case route_kind::readyz:
      return "/readyz";
    case route_kind::version:
      return "/version";
    case route_kind::page:
      return "/";
    case route_kind::other:
      break;
  }
  return "other";
}

std::string_view name_of(method method) noexcept {
  constexpr std::string_view names[] = {"GET",  "HEAD",  "PUT",   "DELETE",  "OPTIONS",
                                        "POST", "PATCH", "TRACE", "CONNECT", "_OTHER"};
  return names[static_cast<std::size_t>(method)];
}

}  // namespace holdfast::server
