#include "server/api/values.hpp"

#include <array>
#include <utility>

#include "protocol/ascii.hpp"
#include "protocol/json.hpp"
#include "protocol/key.hpp"
#include "server/api/answers.hpp"
#include "server/api/conditions.hpp"
#include "server/api/parameters.hpp"
#include "server/api/text_functions.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;

constexpr std::string_view kv_allow = "GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS";
constexpr std::string_view accept_patch = "Accept-Patch: application/merge-patch+json, application/json-patch+json\r\n";

using name_list = std::span<std::string_view const>;
constexpr std::array<std::string_view, 3> read_parameters_allowed{"hold", "lock-timeout", "wait"};
constexpr std::array<std::string_view, 3> put_parameters_allowed{"hold", "lock-timeout", "ttl"};
constexpr std::array<std::string_view, 7> post_parameters_allowed{"hold",    "lock-timeout", "ttl", "increment",
                                                                  "initial", "min",          "max"};
constexpr std::array<std::string_view, 2> other_parameters_allowed{"hold", "lock-timeout"};

name_list allowed_to(method method) {
  switch (method) {
    case method::get:
    case method::head:
      return read_parameters_allowed;
    case method::put:
      return put_parameters_allowed;
    case method::post:
      return post_parameters_allowed;
    default:
      return other_parameters_allowed;
  }
}

/// The first part of a request that its method does not allow.
std::optional<failure> refuse_fields(request_head const& head) {
  auto const puts = head.method == method::put;
  auto const has_content = puts || head.method == method::patch;
  if (puts && head.has_content_range)
    return failure{errc::bad_request, "a PUT stores a whole value; send it without Content-Range"};
  if (!has_content && head.has_body)
    return failure{errc::unexpected_body, std::string(head.method_text) + " takes no body" +
                                              (head.method == method::get || head.method == method::post
                                                   ? "; to store a value, PUT it (curl -X PUT -d VALUE)"
                                                   : "")};
  return std::nullopt;
}

std::string_view media_type_of(std::string_view content_type) {
  auto const type = content_type.substr(0, content_type.find(';'));
  return type.substr(0, type.find_last_not_of(" \t") + 1);
}

/// A POST: increments the value, or changes its time to live.
result<data_operation> read_post(std::string key, parameters const& given, conditions_pointer when) {
  auto const sets_ttl = given.ttl && given.ttl->what != time_to_live::kind::keep;
  if (!given.increment) {
    if (given.initial || given.min || given.max)
      return failure{errc::invalid_parameter, "initial, min and max go with increment"};
    if (!sets_ttl)
      return failure{
          errc::invalid_parameter,
          "a POST says what to do: ?increment=1 counts, ?ttl=30s or ?ttl=none changes when the key expires. To "
          "store a value, PUT it (curl -X PUT -d VALUE)"};
    return data_operation(touch_operation{std::move(key), *given.ttl, std::move(when)});
  }
  if (given.ttl && !sets_ttl)
    return failure{errc::invalid_parameter, "ttl: an increment keeps the time to live of a key that exists anyway"};
  increment_operation increment{.key = std::move(key), .by = *given.increment, .ttl = {}, .when = std::move(when)};
  if (given.ttl) increment.ttl = *given.ttl;
  if (given.min) increment.min = *given.min;
  if (given.max) increment.max = *given.max;
  if (given.initial) {
    auto const initial = parse_integer(*given.initial);
    if (!initial || *initial > exact_integer_max || *initial < -exact_integer_max)
      return failure{errc::invalid_parameter, "initial: must be a whole number within ±(2^53-1), such as 0"};
    increment.initial = *initial;
  }
  if (increment.min > increment.max) return failure{errc::invalid_parameter, "min is greater than max"};
  return data_operation(std::move(increment));
}

lock_operation name_of_method(request_head const& head, parameters const& given) {
  switch (head.method) {
    case method::head:
      return lock_operation::head;
    case method::put:
      return lock_operation::put;
    case method::del:
      return lock_operation::del;
    case method::patch:
      return lock_operation::patch;
    case method::post:
      return given.increment ? lock_operation::increment : lock_operation::touch;
    default:
      return lock_operation::get;
  }
}

/// The kind of patch of a content type; none if it is not a patch.
std::optional<data_request::body_kind> patch_kind_of(std::string_view content_type) {
  auto const type = media_type_of(content_type);
  if (equals_ignoring_case(type, "application/merge-patch+json")) return data_request::body_kind::merge_patch;
  if (equals_ignoring_case(type, "application/json-patch+json")) return data_request::body_kind::json_patch;
  return std::nullopt;
}

