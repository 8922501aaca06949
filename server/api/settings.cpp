#include "server/api/settings.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "protocol/ascii.hpp"
#include "protocol/duration.hpp"
#include "server/api/answers.hpp"
#include "server/api/foreign_pages.hpp"
#include "server/json/document.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;
using nlohmann::ordered_json;
using std::chrono::nanoseconds;

constexpr std::string_view settings_allow = "GET, HEAD, PATCH, OPTIONS";
// A shorter period would be a busy loop.
constexpr std::chrono::milliseconds writer_period_min{1};

bool is_json_type(std::string_view content_type) {
  auto const end = std::min(content_type.find_first_of("; \t"), content_type.size());
  return equals_ignoring_case(content_type.substr(0, end), "application/json");
}

/// Parses a duration of the body. @return what is wrong.
std::string take_duration(json::value member, std::optional<nanoseconds>& to) {
  auto const name = member.name();
  if (to) return name + " is there twice";
  if (!member.is(json::value_kind::string)) return name + " must be a duration in quotes, such as \"350ms\"";
  auto const text = member.as_string();
  if (!text) return text.error().detail;
  auto const duration = parse_duration(*text);
  if (!duration) return name + ": " + duration.error().detail;
  to = *duration;
  return {};
}

}  // namespace

std::optional<reply> refuse_change(request_head const& head, std::span<std::string const> host_names) {
  if (!is_own_name(host_of(head), host_names))
    return refuse(errc::foreign_origin,
                  "settings are changed at an IP address or at localhost; for another name start the server with "
                  "--host-name NAME");
  if (!head.origin.empty() && !is_own_origin(head.origin, host_of(head)))
    return refuse(errc::foreign_origin, "a page of another site may not change this server's settings");
  if (!is_json_type(head.content_type))
    return refuse(errc::unsupported_media_type, "send the settings as JSON, with Content-Type: application/json");
  return std::nullopt;
}

routed route_settings_resource(request_head const& head, target const& target, route_context const& context) {
  if (head.method == method::options) return options_reply(settings_allow);
  auto const changes = head.method == method::patch;
  if (!changes && head.method != method::get && head.method != method::head)
    return method_not_allowed(head, settings_allow);
  if (changes) {
    if (auto refused = refuse_change(head, context.settings.host_names)) return *std::move(refused);
  } else if (head.has_body) {
    return refuse(errc::unexpected_body, std::string(head.method_text) + " takes no body");
  }
  if (!target.query.empty())
    return refuse(errc::invalid_parameter, std::string(target.path) + " takes no query parameters");
  return settings_request{changes};
}

reply settings_reply(api_context const& context) {
  auto const& fixed = context.fixed;
  auto const& live = context.live;
  ordered_json const body{{"read_hold", format_duration(live.read_hold())},
                          {"writer_period", format_duration(live.writer_period())},
                          {"live", live.is_live()},
                          {"max_hold", format_duration(context.routes.hold_max)},
                          {"writer_key", fixed.writer_key},
                          {"threads", fixed.threads},
                          {"max_waiters", fixed.waiters_max},
                          {"max_connections", fixed.connections_max},
                          {"max_memory", fixed.memory_bytes_max}};
  return no_store(json_reply(body.dump() + '\n'));
}

reply change_settings(std::string_view text, api_context const& context) {
  auto& live = context.live;
  if (!live.is_live())
    return refuse(errc::settings_fixed, "this server was started with --no-live-settings; restart it with others");
  auto const body = json::document::parse(text);
  if (!body) return reply_to(body.error());
  if (!body->root().is(json::value_kind::object))
    return refuse(errc::invalid_json, R"(send a JSON object, such as {"read_hold":"1s","writer_period":"350ms"})");
  std::optional<nanoseconds> read_hold, writer_period;
  for (auto const member : body->root().children()) {
    auto const name = member.name();
    if (name != "read_hold" && name != "writer_period")
      return refuse(errc::invalid_parameter,
                    "there is no setting '" + name + "' to change; there are read_hold and writer_period");
    if (auto wrong = take_duration(member, name == "read_hold" ? read_hold : writer_period); !wrong.empty())
      return refuse(errc::invalid_parameter, std::move(wrong));
  }
  if (read_hold && *read_hold > context.routes.hold_max)
    return refuse(errc::hold_too_long,
                  "read_hold: this server allows at most " + format_duration(context.routes.hold_max));
  if (writer_period && writer_period->count() != 0 && *writer_period < writer_period_min)
    return refuse(errc::invalid_parameter,
                  "writer_period must be at least " + format_duration(writer_period_min) + ", or 0 for no writer");
  live.change(read_hold, writer_period);
  return settings_reply(context);
}

}  // namespace holdfast::server
