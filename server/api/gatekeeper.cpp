#include "server/api/gatekeeper.hpp"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "protocol/ascii.hpp"
#include "server/api/answers.hpp"
#include "server/json/string.hpp"
#include "server/store/named_locks.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;
using std::chrono::nanoseconds;

constexpr std::size_t path_bytes_max = 1024;

/// The token of an Authorization field (RFC 6750 §2.1); empty if the field has another scheme.
std::string_view bearer_in(std::string_view authorization) {
  constexpr std::string_view scheme = "Bearer";
  if (authorization.size() <= scheme.size() || !equals_ignoring_case(authorization.substr(0, scheme.size()), scheme) ||
      authorization[scheme.size()] != ' ')
    return {};
  auto const begin = authorization.find_first_not_of(' ', scheme.size());
  return begin == std::string_view::npos ? std::string_view() : authorization.substr(begin);
}

void add_challenge(reply& answer, std::string_view more = {}) {
  (answer.more_fields += "WWW-Authenticate: Bearer realm=\"holdfast\"") += more;
  answer.more_fields += "\r\n";
}

/// Permissions that a change needs besides write: it also needs read if its answer shows or depends on a value.
bool reads_too(data_operation const& one) {
  return std::holds_alternative<patch_operation>(one) || std::holds_alternative<increment_operation>(one);
}

struct step_access {
  bool reads = false, writes = false;
};

step_access access_of(transaction_step const& one) {
  if (std::holds_alternative<get_operation>(one) || std::holds_alternative<list_operation>(one)) return {true, false};
  auto const reads = std::holds_alternative<patch_operation>(one) || std::holds_alternative<increment_operation>(one);
  return {reads, true};
}

nanoseconds hold_of(routed const& request) {
  if (auto const* const data = std::get_if<data_request>(&request)) return data->terms.hold;
  if (auto const* const out = std::get_if<export_request>(&request)) return out->terms.hold;
  return {};
}

/// Writes `2026-03-01T09:30:00.123Z`.
std::string text_of_now() {
  auto const now = std::chrono::system_clock::now().time_since_epoch();
  auto const ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  auto const seconds = static_cast<std::time_t>(ms / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[80];
  auto const length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  auto const rest = std::to_string(1000 + ms % 1000);
  return std::string(text, length) + '.' + rest.substr(1) + 'Z';
}

/// Appends a JSON string. A prefix may be any bytes or end within a character: invalid UTF-8 is replaced.
void append_any(std::string& out, std::string_view bytes) {
  using nlohmann::json;
  out += json(bytes).dump(-1, ' ', false, json::error_handler_t::replace);
}

/// A line of one of the logs.
class log_line {
 public:
  log_line() { add("time", text_of_now()); }

  void add(std::string_view name, std::string_view text) {
    begin(name);
    json::append_string(text_, text);
  }
  void add_any(std::string_view name, std::string_view bytes) {
    begin(name);
    append_any(text_, bytes);
  }
  void add(std::string_view name, std::uint64_t number) {
    begin(name);
    text_ += std::to_string(number);
  }
  void add_us(std::string_view name, nanoseconds time) {
    begin(name);
    text_ += std::to_string(time.count() / 1000);
  }
  void add(std::string_view name, std::vector<std::string_view> const& texts) {
    begin(name);
    auto between = '[';
    for (auto const& one : texts) {
      text_ += std::exchange(between, ',');
      json::append_string(text_, one);
    }
    text_ += texts.empty() ? "[]" : "]";
  }
  [[nodiscard]] std::string_view end() { return text_ += "}\n"; }

 private:
  void begin(std::string_view name) {
    text_ += text_.empty() ? '{' : ',';
    ((text_ += '"') += name) += "\":";
  }

  std::string text_;
};

}  // namespace

// --- whose request it is -------------------------------------------------------------------------------------------

