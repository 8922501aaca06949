#include "server/api/routes.hpp"

#include <array>
#include <string>

#include "protocol/key.hpp"
#include "protocol/percent.hpp"
#include "server/api/answers.hpp"
#include "server/api/backups.hpp"
#include "server/api/lists.hpp"
#include "server/api/lock.hpp"
#include "server/api/locks.hpp"
#include "server/api/openapi.hpp"
#include "server/api/page.hpp"
#include "server/api/probes.hpp"
#include "server/api/settings.hpp"
#include "server/api/transactions.hpp"
#include "server/api/transfer.hpp"
#include "server/api/values.hpp"
#include "server/api/watch.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;

constexpr std::string_view methods_allow = "GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS";

constexpr route_access open_to_all(need::nothing), of_known(need::any_token), of_keys(need::keys),
    of_locks(need::locks), of_overview(need::overview);

/// For a function that returns the request. route_value() builds its request in place instead, because moving a
/// data_request costs as much as parsing it.
template <routed (*read)(request_head const&, target const&, route_context const&)>
void read_into(request_head const& head, target const& target, route_context const& context, routed& into) {
  into = read(head, target, context);
}

// Most frequent first.
constexpr std::array resources{
    resource{kv_path, true, route_kind::value, of_keys, route_value},
    resource{list_path, false, route_kind::list, of_keys, read_into<route_list>},
    resource{transaction_path, false, route_kind::transaction, of_keys, read_into<route_transaction>},
    resource{"/v1/watch", false, route_kind::watch, of_keys, read_into<route_watch>},
    resource{"/v1/export", false, route_kind::export_keys, of_keys, read_into<route_export>},
    resource{"/v1/import", false, route_kind::import_keys, of_keys, read_into<route_import>},
    resource{"/livez", false, route_kind::livez, open_to_all, read_into<route_livez>},
    resource{"/readyz", false, route_kind::readyz, open_to_all, read_into<route_readyz>},
    resource{"/version", false, route_kind::version, of_known, read_into<route_version>},
    resource{"/metrics", false, route_kind::metrics, of_overview, read_into<route_metrics>},
    resource{"/v1/lock", false, route_kind::lock, of_overview, read_into<route_lock>},
    resource{"/v1/lock/events", false, route_kind::lock_events, of_overview, read_into<route_lock_events>},
    resource{"/v1/lock/trace", false, route_kind::lock_trace, of_overview, read_into<route_lock_trace>},
    resource{"/v1/settings", false, route_kind::settings, route_access(need::overview, need::admin),
             read_into<route_settings_resource>},
    resource{"/v1/backups", false, route_kind::backups, route_access(need::admin), read_into<route_backups>},
    resource{"/v1/locks", false, route_kind::locks, of_locks, read_into<route_locks>},
    resource{"/v1/locks/{name}", false, route_kind::named_lock, of_locks, read_into<route_named_lock>, true},
    resource{"/v1/locks/{name}/tickets/{id}", false, route_kind::ticket, of_locks, read_into<route_ticket>, true},
    resource{"/v1/locks/{name}/events", false, route_kind::named_lock_events, of_locks,
             read_into<route_named_lock_events>, true},
    resource{"/v1/openapi.json", false, route_kind::openapi, open_to_all, read_into<route_openapi>},
    resource{"/", false, route_kind::page, open_to_all, read_into<route_page>},
    resource{"/assets/", true, route_kind::page, open_to_all, read_into<route_page>},
};

/// True if a path matches a pattern, in which `{name}` stands for a segment.
bool matches(std::string_view pattern, std::string_view path) {
  while (!pattern.empty() && !path.empty()) {
    auto const wanted = pattern.substr(0, pattern.find('/', 1)), segment = path.substr(0, path.find('/', 1));
    if (wanted.starts_with("/{") ? !segment.starts_with('/') : wanted != segment) return false;
    pattern.remove_prefix(wanted.size());
    path.remove_prefix(segment.size());
  }
  return pattern.empty() && path.empty();
}

bool is_at(resource const& one, std::string_view path) {
  if (one.is_prefix) return path.starts_with(one.path);
  return one.has_variables ? matches(one.path, path) : path == one.path;
}

resource const* resource_at(std::string_view path) {
  for (auto const& one : resources)
    if (is_at(one, path)) return &one;
  return nullptr;
}

/// @param decoded keeps the path where it is not as it stands in the header.
result<target> target_of(request_head const& head, std::string& decoded) {
  auto target = head.target_is_plain ? protocol::target{head.target, {}} : parse_target(head.target);
  if (target && target->path.find('%') != std::string_view::npos) {
    decoded = decode_unreserved(target->path);
    target->path = decoded;
  }
  return target;
}

/// To a request that no resource can answer.
reply answer_without_resource(request_head const& head, result<target> const& target) {
  if (head.method == method::unknown)
    return with_allow(refuse(errc::unknown_method, "this server does not know the method " +
                                                       std::string(head.method_text.substr(0, 40)) + "; it takes " +
                                                       std::string(methods_allow)),
                      methods_allow);
  if (head.has_other_expectation)
    return refuse(errc::expectation_failed, "the only expectation that this server meets is 100-continue");
  if (head.method == method::connect) return method_not_allowed(head, methods_allow);
  if (!target) return reply_to(target.error());
  if (target->path != "*") return no_such_path();
  if (head.method == method::options) return options_reply(methods_allow);
  return refuse(errc::bad_request, "the target * goes with OPTIONS only");
}

}  // namespace

std::span<resource const> all_resources() noexcept {
  return resources;
}

route_access access_of(route_kind kind) noexcept {
  for (auto const& one : resources)
    if (one.kind == kind) return one.access;
  return open_to_all;
}

route_kind kind_of(request_head const& head) {
  std::string decoded;
  auto const target = target_of(head, decoded);
  auto const* const found = target ? resource_at(target->path) : nullptr;
  return found != nullptr ? found->kind : route_kind::other;
}

route_kind route(request_head const& head, route_context const& context, routed& into) {
  std::string decoded;
  auto const target = target_of(head, decoded);
  auto const* const found = target ? resource_at(target->path) : nullptr;
  auto const is_ordinary = found != nullptr && head.method != method::unknown && head.method != method::connect &&
                           !head.has_other_expectation;
  if (is_ordinary) {
    found->route(head, *target, context, into);
  } else {
    into = answer_without_resource(head, target);
  }
  return found != nullptr ? found->kind : route_kind::other;
}

}  // namespace holdfast::server
