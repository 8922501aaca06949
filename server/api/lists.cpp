#include "server/api/lists.hpp"

#include <array>
#include <utility>

#include "protocol/percent.hpp"
#include "server/api/answers.hpp"
#include "server/api/parameters.hpp"
#include "server/json/string.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;

constexpr std::string_view list_allow = "GET, HEAD, DELETE, OPTIONS";
constexpr std::array<std::string_view, 9> list_parameters{"prefix",    "after",  "until", "limit",       "reverse",
                                                          "delimiter", "values", "hold",  "lock-timeout"};
constexpr std::array<std::string_view, 5> delete_parameters{"prefix", "limit", "all", "hold", "lock-timeout"};

/// The Link field (RFC 8288) to the next page of a list.
std::string path_of_page(list_operation const& list, std::string_view after) {
  std::string path(list_path);
  auto mark = '?';
  auto const add = [&](std::string_view name, std::string_view value) {
    path += std::exchange(mark, '&');
    ((path += name) += '=') += percent_encode_query(value);
  };
  if (!list.prefix.empty()) add("prefix", list.prefix);
  add("after", after);
  if (list.until) add("until", *list.until);
  add("limit", std::to_string(list.limit));
  if (list.reverse) add("reverse", "true");
  if (!list.delimiter.empty()) add("delimiter", list.delimiter);
  if (list.values) add("values", "true");
  return path;
}

}  // namespace

routed route_list(request_head const& head, target const& target, route_context const& context) {
  if (head.method == method::options) return options_reply(list_allow);
  auto const reads = head.method == method::get || head.method == method::head;
  auto const deletes = head.method == method::del;
  if (!reads && !deletes)
    return method_not_allowed(head, list_allow, "To store a value, PUT it under its key: /v1/kv/my-key");
  if (head.has_body) return refuse(errc::unexpected_body, std::string(head.method_text) + " takes no body");
  if (head.if_match || head.if_none_match || head.has_if_unmodified_since)
    return refuse(errc::precondition_not_supported,
                  "a condition goes with one key; send a transaction (POST /v1/txn) to check several");
  lock_terms const defaults{.hold = reads ? context.read_hold : nanoseconds(0),
                            .lock_timeout = context.settings.lock_timeout};
  auto given =
      read_parameters(target.query, deletes ? std::span<std::string_view const>(delete_parameters) : list_parameters,
                      defaults, context.settings.hold_max);
  if (!given) return reply_to(given.error());
  if (deletes && given->prefix.empty() && !given->all)
    return refuse(errc::invalid_parameter, "prefix: to delete all keys, say all=true");

  routed made(std::in_place_type<data_request>);
  auto& request = std::get<data_request>(made);
  request.terms = given->terms;
  request.head_only = head.method == method::head;
  if (deletes) {
    request.name = lock_operation::delete_range;
    request.operation = delete_range_operation{std::move(given->prefix), given->limit.value_or(1000)};
    return made;
  }
  request.name = lock_operation::list;
  request.operation = list_operation{.prefix = std::move(given->prefix),
                                     .after = std::move(given->after),
                                     .until = std::move(given->until),
                                     .delimiter = std::move(given->delimiter),
                                     .limit = given->limit.value_or(100),
                                     .reverse = given->reverse,
                                     .values = given->values};
  auto const& list = std::get<list_operation>(request.operation);
  if (list.after && !list.after->starts_with(list.prefix))
    return refuse(errc::invalid_parameter,
                  "after: the cursor does not begin with the prefix; it belongs to another list");
  return made;
}

void append_page(std::string& out, list_operation const& list, listing const& page, answer_context const& context) {
  out += "\"entries\":[";
  auto const* between = "";
  for (auto const& one : page.entries) {
    (out += std::exchange(between, ",")) += "{\"key\":";
    json::append_string(out, page.key_of(one));
    (out += ",\"revision\":") += std::to_string(one.revision);
    (out += ",\"bytes\":") += std::to_string(one.value ? one.value->size() : one.bytes);
    if (one.expires != no_expiry) (out += ",\"ttl\":") += seconds_left(one.expires, context);
    if (list.values) (out += ",\"value\":") += *one.value;
    out += '}';
  }
  out += ']';
  if (!list.delimiter.empty()) {
    out += ",\"groups\":[";
    between = "";
    for (auto const& one : page.groups) {
      out += std::exchange(between, ",");
      json::append_string(out, page.key_of(one));
    }
    out += ']';
  }
  if (page.next) {
    out += ",\"next\":";
    json::append_string(out, *page.next);
  }
}

void answer_list(data_request const& request, listing const& page, answer_context const& context, reply& answer) {
  auto const& list = std::get<list_operation>(request.operation);
  answer.content_type = "application/json";
  auto& body = answer.body;
  body = "{\"revision\":" + std::to_string(context.revision) + ',';
  append_page(body, list, page, context);
  body += "}\n";
  if (page.next) answer.more_fields += "Link: <" + path_of_page(list, *page.next) + ">; rel=\"next\"\r\n";
}

void answer_range_deleted(range_deleted const& deleted, std::uint64_t revision, reply& answer) {
  answer.content_type = "application/json";
  auto& body = answer.body;
  body = "{\"deleted\":" + std::to_string(deleted.count) + ",\"revision\":" + std::to_string(revision);
  if (deleted.next) {
    body += ",\"next\":";
    json::append_string(body, *deleted.next);
  }
  body += "}\n";
}

}  // namespace holdfast::server
