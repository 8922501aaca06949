#include "server/routes.hpp"

#include <array>

#include "protocol/ascii.hpp"
#include "protocol/duration.hpp"
#include "protocol/key.hpp"
#include "protocol/target.hpp"
#include "server/route_answers.hpp"
#include "server/version.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;
using routed = std::variant<reply, kv_request, insight_request>;
constexpr std::in_place_type_t<kv_request> as_kv;

constexpr std::string_view kv_allow = "GET, HEAD, PUT, DELETE, OPTIONS";
constexpr std::string_view probe_allow = "GET, HEAD, OPTIONS";

constexpr std::string_view post_advice = "To store a value, PUT it (curl -X PUT -d VALUE)";

// --- probes -------------------------------------------------------------------------------------------------------

reply live(bool) {
  return json_reply("{\"status\":\"live\"}\n");
}

reply ready(bool draining) {
  if (draining) return refuse(errc::draining, "the server finishes what it has begun and takes nothing new");
  return json_reply("{\"status\":\"ready\"}\n");
}

reply version(bool) {
  return json_reply(version_json());
}

struct probe {
  std::string_view path;
  reply (*answer)(bool draining);
};
constexpr std::array probes{probe{"/livez", live}, probe{"/readyz", ready}, probe{"/version", version}};

reply route_probe(probe const& probe, request_head const& head, std::string_view query, bool draining) {
  if (head.method == method::options) return options_reply(probe_allow);
  if (head.method != method::get && head.method != method::head) return method_not_allowed(head, probe_allow);
  if (!query.empty()) return refuse(errc::invalid_parameter, std::string(probe.path) + " takes no query parameters");
  if (head.has_body) return refuse(errc::unexpected_body, std::string(head.method_text) + " takes no body");
  return probe.answer(draining);
}

// --- values -------------------------------------------------------------------------------------------------------

result<lock_terms> terms_of(std::string_view query, method method, route_settings const& settings,
                            nanoseconds read_hold) {
  auto const reads = method == method::get || method == method::head;
  lock_terms terms{.hold = reads ? read_hold : nanoseconds(0), .lock_timeout = settings.lock_timeout};
  if (query.empty()) return terms;

  auto const parameters = parse_query(query);
  if (!parameters) return parameters.error();
  bool has_hold = false, has_lock_timeout = false;
  for (auto const& [name, value] : *parameters) {
    auto* const seen = name == "hold" ? &has_hold : name == "lock-timeout" ? &has_lock_timeout : nullptr;
    if (seen == nullptr)
      return failure{errc::invalid_parameter,
                     "there is no parameter '" + name + "'; the parameters are hold and lock-timeout"};
    if (std::exchange(*seen, true))
      return failure{errc::invalid_parameter, "the parameter " + name + " is given twice"};
    auto const duration = parse_duration(value);
    if (!duration) return failure{errc::invalid_parameter, name + ": " + duration.error().detail};
    if (seen == &has_hold) {
      terms.hold = *duration;
    } else {
      terms.lock_timeout = *duration;
    }
  }
  if (terms.hold > settings.hold_max)
    return failure{errc::hold_too_long, "hold: this server allows at most " + format_duration(settings.hold_max)};
  return terms;
}

std::optional<failure> refuse_fields(request_head const& head) {
  auto const puts = head.method == method::put;
  auto const writes = puts || head.method == method::del;
  if (head.has_precondition || (writes && head.if_none_match))
    return failure{errc::precondition_not_supported,
                   "this server does not evaluate " +
                       std::string(writes ? "If-Match, If-None-Match and If-Unmodified-Since on writes"
                                          : "If-Match and If-Unmodified-Since") +
                       " yet, and does not ignore them either; send the request without"};
  if (puts && head.has_content_range)
    return failure{errc::bad_request, "a PUT stores a whole value; send it without Content-Range"};
  if (puts && !head.content_encoding.empty() && !equals_ignoring_case(head.content_encoding, "identity"))
    return failure{errc::unsupported_content_encoding, "send the value as plain JSON, without Content-Encoding"};
  if (!puts && head.has_body)
    return failure{errc::unexpected_body, std::string(head.method_text) + " takes no body" +
                                              (head.method == method::get ? "; to store a value, PUT it" : "")};
  return std::nullopt;
}

routed route_value(request_head const& head, target const& target, route_settings const& settings,
                   nanoseconds read_hold) {
  switch (head.method) {
    case method::get:
    case method::head:
    case method::put:
    case method::del:
      break;
    case method::options:
      return options_reply(kv_allow);
    default:
      return method_not_allowed(head, kv_allow, head.method == method::post ? post_advice : std::string_view());
  }
  auto key = key_from_path(target.path.substr(kv_path.size()), head.target_is_plain);
  if (!key) return reply_to(key.error());
  auto const terms = terms_of(target.query, head.method, settings, read_hold);
  if (!terms) return reply_to(terms.error());
  if (auto const refused = refuse_fields(head)) return reply_to(*refused);

  switch (head.method) {
    case method::put:
      return routed(as_kv, put_operation{*std::move(key), nullptr}, *terms, std::nullopt);
    case method::del:
      return routed(as_kv, delete_operation{*std::move(key)}, *terms, std::nullopt);
    default:
      return routed(as_kv, get_operation{*std::move(key)}, *terms, head.if_none_match);
  }
}

}  // namespace

std::string_view key_of_plain_read(request_head const& head) {
  if (head.method != method::get || !head.is_bare || !head.target_is_plain || !head.target.starts_with(kv_path))
    return {};
  auto const key = head.target.substr(kv_path.size());
  return key.size() <= key_bytes_max ? key : std::string_view();
}

routed route(request_head const& head, route_settings const& settings, nanoseconds read_hold, bool draining) {
  if (head.method == method::unknown)
    return with_allow(refuse(errc::unknown_method, "this server does not know the method " +
                                                       std::string(head.method_text.substr(0, 40)) + "; it takes " +
                                                       std::string(kv_allow)),
                      kv_allow);
  if (head.has_other_expectation)
    return refuse(errc::expectation_failed, "the only expectation that this server meets is 100-continue");
  if (head.method == method::connect) return method_not_allowed(head, kv_allow);
  auto const target = head.target_is_plain ? protocol::target{head.target, {}} : parse_target(head.target);
  if (!target) return reply_to(target.error());
  if (target->path == "*") {
    if (head.method == method::options) return options_reply(kv_allow);
    return refuse(errc::bad_request, "the target * goes with OPTIONS only");
  }
  if (target->path.starts_with(kv_path)) return route_value(head, *target, settings, read_hold);
  for (auto const& probe : probes)
    if (target->path == probe.path) return route_probe(probe, head, target->query, draining);
  if (auto found = route_insight(head, *target, settings.host_names, draining))
    return std::visit([]<class One>(One&& one) { return routed(std::forward<One>(one)); }, *std::move(found));
  return refuse(errc::no_such_path,
                "values are at /v1/kv/KEY, the lock at /v1/lock and /v1/lock/events, the page that shows it at /; "
                "besides there are /v1/settings, /metrics, /livez, /readyz and /version");
}

}  // namespace holdfast::server