void gatekeeper::begin(request_head const& head, peer_address const& client) {
  is_admitted_ = false;
  wait_ = hold_ = charged_hold_ = {};
  items_ = 0;
  token_ = nullptr;
  why_ = doubt::none;
  if (control_.tokens) identify(head);
  if (control_.rates || control_.streams.is_limited())
    client_ = token_ != nullptr ? client_id::of(*token_) : client_id::of(client);
  if (!control_.audit && !control_.requests) return;
  path_ = head.target.substr(0, std::min(head.target.find_first_of("?#"), path_bytes_max));
  for (auto& c : path_)
    if (c <= ' ' || c >= 0x7F) c = '?';
}

void gatekeeper::identify(request_head const& head) {
  if (generation_ != control_.tokens->generation()) {
    generation_ = control_.tokens->generation();
    tokens_ = control_.tokens->current();
    memos_ = {};
  }
  if (head.authorization.empty()) {
    why_ = doubt::no_token;
    return;
  }
  memo fresh;
  auto& known = head.credentials != 0 ? memos_[head.credentials % memos_.size()] : fresh;
  if (known.credentials != head.credentials || head.credentials == 0) {
    auto const secret = bearer_in(head.authorization);
    auto const* const found = secret.empty() ? nullptr : tokens_->find(secret);
    known = {head.credentials, found,
             found != nullptr ? doubt::none
             : secret.empty() ? doubt::no_bearer
                              : doubt::unknown};
  }
  token_ = known.known;
  why_ = known.why;
  if (token_ != nullptr && token_->expires && *token_->expires <= token::instant::clock::now()) {
    token_ = nullptr;
    why_ = doubt::expired;
  }
}

std::string gatekeeper::own_name_of(std::string&& key) const {
  // Neither can contain a quote.
  return token_ != nullptr ? token_->name + '"' + key : std::move(key);
}

// --- whether it may be served --------------------------------------------------------------------------------------

bool gatekeeper::lets_read(std::string_view key) {
  if (control_.tokens && (token_ == nullptr || !token_->allows(scope::read, key))) return false;
  if (!control_.rates || is_admitted_) return true;
  return is_admitted_ = control_.rates->admit(client_, clock::now()).count() == 0;
}

std::optional<reply> gatekeeper::refuse(route_kind kind, need needed, routed const& request, nanoseconds default_hold) {
  auto const is_probe = kind == route_kind::livez || kind == route_kind::readyz;
  if (!is_probe)
    if (auto refused = refuse_rate()) return refused;
  if (!control_.tokens || needed == need::nothing) return std::nullopt;
  if (token_ == nullptr) return refuse_doubt();
  return refuse_need(needed, request, default_hold);
}

std::optional<reply> gatekeeper::refuse_rate() {
  if (!control_.rates || std::exchange(is_admitted_, true)) return std::nullopt;
  auto const wait = control_.rates->admit(client_, clock::now());
  if (wait.count() == 0) return std::nullopt;
  auto const seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  auto answer =
      server::refuse(errc::rate_limited, std::string("this ") + (token_ != nullptr ? "token" : "address") +
                                             " has exceeded the limit of this server; retry in " +
                                             std::to_string(seconds) + (seconds == 1 ? " second" : " seconds"));
  answer.more_fields += "Retry-After: " + std::to_string(seconds) + "\r\n";
  return answer;
}

reply gatekeeper::refuse_doubt() const {
  std::string_view detail, challenge;
  switch (why_) {
    case doubt::unknown:
      detail = "this server does not know the token; ask its operator for one, or take the one that it was given last";
      challenge = ", error=\"invalid_token\", error_description=\"unknown\"";
      break;
    case doubt::expired:
      detail = "the token has expired; ask the server's operator for a new one";
      challenge = ", error=\"invalid_token\", error_description=\"expired\"";
      break;
    case doubt::no_bearer:
      detail = "the Authorization field has another form; send Authorization: Bearer TOKEN";
      challenge = ", error=\"invalid_request\"";
      break;
    case doubt::none:
    case doubt::no_token:
      detail = "send a token: Authorization: Bearer TOKEN, or holdfast --token-file FILE";
      break;
  }
  auto answer = server::refuse(errc::token_needed, std::string(detail));
  add_challenge(answer, challenge);
  return answer;
}

