#include "server/api/lock.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <charconv>
#include <span>

#include "protocol/duration.hpp"
#include "protocol/entity_tag.hpp"
#include "server/api/answers.hpp"
#include "server/api/event_stream.hpp"
#include "server/api/metrics.hpp"
#include "server/insight/lock_json.hpp"
#include "server/insight/lock_trace.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;
using kind = lock_request::kind;

constexpr std::chrono::milliseconds news_interval{50};

std::optional<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t count = 0;
  auto const [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (wrong != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return count;
}

/// A parameter of a query: its name, and a function that stores its value in the request and returns what is wrong.
struct parameter {
  std::string_view name;
  std::string (*take)(std::string_view value, lock_request& request);
};

std::string take_limit(std::string_view value, lock_request& request) {
  auto const limit = parse_count(value);
  if (!limit) return "must be a number, such as 100";
  request.limit = *limit;
  return {};
}

/// Parses an event's id, `3f…-17`, or its number alone. @return false if it is neither.
bool take_position(std::string_view text, lock_request& request) {
  if (auto const id = parse_entity_tag('"' + std::string(text) + '"')) {
    request.after = id->revision;
    request.after_start = id->start;
    return true;
  }
  request.after = parse_count(text);
  return request.after.has_value();
}

std::string take_from(std::string_view value, lock_request& request) {
  return take_position(value, request) ? std::string()
                                       : "must be the id of the last event that you have; 0 asks for all";
}

std::string take_format(std::string_view value, lock_request& request) {
  if (value != "sse" && value != "ndjson") return "can be sse or ndjson";
  request.format = value == "sse" ? event_format::sse : event_format::ndjson;
  return {};
}

std::string take_duration(std::string_view value, lock_request& request) {
  auto const duration = parse_duration(value);
  if (!duration) return duration.error().detail;
  request.duration = *duration;
  return {};
}

constexpr std::array state_parameters{parameter{"limit", take_limit}};
constexpr std::array event_parameters{parameter{"from", take_from}, parameter{"format", take_format}};
constexpr std::array trace_parameters{parameter{"duration", take_duration}};

std::string names_of(std::span<parameter const> parameters) {
  std::string names;
  for (auto const& one : parameters) {
    if (!names.empty()) names += " and ";
    names += one.name;
  }
  return names;
}

/// @return the refusal, if there is one.
std::optional<reply> take_query(target const& target, std::span<parameter const> parameters, lock_request& request) {
  auto const given = parse_query(target.query);
  if (!given) return reply_to(given.error());
  for (auto one = given->begin(); one != given->end(); ++one) {
    auto const& name = one->first;
    auto const known =
        std::find_if(parameters.begin(), parameters.end(), [&](parameter const& each) { return each.name == name; });
    if (known == parameters.end())
      return refuse(errc::invalid_parameter,
                    parameters.empty() ? std::string(target.path) + " takes no query parameters"
                                       : "there is no parameter '" + name + "' here; there is " + names_of(parameters));
    if (std::any_of(given->begin(), one, [&](auto const& before) { return before.first == name; }))
      return refuse(errc::invalid_parameter, "the parameter " + name + " is given twice");
    if (auto const wrong = known->take(one->second, request); !wrong.empty())
      return refuse(errc::invalid_parameter, name + ' ' + wrong);
  }
  return std::nullopt;
}

routed route_what(kind what, std::span<parameter const> parameters, request_head const& head, target const& target) {
  if (auto refused = refuse_all_but_reads(head)) return *std::move(refused);
  lock_request request;
  request.what = what;
  // A browser that reconnects sends its position as a field. The parameter is for clients that can't send fields.
  if (!head.last_event_id.empty()) take_position(head.last_event_id, request);
  if (!target.query.empty())
    if (auto refused = take_query(target, parameters, request)) return *std::move(refused);
  if constexpr (!insight_is_built)
    return refuse(errc::not_built, "this server was built with HOLDFAST_INSIGHT=OFF, so it does not watch");
  return request;
}

reply lock_state(insight const& source, std::size_t limit) {
  auto found = source.present({.entries_max = limit, .bytes_max = queue_bytes_max});
  return no_store(json_reply(lock_state_json(std::move(found), source.now_ns(), source.start, limit, &source.names)));
}

awaitable<void> let_others_run() {
  auto const executor = co_await asio::this_coro::executor;
  co_await asio::post(executor, asio::use_awaitable_t<executor_type>{});
}

/// Sends until the client leaves or stops reading (then false), or until the server drains and nobody waits or holds.
/// The unread data are bounded: one piece of some 64 KiB; events that become too old are skipped.
awaitable<bool> send_events(lock_request const& request, api_context const& context, client_link& client) {
  auto const is_of_other_start = request.after_start != 0 && request.after_start != context.insight.start;
  // Nothing is known of a process that has ended. Everything known about this one happened since.
  event_stream events(context.insight, context.live, request.format,
                      is_of_other_start ? std::optional<std::uint64_t>(0) : request.after);
  std::string piece;
  events.append_hello(piece, context.insight.now_ns());
  if (is_of_other_start) events.append_lost(piece);
  for (bool is_last = false;;) {
    auto const more = events.append_news(piece, context.insight.now_ns());
    auto const takes = co_await client.send(piece);
    if (!takes) co_return false;
    piece.clear();
    if (more) {
      co_await let_others_run();
      continue;
    }
    if (is_last) co_return true;
    // A client leaves the queue before its event is reported, so this looks once more afterwards.
    is_last = client.is_draining() && !context.insight.is_anyone_present();
    auto const goes_on = co_await client.pause(news_interval);
    if (!goes_on) co_return false;
  }
}

awaitable<bool> send_trace(std::chrono::nanoseconds duration, insight& source, client_link& client) {
  // In this order, a request that ends in between appears in both; otherwise it would appear in neither.
  auto going_on = source.present(lock_trace::present_max);
  auto const now_ns = source.now_ns();
  auto const since_ns = std::max<std::int64_t>(0, now_ns - duration.count());
  lock_trace trace(source.feed, std::move(going_on), since_ns, now_ns, source.start);
  std::string piece;
  for (bool more = true; more;) {
    piece.clear();
    more = trace.append_piece(piece);
    auto const takes = co_await client.send(piece);
    if (!takes) co_return false;
    if (more) co_await let_others_run();
  }
  co_return true;
}

}  // namespace

