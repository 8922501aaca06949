#include "server/insight_routes.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "protocol/duration.hpp"
#include "server/route_answers.hpp"
#include "server/settings_answers.hpp"
#include "server/web/page_files.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;
using routed = std::variant<reply, insight_request>;
using kind = insight_request::kind;

constexpr std::string_view read_allow = "GET, HEAD, OPTIONS";
constexpr std::string_view settings_allow = "GET, HEAD, PATCH, OPTIONS";

std::optional<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t count = 0;
  auto const [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (wrong != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return count;
}

/// One parameter of a query: what it is called, and how its value becomes part of the request; what it returns is what
/// is wrong with it.
struct parameter {
  std::string_view name;
  std::string (*take)(std::string_view value, insight_request& request);
};

std::string take_limit(std::string_view value, insight_request& request) {
  auto const limit = parse_count(value);
  if (!limit) return "must be a number, such as 100";
  request.limit = *limit;
  return {};
}

std::string take_from(std::string_view value, insight_request& request) {
  request.after = parse_count(value);
  return request.after ? std::string() : "must be the number of the last event that you have (its id); 0 asks for all";
}

std::string take_format(std::string_view value, insight_request& request) {
  if (value != "sse" && value != "ndjson") return "can be sse or ndjson";
  request.format = value == "sse" ? event_format::sse : event_format::ndjson;
  return {};
}

std::string take_duration(std::string_view value, insight_request& request) {
  auto const duration = parse_duration(value);
  if (!duration) return duration.error().detail;
  request.duration = *duration;
  return {};
}

constexpr std::array state_parameters{parameter{"limit", take_limit}};
constexpr std::array event_parameters{parameter{"from", take_from}, parameter{"format", take_format}};

struct path_rule {
  std::string_view path;
  kind what;
  std::span<parameter const> parameters;
};
constexpr std::array trace_parameters{parameter{"duration", take_duration}};
constexpr std::array rules{path_rule{"/v1/lock", kind::lock_state, state_parameters},
                           path_rule{"/v1/lock/events", kind::lock_events, event_parameters},
                           path_rule{"/v1/lock/trace", kind::lock_trace, trace_parameters},
                           path_rule{"/v1/settings", kind::settings, {}}, path_rule{"/metrics", kind::metrics, {}}};

std::string names_of(std::span<parameter const> parameters) {
  std::string names;
  for (auto const& one : parameters) {
    if (!names.empty()) names += " and ";
    names += one.name;
  }
  return names;
}

/// @return the refusal, if there is something to refuse.
std::optional<reply> take_query(std::string_view query, path_rule const& rule, insight_request& request) {
  auto const given = parse_query(query);
  if (!given) return reply_to(given.error());
  for (auto one = given->begin(); one != given->end(); ++one) {
    auto const& name = one->first;
    auto const known = std::find_if(rule.parameters.begin(), rule.parameters.end(),
                                    [&](parameter const& each) { return each.name == name; });
    if (known == rule.parameters.end())
      return refuse(errc::invalid_parameter,
                    rule.parameters.empty()
                        ? std::string(rule.path) + " takes no query parameters"
                        : "there is no parameter '" + name + "' here; there is " + names_of(rule.parameters));
    if (std::any_of(given->begin(), one, [&](auto const& before) { return before.first == name; }))
      return refuse(errc::invalid_parameter, "the parameter " + name + " is given twice");
    if (auto const wrong = known->take(one->second, request); !wrong.empty())
      return refuse(errc::invalid_parameter, name + ' ' + wrong);
  }
  return std::nullopt;
}

routed route_rule(path_rule const& rule, request_head const& head, std::string_view query,
                  std::span<std::string const> host_names, bool draining) {
  auto const changes = rule.what == kind::settings && head.method == method::patch;
  auto const allow = rule.what == kind::settings ? settings_allow : read_allow;
  if (head.method == method::options) return options_reply(allow);
  if (!changes && head.method != method::get && head.method != method::head) return method_not_allowed(head, allow);
  if (changes) {
    if (auto refused = refuse_change(head, host_names)) return *std::move(refused);
  }
  if (!changes && head.has_body) return refuse(errc::unexpected_body, std::string(head.method_text) + " takes no body");
  insight_request request;
  request.what = changes ? kind::change_settings : rule.what;
  // A browser that reconnects says by a field where it was; a parameter is for those that can't.
  if (!head.last_event_id.empty()) request.after = parse_count(head.last_event_id);
  if (!query.empty())
    if (auto refused = take_query(query, rule, request)) return *std::move(refused);
  if (rule.what == kind::lock_events && draining)
    return refuse(errc::draining, "the server finishes what it has begun and takes nothing new");
  return request;
}

// --- the page -----------------------------------------------------------------------------------------------------

/// Whether an If-None-Match field names a tag; both are what the server wrote, so a look for the text is enough.
bool names_tag(std::optional<std::string> const& if_none_match, std::string_view tag) {
  return if_none_match && (*if_none_match == "*" || if_none_match->find(tag) != std::string::npos);
}

/// What follows the question mark at / is the page's own: a moment to show.
reply route_page(page_file const& file, request_head const& head) {
  if (head.method == method::options) return options_reply(read_allow);
  if (head.method != method::get && head.method != method::head) return method_not_allowed(head, read_allow);
  if (head.has_body) return refuse(errc::unexpected_body, std::string(head.method_text) + " takes no body");
  reply answer;
  (((answer.more_fields += "ETag: ") += file.etag) += "\r\nCache-Control: no-cache\r\nContent-Security-Policy: ");
  (answer.more_fields += page_policy) += "\r\nReferrer-Policy: no-referrer\r\n";
  if (names_tag(head.if_none_match, file.etag)) {
    answer.status = 304;
    return answer;
  }
  answer.content_type = file.content_type;
  answer.body = file.bytes;
  return answer;
}

}  // namespace

std::optional<routed> route_insight(request_head const& head, target const& target,
                                    std::span<std::string const> host_names, bool draining) {
  for (auto const& rule : rules)
    if (target.path == rule.path) return route_rule(rule, head, target.query, host_names, draining);
  for (auto const& file : page_files())
    if (target.path == file.path) return route_page(file, head);
  return std::nullopt;
}

}  // namespace holdfast::server
