#include "server/api/values.hpp"

#include <utility>

#include "protocol/ascii.hpp"
#include "protocol/duration.hpp"
#include "protocol/json.hpp"
#include "protocol/key.hpp"
#include "server/api/answers.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;
using std::chrono::nanoseconds;
constexpr std::in_place_type_t<value_request> as_value;

constexpr std::string_view kv_allow = "GET, HEAD, PUT, DELETE, OPTIONS";
constexpr std::string_view post_advice = "To store a value, PUT it (curl -X PUT -d VALUE)";

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

/// Makes an answer, which is new, of what an operation came to.
struct reply_maker {
  value_request const& request;
  std::uint64_t start;
  reply& answer;

  void operator()(value_found& found) const {
    answer.tag = entity_tag{start, found.revision};
    if (request.if_none_match && names(*request.if_none_match, *answer.tag)) {
      answer.status = 304;
      return;
    }
    answer.content_type = "application/json";
    answer.value = std::move(found.value);
  }

  void operator()(value_stored const& stored) const {
    answer.tag = entity_tag{start, stored.revision};
    answer.status = stored.created ? 201 : 204;
    if (stored.created) answer.location = path_of_key(std::get<put_operation>(request.operation).key);
  }

  void operator()(value_deleted const&) const { answer.status = 204; }

  void operator()(no_such_key) const {
    auto const& key = key_of(request.operation);
    answer = reply_to(
        failure{errc::key_not_found, "no value is stored under '" + key + "'; PUT one to " + path_of_key(key)});
  }

  void operator()(no_room) const {
    answer = reply_to(failure{errc::database_full,
                              "the values take as much memory as this server allows; nothing was changed. Delete some, "
                              "or start the server with a larger --max-memory"});
  }
};

struct operation_namer {
  bool head_only;

  lock_operation operator()(get_operation const&) const noexcept {
    return head_only ? lock_operation::head : lock_operation::get;
  }
  lock_operation operator()(put_operation const&) const noexcept { return lock_operation::put; }
  lock_operation operator()(delete_operation const&) const noexcept { return lock_operation::del; }
};

}  // namespace

routed route_value(request_head const& head, target const& target, route_context const& context) {
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
  auto const terms = terms_of(target.query, head.method, context.settings, context.read_hold);
  if (!terms) return reply_to(terms.error());
  if (auto const refused = refuse_fields(head)) return reply_to(*refused);

  switch (head.method) {
    case method::put:
      return routed(as_value, put_operation{*std::move(key), nullptr}, *terms, std::nullopt, false);
    case method::del:
      return routed(as_value, delete_operation{*std::move(key)}, *terms, std::nullopt, false);
    default:
      return routed(as_value, get_operation{*std::move(key)}, *terms, head.if_none_match, head.method == method::head);
  }
}

std::string_view key_of_plain_read(request_head const& head) {
  if (head.method != method::get || !head.is_bare || !head.target_is_plain || !head.target.starts_with(kv_path))
    return {};
  auto const key = head.target.substr(kv_path.size());
  return key.size() <= key_bytes_max ? key : std::string_view();
}

std::optional<reply> take_value(put_operation& put, std::string&& body) {
  if (auto const valid = check_json(body); !valid) return reply_to(valid.error());
  // A body that came in pieces has grown by doubling; a value stays for long.
  if (body.capacity() > body.size() + body.size() / 4) body.shrink_to_fit();
  put.value = std::make_shared<std::string const>(std::move(body));
  return std::nullopt;
}

lock_operation lock_operation_of(value_request const& request) noexcept {
  return std::visit(operation_namer{request.head_only}, request.operation);
}

void make_answer(value_request const& request, execution&& done, std::uint64_t start, reply& answer) {
  if (done.outcome) {
    std::visit(reply_maker{request, start, answer}, *done.outcome);
  } else {
    answer = reply_to(done.outcome.error());
  }
  answer.timing = done.timing;
  if (done.id != 0) answer.request = request_id{start, done.id};
}

}  // namespace holdfast::server