std::optional<reply> gatekeeper::refuse_scope(scope what, std::string_view prefix) const {
  if (token_->allows(what, prefix)) return std::nullopt;
  auto const wanted = to_string(permission{what, std::string(prefix)});
  auto answer = server::refuse(errc::scope_missing, "this needs a token with the scope '" + wanted +
                                                        (what == scope::admin ? "'" : "' or a shorter prefix of it") +
                                                        "; the operator adds it to the token file");
  std::string members = ",\"scope\":\"" + std::string(name_of(what)) + '"';
  if (what != scope::admin) {
    members += ",\"prefix\":";
    append_any(members, prefix);
  }
  answer.body.insert(answer.body.rfind('}'), members);
  add_challenge(answer, ", error=\"insufficient_scope\"");
  return answer;
}

std::optional<reply> gatekeeper::refuse_need(need needed, routed const& request, nanoseconds default_hold) const {
  switch (needed) {
    case need::nothing:
    case need::any_token:
      return std::nullopt;
    case need::overview:
      return token_->allows(scope::read, {}) ? std::nullopt : refuse_scope(scope::admin, {});
    case need::admin:
      return refuse_scope(scope::admin, {});
    case need::keys:
    case need::locks:
      break;
  }
  if (hold_of(request) > default_hold)
    // The database has a single lock, whose holder blocks access to all keys.
    if (auto refused = refuse_scope(scope::lock, {})) return refused;
  if (auto const* const data = std::get_if<data_request>(&request)) return refuse_data(*data, default_hold);
  if (auto const* const ticket = std::get_if<ticket_request>(&request))
    return refuse_scope(scope::lock, ticket->what.lock);
  if (auto const* const watch = std::get_if<watch_request>(&request))
    return watch->space == keyspace::locks ? refuse_scope(scope::lock, split_ticket_key(watch->key).first)
                                           : refuse_scope(scope::read, watch->key);
  if (auto const* const out = std::get_if<export_request>(&request)) return refuse_scope(scope::read, out->prefix);
  if (std::holds_alternative<import_request>(request) && !token_->allows_any(scope::write))
    return refuse_scope(scope::write, {});
  if (std::holds_alternative<reply>(request) || std::holds_alternative<import_request>(request)) return std::nullopt;
  // A kind of request that this function does not know.
  return refuse_scope(scope::admin, {});
}

std::optional<reply> gatekeeper::refuse_data(data_request const& request, nanoseconds) const {
  // Its keys are in its body.
  if (request.body == data_request::body_kind::transaction) return std::nullopt;
  auto const subject = subject_of(request.operation);
  if (std::holds_alternative<list_locks_operation>(request.operation) ||
      std::holds_alternative<show_lock_operation>(request.operation))
    return refuse_scope(scope::lock, subject);
  auto const writes = request.writes();
  if (writes)
    if (auto refused = refuse_scope(scope::write, subject)) return refused;
  if (!writes || reads_too(request.operation) || request.wants_representation)
    return refuse_scope(scope::read, subject);
  return std::nullopt;
}

std::optional<reply> gatekeeper::refuse_parts(transaction const& all) const {
  if (!control_.tokens) return std::nullopt;
  // Whoever knows a grant's token may learn whether the grant is valid.
  for (auto const& one : all.checks)
    if (!one.grant)
      if (auto refused = refuse_scope(scope::read, one.key)) return refused;
  for (auto const& one : all.steps) {
    auto const needed = access_of(one);
    if (needed.reads)
      if (auto refused = refuse_scope(scope::read, subject_of(one))) return refused;
    if (needed.writes)
      if (auto refused = refuse_scope(scope::write, subject_of(one))) return refused;
  }
  return std::nullopt;
}

