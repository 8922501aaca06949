#include "server/api/transactions.hpp"

#include <array>
#include <set>
#include <utility>

#include "protocol/duration.hpp"
#include "protocol/json.hpp"
#include "protocol/key.hpp"
#include "server/api/answers.hpp"
#include "server/api/lists.hpp"
#include "server/api/lock_guard.hpp"
#include "server/api/parameters.hpp"
#include "server/api/text_functions.hpp"
#include "server/json/document.hpp"
#include "server/json/fields.hpp"
#include "server/json/string.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;

constexpr std::string_view transaction_allow = "POST, OPTIONS";
constexpr std::array<std::string_view, 2> transaction_parameters{"hold", "lock-timeout"};
/// A value is within the body, a list and an operation or check.
constexpr int levels_around_value = 3;

failure wrong(json::value const& where, std::string_view problem) {
  auto told = where.failure(problem);
  told.code = errc::invalid_transaction;
  return told;
}

result<std::string> read_key(json::value const& field) {
  auto key = field.as_string();
  if (!key) return key.error();
  if (auto const valid = check_key(*key); !valid) return wrong(field, valid.error().detail);
  return key;
}

result<std::int64_t> read_integer(json::value const& field) {
  auto const number = field.as_integer();
  if (!number) return number.error();
  if (*number > exact_integer_max || *number < -exact_integer_max)
    return wrong(field, "must be an integer within ±(2^53-1)");
  return *number;
}

json_text text_of(json::value const& field) {
  return std::make_shared<std::string const>(field.text());
}

result<time_to_live> read_ttl(json::fields const& fields) {
  auto const field = fields.find("ttl");
  if (!field) return time_to_live();
  auto const text = field->as_string();
  if (!text) return text.error();
  if (*text == "none") return time_to_live();
  if (*text == "keep") return time_to_live{time_to_live::kind::keep, {}};
  auto const duration = parse_time_to_live(*text);
  if (!duration) return wrong(*field, duration.error().detail);
  return time_to_live{time_to_live::kind::set, *duration};
}

/// Entity tags as in a header field, or without their quotes, as a list of tags then.
std::string with_quotes(std::string_view tags) {
  if (tags == "*" || tags.find('"') != std::string_view::npos) return std::string(tags);
  std::string quoted = "\"";
  for (auto const c : tags) {
    if (c == ' ') continue;
    quoted += c == ',' ? "\",\"" : std::string_view(&c, 1);
  }
  return quoted += '"';
}

/// A check that a grant of a named lock is valid.
result<check> read_grant(json::value const& part, json::fields const& fields) {
  for (auto const* const other : {"key", "etag", "exists", "value"})
    if (fields.find(other)) return wrong(part, "a check of a lock has its name and a token, and nothing else");
  auto const lock_field = fields.require("lock"), token_field = fields.require("token");
  if (!lock_field) return lock_field.error();
  if (!token_field) return token_field.error();
  auto name = lock_field->as_string();
  if (!name) return name.error();
  if (auto const valid = check_lock_name(*name); !valid) return wrong(*lock_field, valid.error().detail);
  auto const token = token_field->as_integer();
  if (!token) return token.error();
  if (*token <= 0) return wrong(*token_field, "must be the token of a grant");
  check one;
  one.grant = lock_grant{*std::move(name), static_cast<std::uint64_t>(*token)};
  return one;
}

result<check> read_check(json::value const& part, std::uint64_t database_id) {
  auto const fields = json::fields::of(part, {"key", "etag", "exists", "value", "lock", "token"});
  if (!fields) return fields.error();
  if (fields->find("lock") || fields->find("token")) return read_grant(part, *fields);
  auto const key_field = fields->require("key");
  if (!key_field) return key_field.error();
  auto key = read_key(*key_field);
  if (!key) return key.error();
  check one;
  one.key = *std::move(key);
  auto const etag = fields->find("etag"), exists = fields->find("exists"), value = fields->find("value");
  if (!etag && !exists && !value) return wrong(part, "a check has an etag, exists or a value");
  if (etag) {
    auto const text = etag->as_string();
    if (!text) return text.error();
    one.tag = parse_tag_list(with_quotes(*text), database_id);
    if (one.tag->is_malformed) return wrong(*etag, "is neither * nor a list of entity tags such as 3f-17, 3f-18");
  }
  if (exists) {
    auto const wanted = exists->as_boolean();
    if (!wanted) return wanted.error();
    one.exists = *wanted;
  }
  if (value) {
    auto compare = make_comparison(std::string(value->text()));
    if (!compare) return compare.error();
    one.value = *std::move(compare);
  }
  return one;
}

// --- operations ----------------------------------------------------------------------------------------------------