routed route_lock(request_head const& head, target const& target, route_context const& /*context*/) {
  return route_what(kind::state, state_parameters, head, target);
}

routed route_lock_events(request_head const& head, target const& target, route_context const& context) {
  auto what = route_what(kind::events, event_parameters, head, target);
  if (context.draining && std::holds_alternative<lock_request>(what)) return draining_reply();
  return what;
}

routed route_lock_trace(request_head const& head, target const& target, route_context const& /*context*/) {
  return route_what(kind::trace, trace_parameters, head, target);
}

routed route_metrics(request_head const& head, target const& target, route_context const& /*context*/) {
  return route_what(kind::metrics, {}, head, target);
}

bool is_streamed(lock_request const& request) noexcept {
  return request.what == kind::events || request.what == kind::trace;
}

reply answer_to(lock_request const& request, api_context const& context) {
  if (request.what != kind::metrics) return lock_state(context.insight, request.limit);
  reply answer;
  answer.content_type = metrics_content_type;
  answer.body = metrics_text(context.insight, context.connections.load(std::memory_order_relaxed),
                             {.data_bytes = context.store.data_bytes(),
                              .data_bytes_max = context.store.data_bytes_max(),
                              .under_way_bytes = context.under_way.used(),
                              .under_way_bytes_max = context.under_way.bytes_max(),
                              .keys = context.store.keys()},
                             context.store.lock_counts(), context.kept, context.access, context.tls, context.cluster);
  return answer;
}

reply head_of(lock_request const& request) {
  auto head = no_store({});
  head.length_is_known = false;
  head.content_type = request.what == kind::trace           ? "application/json"
                      : request.format == event_format::sse ? "text/event-stream"
                                                            : "application/x-ndjson";
  return head;
}

awaitable<request_end> send_stream(lock_request const& request, api_context const& context, client_link& client) {
  auto goes_on = true;
  if (!client.wants_head_only()) {
    if (request.what == kind::events) {
      goes_on = co_await send_events(request, context, client);
    } else {
      goes_on = co_await send_trace(request.duration, context.insight, client);
    }
  }
  if (goes_on) goes_on = co_await client.end();
  co_return goes_on ? request_end::sent : request_end::gone;
}

}  // namespace holdfast::server
