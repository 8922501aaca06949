#include "client/transaction.hpp"

#include <charconv>

#include "client/json_parts.hpp"
#include "protocol/json.hpp"

namespace holdfast::client {
namespace {

void append_member(std::string& to, std::string_view name, std::string_view json) {
  (((to += to.empty() ? "{" : ",") += '"') += name) += "\":";
  to += json;
}

void append_object(std::string& list, std::string object) {
  if (!list.empty()) list += ',';
  (list += object) += '}';
}

}  // namespace

transaction& transaction::check_etag(std::string_view key, std::string_view etag) {
  std::string check;
  append_member(check, "key", json_string(key));
  append_member(check, "etag", json_string(etag));
  append_object(checks_, std::move(check));
  return *this;
}

transaction& transaction::check_exists(std::string_view key, bool exists) {
  std::string check;
  append_member(check, "key", json_string(key));
  append_member(check, "exists", exists ? "true" : "false");
  append_object(checks_, std::move(check));
  return *this;
}

transaction& transaction::check_value(std::string_view key, std::string_view value) {
  std::string check;
  append_member(check, "key", json_string(key));
  append_member(check, "value", value);
  append_object(checks_, std::move(check));
  return *this;
}

transaction& transaction::get(std::string_view key) {
  std::string operation;
  append_member(operation, "get", json_string(key));
  append_object(operations_, std::move(operation));
  return *this;
}

transaction& transaction::put(std::string_view key, std::string_view value, time_to_live const& ttl) {
  std::string operation;
  append_member(operation, "put", json_string(key));
  append_member(operation, "value", value);
  if (ttl.is != time_to_live::kind::unsaid) append_member(operation, "ttl", json_string(format_ttl(ttl)));
  append_object(operations_, std::move(operation));
  return *this;
}

transaction& transaction::del(std::string_view key) {
  std::string operation;
  append_member(operation, "delete", json_string(key));
  append_object(operations_, std::move(operation));
  return *this;
}

transaction& transaction::add(std::string_view key, increment const& change) {
  std::string operation;
  append_member(operation, "increment", json_string(key));
  append_member(operation, "by", std::to_string(change.by));
  if (change.initial) append_member(operation, "initial", std::to_string(*change.initial));
  if (change.min) append_member(operation, "min", std::to_string(*change.min));
  if (change.max) append_member(operation, "max", std::to_string(*change.max));
  append_object(operations_, std::move(operation));
  return *this;
}

transaction& transaction::merge(std::string_view key, std::string_view patch) {
  std::string operation;
  append_member(operation, "patch", json_string(key));
  append_member(operation, "merge", patch);
  append_object(operations_, std::move(operation));
  return *this;
}

transaction& transaction::json_patch(std::string_view key, std::string_view patch) {
  std::string operation;
  append_member(operation, "patch", json_string(key));
  append_member(operation, "json", patch);
  append_object(operations_, std::move(operation));
  return *this;
}

transaction& transaction::touch(std::string_view key, time_to_live const& ttl) {
  std::string operation;
  append_member(operation, "touch", json_string(key));
  append_member(operation, "ttl", json_string(format_ttl(ttl)));
  append_object(operations_, std::move(operation));
  return *this;
}

transaction& transaction::list(std::string_view prefix, unsigned limit) {
  std::string operation;
  append_member(operation, "list", json_string(prefix));
  append_member(operation, "limit", std::to_string(limit));
  append_object(operations_, std::move(operation));
  return *this;
}

std::string transaction::json() const {
  std::string text;
  if (!checks_.empty()) append_member(text, "checks", '[' + checks_ + ']');
  append_member(text, "operations", '[' + operations_ + ']');
  return text += '}';
}

result<transaction_results> read_transaction_results(std::string_view json) {
  auto const bad = [](char const* what) {
    return error{error_kind::bad_answer, "the answer is " + std::string(what) + "; is that a Holdfast server?", {}};
  };
  if (!protocol::check_json(json, protocol::json_depth_with_values_max)) return bad("not JSON");
  transaction_results done;
  bool complete = false;
  for (auto const& [name, value] : members_of(json)) {
    if (name == "revision") {
      auto const [end, failed] = std::from_chars(value.data(), value.data() + value.size(), done.revision);
      if (failed != std::errc() || end != value.data() + value.size()) return bad("without a revision");
    }
    if (name == "results") {
      complete = value.starts_with('[');
      for (auto const one : elements_of(value)) done.results.emplace_back(one);
    }
  }
  if (!complete) return bad("without results");
  return done;
}

}  // namespace holdfast::client