result<transaction_step> read_get(std::string key, json::value const& part, std::size_t) {
  if (auto const fields = json::fields::of(part, {"get"}); !fields) return fields.error();
  return transaction_step(get_operation{std::move(key)});
}

result<transaction_step> read_put(std::string key, json::value const& part, std::size_t) {
  auto const fields = json::fields::of(part, {"put", "value", "ttl"});
  if (!fields) return fields.error();
  auto const value = fields->require("value");
  if (!value) return value.error();
  auto const ttl = read_ttl(*fields);
  if (!ttl) return ttl.error();
  return transaction_step(put_operation{std::move(key), text_of(*value), *ttl});
}

result<transaction_step> read_delete(std::string key, json::value const& part, std::size_t) {
  if (auto const fields = json::fields::of(part, {"delete"}); !fields) return fields.error();
  return transaction_step(delete_operation{std::move(key)});
}

result<transaction_step> read_touch(std::string key, json::value const& part, std::size_t) {
  auto const fields = json::fields::of(part, {"touch", "ttl"});
  if (!fields) return fields.error();
  auto const field = fields->require("ttl");
  if (!field) return field.error();
  auto const ttl = read_ttl(*fields);
  if (!ttl) return ttl.error();
  if (ttl->what == time_to_live::kind::keep) return wrong(*field, "a touch sets a duration or \"none\"");
  return transaction_step(touch_operation{std::move(key), *ttl});
}

result<transaction_step> read_increment(std::string key, json::value const& part, std::size_t) {
  auto const fields = json::fields::of(part, {"increment", "by", "initial", "min", "max", "ttl"});
  if (!fields) return fields.error();
  increment_operation increment{.key = std::move(key), .ttl = {}};
  for (auto const& [name, into] : {std::pair{"by", &increment.by}, std::pair{"initial", &increment.initial},
                                   std::pair{"min", &increment.min}, std::pair{"max", &increment.max}}) {
    auto const field = fields->find(name);
    if (!field) continue;
    auto const number = read_integer(*field);
    if (!number) return number.error();
    *into = *number;
  }
  if (increment.min > increment.max) return wrong(part, "min is greater than max");
  auto const ttl = read_ttl(*fields);
  if (!ttl) return ttl.error();
  if (ttl->what == time_to_live::kind::keep)
    return wrong(part, "an increment keeps the time to live of a key that exists anyway");
  increment.ttl = *ttl;
  return transaction_step(std::move(increment));
}

result<transaction_step> read_patch(std::string key, json::value const& part, std::size_t value_bytes_max) {
  auto const fields = json::fields::of(part, {"patch", "merge", "json"});
  if (!fields) return fields.error();
  auto const merge = fields->find("merge"), json = fields->find("json");
  if (merge.has_value() == json.has_value())
    return wrong(part, "a patch has either \"merge\" (RFC 7396) or \"json\" (RFC 6902)");
  auto patch = merge ? make_merge_patch(std::string(merge->text()), value_bytes_max)
                     : make_json_patch(std::string(json->text()), value_bytes_max);
  if (!patch) return wrong(merge ? *merge : *json, patch.error().detail);
  return transaction_step(patch_operation{std::move(key), *std::move(patch)});
}

result<transaction_step> read_list(std::string prefix, json::value const& part, std::size_t) {
  auto const fields = json::fields::of(part, {"list", "after", "until", "delimiter", "limit", "reverse", "values"});
  if (!fields) return fields.error();
  list_operation list;
  list.prefix = std::move(prefix);
  list.values = true;
  for (auto const& [name, into] : {std::pair{"after", &list.after}, std::pair{"until", &list.until}}) {
    auto const field = fields->find(name);
    if (!field) continue;
    auto text = field->as_string();
    if (!text) return text.error();
    *into = *std::move(text);
  }
  if (list.after && !list.after->starts_with(list.prefix))
    return wrong(*fields->find("after"), "does not begin with the prefix; it belongs to another list");
  if (auto const field = fields->find("delimiter")) {
    auto text = field->as_string();
    if (!text) return text.error();
    if (text->empty()) return wrong(*field, "must not be empty");
    list.delimiter = *std::move(text);
  }
  if (auto const field = fields->find("limit")) {
    auto const limit = field->as_integer();
    if (!limit) return limit.error();
    if (*limit < 1 || *limit > 1000) return wrong(*field, "must be a number from 1 to 1000");
    list.limit = static_cast<std::size_t>(*limit);
  }
  for (auto const& [name, into] : {std::pair{"reverse", &list.reverse}, std::pair{"values", &list.values}}) {
    auto const field = fields->find(name);
    if (!field) continue;
    auto const flag = field->as_boolean();
    if (!flag) return flag.error();
    *into = *flag;
  }
  return transaction_step(std::move(list));
}