/// @param request must be new. @return what is wrong.
std::optional<reply> read_request(request_head const& head, target const& target, route_context const& context,
                                  data_request& request) {
  switch (head.method) {
    case method::get:
    case method::head:
    case method::put:
    case method::post:
    case method::patch:
    case method::del:
      break;
    case method::options: {
      auto answer = options_reply(kv_allow);
      answer.more_fields += accept_patch;
      return answer;
    }
    default:
      return method_not_allowed(head, kv_allow);
  }
  auto const reads = head.method == method::get || head.method == method::head;
  auto key = key_from_path(target.path.substr(kv_path.size()), head.target_is_plain);
  if (!key) return reply_to(key.error());
  request.terms = {.hold = reads ? context.read_hold : nanoseconds(0), .lock_timeout = context.settings.lock_timeout};
  std::optional<parameters> read;
  if (!target.query.empty()) {
    auto given = read_parameters(target.query, allowed_to(head.method), request.terms, context.settings.hold_max);
    if (!given) return reply_to(given.error());
    read = *std::move(given);
    request.terms = read->terms;
  }
  static parameters const none;
  auto const& given = read ? *read : none;
  if (auto const refused = refuse_fields(head)) return reply_to(*refused);
  auto when = read_conditions(head, context.database_id);
  if (!when) return reply_to(when.error());

  request.name = name_of_method(head, given);
  request.head_only = head.method == method::head;
  request.wants_representation = head.prefers_representation && !reads;
  switch (head.method) {
    case method::put: {
      auto& put = request.operation.emplace<put_operation>();
      put.key = *std::move(key);
      if (given.ttl) put.ttl = *given.ttl;
      put.when = *std::move(when);
      request.body = data_request::body_kind::value;
      return std::nullopt;
    }
    case method::del:
      request.operation = delete_operation{*std::move(key), *std::move(when)};
      return std::nullopt;
    case method::post: {
      auto post = read_post(*std::move(key), given, *std::move(when));
      if (!post) return reply_to(post.error());
      request.operation = *std::move(post);
      return std::nullopt;
    }
    case method::patch: {
      auto const kind = patch_kind_of(head.content_type);
      if (!kind) {
        auto answer = refuse(errc::unsupported_media_type,
                             "send a patch with Content-Type: application/merge-patch+json (RFC 7396) or "
                             "application/json-patch+json (RFC 6902)");
        answer.more_fields += accept_patch;
        return answer;
      }
      request.operation = patch_operation{*std::move(key), nullptr, *std::move(when)};
      request.body = *kind;
      return std::nullopt;
    }
    default:
      request.operation = get_operation{*std::move(key), *std::move(when)};
      request.wait = given.wait;
      return std::nullopt;
  }
}

}  // namespace

void route_value(request_head const& head, target const& target, route_context const& context, routed& into) {
  if (auto refused = read_request(head, target, context, into.emplace<data_request>())) into = *std::move(refused);
}

std::string_view key_of_plain_read(request_head const& head) {
  if (head.method != method::get || !head.is_bare || !head.target_is_plain || !head.target.starts_with(kv_path))
    return {};
  auto const key = head.target.substr(kv_path.size());
  return key.size() <= key_bytes_max ? key : std::string_view();
}

std::optional<reply> take_value_body(data_request& request, std::string&& body, std::size_t value_bytes_max) {
  if (request.body != data_request::body_kind::value) {
    auto patch = request.body == data_request::body_kind::merge_patch
                     ? make_merge_patch(std::move(body), value_bytes_max)
                     : make_json_patch(std::move(body), value_bytes_max);
    if (!patch) return reply_to(patch.error());
    std::get<patch_operation>(request.operation).patch = *std::move(patch);
    return std::nullopt;
  }
  if (auto const valid = check_json(body); !valid) return reply_to(valid.error());
  // A body that came in pieces grew by doubling, so it is copied to its size: values live long.
  if (body.capacity() > body.size() + body.size() / 4) body.shrink_to_fit();
  std::get<put_operation>(request.operation).value = std::make_shared<std::string const>(std::move(body));
  return std::nullopt;
}

// --- answers -------------------------------------------------------------------------------------------------------

namespace {

constexpr std::string_view preference_applied = "Preference-Applied: return=representation\r\n";

void add_value(reply& answer, json_text&& value) {
  answer.content_type = "application/json";
  answer.value = std::move(value);
}

}  // namespace

void value_answer::operator()(value_found& found) const {
  answer.tag = entity_tag{context.database_id, found.revision};
  add_time_to_live(answer, found.expires, context);
  add_value(answer, std::move(found.value));
}

void value_answer::operator()(not_modified const& same) const {
  answer.status = 304;
  answer.tag = entity_tag{context.database_id, same.revision};
  add_time_to_live(answer, same.expires, context);
}

void value_answer::operator()(value_stored& stored) const {
  answer.tag = entity_tag{context.database_id, stored.revision};
  add_time_to_live(answer, stored.expires, context);
  auto const shows = request.wants_representation || request.name == lock_operation::increment;
  answer.status = stored.created ? 201 : shows ? 200 : 204;
  if (stored.created) answer.location = path_of_key(subject_of(request.operation));
  if (request.wants_representation) answer.more_fields += preference_applied;
  if (!shows) return;
  auto const* const put = std::get_if<put_operation>(&inner_of(request.operation));
  add_value(answer, put != nullptr ? json_text(put->value) : std::move(stored.value));
}

void value_answer::operator()(value_deleted& deleted) const {
  answer.status = 204;
  if (!request.wants_representation) return;
  answer.status = 200;
  answer.more_fields += preference_applied;
  add_value(answer, std::move(deleted.removed));
}

void value_answer::operator()(value_touched& touched) const {
  answer.status = 204;
  answer.tag = entity_tag{context.database_id, touched.revision};
  add_time_to_live(answer, touched.expires, context);
  if (!request.wants_representation) return;
  answer.status = 200;
  answer.more_fields += preference_applied;
  add_value(answer, std::move(touched.value));
}

}  // namespace holdfast::server
