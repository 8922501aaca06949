#include "server/insight/request_counters.hpp"

#include "protocol/key.hpp"
#include "protocol/target.hpp"

namespace holdfast::server {

std::string_view name_of(route_kind route) noexcept {
  switch (route) {
    case route_kind::value:
      return "/v1/kv/{key}";
    case route_kind::lock:
      return "/v1/lock";
    case route_kind::lock_events:
      return "/v1/lock/events";
    case route_kind::lock_trace:
      return "/v1/lock/trace";
    case route_kind::settings:
      return "/v1/settings";
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

route_kind route_kind_of(std::string_view text) noexcept {
  auto const target = protocol::parse_target(text);
  if (!target) return route_kind::other;
  auto const path = target->path;
  if (path.starts_with(protocol::kv_path)) return route_kind::value;
  for (std::size_t i = 0; i < route_kinds; ++i)
    if (path == name_of(static_cast<route_kind>(i))) return static_cast<route_kind>(i);
  return path.starts_with("/assets/") ? route_kind::page : route_kind::other;
}

std::string_view name_of(protocol::method method) noexcept {
  constexpr std::string_view names[] = {"GET",  "HEAD",  "PUT",   "DELETE",  "OPTIONS",
                                        "POST", "PATCH", "TRACE", "CONNECT", "_OTHER"};
  return names[static_cast<std::size_t>(method)];
}

}  // namespace holdfast::server