struct known_operation {
  std::string_view name;
  result<transaction_step> (*read)(std::string subject, json::value const& part, std::size_t value_bytes_max);
  bool is_of_prefix = false;
};
constexpr std::array known_operations{
    known_operation{"get", read_get},
    known_operation{"put", read_put},
    known_operation{"delete", read_delete},
    known_operation{"touch", read_touch},
    known_operation{"increment", read_increment},
    known_operation{"patch", read_patch},
    known_operation{"list", read_list, true},
};

/// The member's name determines the operation.
result<transaction_step> read_step(json::value const& part, std::size_t value_bytes_max) {
  auto const members = part.as_object();
  if (!members) return members.error();
  known_operation const* found = nullptr;
  std::optional<json::value> subject;
  for (auto const member : *members) {
    auto const name = member.name();
    for (auto const& one : known_operations) {
      if (one.name != name) continue;
      if (found != nullptr && found != &one)
        return wrong(part, "is both \"" + std::string(found->name) + "\" and \"" + name + "\"; write two operations");
      found = &one;
      subject = member;
    }
  }
  if (found == nullptr)
    return wrong(part,
                 "is no operation; there are get, put, delete, touch, increment, patch and list, such as "
                 "{\"put\":\"my-key\",\"value\":1}");
  auto key = found->is_of_prefix ? subject->as_string() : read_key(*subject);
  if (!key) return key.error();
  return found->read(*std::move(key), part, value_bytes_max);
}

std::string subject_of_keys(transaction const& all) {
  std::set<std::string_view> keys;
  for (auto const& one : all.checks)
    if (!one.grant) keys.insert(one.key);
  for (auto const& one : all.steps) keys.insert(subject_of(one));
  return std::to_string(keys.size()) + (keys.size() == 1 ? " key" : " keys");
}

result<transaction> read_transaction(json::value const& body, std::uint64_t database_id, std::size_t value_bytes_max) {
  auto const fields = json::fields::of(body, {"checks", "operations"});
  if (!fields) return fields.error();
  transaction all;
  std::size_t parts = 0;
  auto const is_too_many = [&] { return ++parts > transaction_parts_max; };
  failure const too_many{
      errc::invalid_transaction,
      "a transaction has at most " + std::to_string(transaction_parts_max) + " checks and operations together"};
  if (auto const field = fields->find("checks")) {
    auto const checks = field->as_array();
    if (!checks) return checks.error();
    for (auto const part : *checks) {
      if (is_too_many()) return too_many;
      auto one = read_check(part, database_id);
      if (!one) return one.error();
      all.checks.push_back(*std::move(one));
    }
  }
  if (auto const field = fields->find("operations")) {
    auto const operations = field->as_array();
    if (!operations) return operations.error();
    for (auto const part : *operations) {
      if (is_too_many()) return too_many;
      auto one = read_step(part, value_bytes_max);
      if (!one) return one.error();
      all.steps.push_back(*std::move(one));
    }
  }
  if (parts == 0)
    return failure{errc::invalid_transaction,
                   "an empty transaction does nothing; send {\"operations\":[{\"put\":\"my-key\",\"value\":1}]}"};
  all.subject = subject_of_keys(all);
  return all;
}

// --- answers -------------------------------------------------------------------------------------------------------

/// Appends the result of a step as a JSON object.
struct result_writer {
  transaction_step const& step;
  answer_context const& context;
  std::string& out;

  void operator()(value_found const& found) const {
    begin();
    (out += ",\"revision\":") += std::to_string(found.revision);
    add_ttl(found.expires);
    (out += ",\"value\":") += *found.value;
    out += '}';
  }
  void operator()(value_stored const& stored) const {
    begin();
    (out += ",\"revision\":") += std::to_string(stored.revision);
    out += stored.created ? ",\"created\":true" : ",\"created\":false";
    add_ttl(stored.expires);
    if (std::holds_alternative<increment_operation>(step)) (out += ",\"value\":") += *stored.value;
    out += '}';
  }
  void operator()(value_deleted const& deleted) const {
    begin();
    (out += ",\"deleted\":true,\"revision\":") += std::to_string(deleted.revision);
    out += '}';
  }
  void operator()(value_touched const& touched) const {
    begin();
    (out += ",\"revision\":") += std::to_string(touched.revision);
    add_ttl(touched.expires);
    out += '}';
  }
  void operator()(no_such_key) const {
    begin();
    out += std::holds_alternative<delete_operation>(step) ? ",\"deleted\":false}" : ",\"missing\":true}";
  }
  void operator()(listing const& page) const {
    out += '{';
    append_page(out, std::get<list_operation>(step), page, context);
    out += '}';
  }
  template <class Other>
  void operator()(Other const&) const {
    out += "null";  // does not occur in a transaction that was executed
  }