std::optional<failure> gatekeeper::refuse_item(std::string_view key) const {
  if (!control_.tokens || token_->allows(scope::write, key)) return std::nullopt;
  return failure{errc::scope_missing, "the key needs a token with the scope '" +
                                          to_string(permission{scope::write, std::string(key)}) +
                                          "' or a shorter prefix of it"};
}

bool gatekeeper::lets_see_lock(std::string_view lock) const {
  return !control_.tokens || (token_ != nullptr && token_->allows(scope::lock, lock));
}

// --- what is written down ------------------------------------------------------------------------------------------

void gatekeeper::end(route_kind kind, routed const& request, answered_request const& done) {
  if (control_.rates)
    control_.rates->charge(client_, done.body_bytes + done.content_bytes, hold_ - charged_hold_, clock::now());
  if (control_.requests) write_request(done);
  if (control_.audit) write_audit(kind, request, done);
  token_ = nullptr;
}

void gatekeeper::used_lock_in_stream(lock_timing const& timing) {
  used_lock(timing);
  if (!control_.rates) return;
  control_.rates->charge(client_, 0, timing.hold, clock::now());
  charged_hold_ += timing.hold;
}

void gatekeeper::write_request(answered_request const& done) {
  log_line line;
  line.add("peer", to_string(done.client));
  if (token_ != nullptr) line.add("token", token_->name);
  line.add("method", name_of(done.method));
  line.add("path", path_);
  line.add("status", done.status);
  line.add_us("duration_us", clock::now() - done.begun_at);
  line.add_us("wait_us", wait_);
  line.add_us("hold_us", hold_);
  line.add("body_bytes", done.body_bytes);
  line.add("content_bytes", done.content_bytes);
  control_.requests->write(line.end());
}

void gatekeeper::write_audit(route_kind kind, routed const& request, answered_request const& done) {
  auto const is_refused = done.status == 401 || done.status == 403;
  auto const* const data = std::get_if<data_request>(&request);
  auto const* const settings = kind == route_kind::settings ? std::get_if<settings_request>(&request) : nullptr;
  auto const holds = hold_of(request);
  std::string_view action;
  if (data != nullptr && (data->writes() || holds.count() != 0)) action = name_of(data->name);
  auto const* const ticket = std::get_if<ticket_request>(&request);
  if (ticket != nullptr && ticket->what.what != ticket_operation::kind::look) action = "LOCK";
  if (std::holds_alternative<import_request>(request)) action = "IMPORT";
  if (std::holds_alternative<export_request>(request) && holds.count() != 0) action = "EXPORT";
  if (std::holds_alternative<backup_request>(request)) action = "BACKUP";
  if (settings != nullptr && settings->changes) action = "SETTINGS";
  if (action.empty() && !is_refused) return;
  log_line line;
  line.add("peer", to_string(done.client));
  if (token_ != nullptr) line.add("token", token_->name);
  line.add("action", action.empty() ? name_of(done.method) : action);
  line.add("path", path_);
  if (data != nullptr) {
    auto const& operation = inner_of(data->operation);
    if (auto const* const all = std::get_if<transaction>(&operation)) {
      std::vector<std::string_view> keys;
      for (auto const& one : all->steps)
        if (access_of(one).writes) keys.push_back(subject_of(one));
      line.add("keys", keys);
    } else {
      line.add_any("subject", subject_of(operation));
    }
  }
  if (ticket != nullptr) line.add("subject", ticket->what.lock);
  if (items_ != 0) line.add("items", items_);
  line.add("status", done.status);
  if (holds.count() != 0) line.add_us("hold_us", hold_);
  control_.audit->write(line.end());
}

}  // namespace holdfast::server