 private:
  void begin() const {
    out += "{\"key\":";
    json::append_string(out, subject_of(step));
  }
  void add_ttl(expiry_time expires) const {
    if (expires != no_expiry) (out += ",\"ttl\":") += seconds_left(expires, context);
  }
};

/// The error of a step.
struct step_failure {
  transaction_step const& step;

  failure operator()(no_such_key none) const { return failure_of(none, subject_of(step)); }
  failure operator()(no_room none) const { return failure_of(none); }
  failure operator()(value_refused const& refused) const { return {refused.code, refused.detail}; }
  template <class Other>
  failure operator()(Other const&) const {
    return {errc::internal, "the operation can't be done"};
  }
};

}  // namespace

routed route_transaction(request_head const& head, target const& target, route_context const& context) {
  if (head.method == method::options) return options_reply(transaction_allow);
  if (head.method != method::post) return method_not_allowed(head, transaction_allow);
  if (head.if_match || head.if_none_match || head.has_if_unmodified_since)
    return refuse(errc::precondition_not_supported,
                  "a transaction has its conditions in its body: {\"checks\":[{\"key\":\"a\",\"etag\":\"…\"}]}");
  auto const given =
      read_parameters(target.query, transaction_parameters, {.hold = {}, .lock_timeout = context.settings.lock_timeout},
                      context.settings.hold_max);
  if (!given) return reply_to(given.error());
  routed made(std::in_place_type<data_request>);
  auto& request = std::get<data_request>(made);
  request.terms = given->terms;
  request.name = lock_operation::transaction;
  request.body = data_request::body_kind::transaction;
  return made;
}

std::optional<reply> take_transaction_body(data_request& request, std::string const& body, std::uint64_t database_id,
                                           std::size_t value_bytes_max) {
  auto const document = json::document::parse(body, levels_around_value + 1, json_depth_max + levels_around_value);
  if (!document) return reply_to(document.error());
  auto all = read_transaction(document->root(), database_id, value_bytes_max);
  if (!all) return reply_to({errc::invalid_transaction, all.error().detail});
  request.operation = *std::move(all);
  return std::nullopt;
}

void answer_transaction(data_request const& request, transaction_outcome const& done, answer_context const& context,
                        reply& answer) {
  auto const& all = std::get<transaction>(inner_of(request.operation));
  if (!done.failed_checks.empty()) {
    std::string failed = "[";
    lock_grant const* lost = nullptr;
    auto had_weak_tag = false;
    for (auto const& one : done.failed_checks) {
      if (failed.size() > 1) failed += ',';
      if (auto const& grant = all.checks[one.index].grant) {
        if (lost == nullptr) lost = &*grant;
        failed += "{\"index\":" + std::to_string(one.index) + ",\"lock\":";
        json::append_string(failed, grant->lock);
        failed += ",\"token\":" + std::to_string(grant->token) + '}';
        continue;
      }
      if (auto const& tag = all.checks[one.index].tag) had_weak_tag = had_weak_tag || tag->has_weak;
      failed += "{\"index\":" + std::to_string(one.index) + ",\"key\":";
      json::append_string(failed, all.checks[one.index].key);
      if (one.revision != 0) {
        failed += ",\"etag\":";
        json::append_string(failed, to_string(entity_tag{context.database_id, one.revision}));
      } else {
        failed += ",\"exists\":false";
      }
      failed += '}';
    }
    failed += ']';
    if (lost != nullptr) {
      answer = problem_with(failure_of(lock_lost{*lost}), "failed", failed);
      return;
    }
    answer = problem_with(
        {errc::check_failed, std::to_string(done.failed_checks.size()) + " of " + std::to_string(all.checks.size()) +
                                 " checks failed; nothing was changed" +
                                 (had_weak_tag ? ". A weak tag (W/) matches nothing: a proxy that compresses answers "
                                                 "makes tags weak; send the strong tag"
                                               : "")},
        "failed", failed);
    return;
  }
  if (done.failed_step) {
    auto const index = *done.failed_step;
    auto const why = std::visit(step_failure{all.steps[index]}, done.results.back());
    if (std::holds_alternative<no_room>(done.results.back())) {
      answer = reply_to(why);
      return;
    }
    answer = problem_with({errc::operation_failed, "operation " + std::to_string(index) + ": " + why.detail}, "index",
                          std::to_string(index) + ",\"reason\":\"" + std::string(traits_of(why.code).code) + '"');
    return;
  }
  answer.content_type = "application/json";
  auto& body = answer.body;
  body = "{\"revision\":" + std::to_string(context.revision) + ",\"results\":[";
  for (std::size_t i = 0; i < done.results.size(); ++i) {
    if (i != 0) body += ',';
    std::visit(result_writer{all.steps[i], context, body}, done.results[i]);
  }
  body += "]}\n";
}

}  // namespace holdfast::server
