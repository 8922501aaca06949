#include "server/api/api_handler.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "protocol/ascii.hpp"
#include "server/api/answers.hpp"
#include "server/api/backups.hpp"
#include "server/api/foreign_pages.hpp"
#include "server/api/gatekeeper.hpp"
#include "server/api/idempotency.hpp"
#include "server/api/lock.hpp"
#include "server/api/lock_guard.hpp"
#include "server/api/locks.hpp"
#include "server/api/make_answer.hpp"
#include "server/api/probes.hpp"
#include "server/api/routes.hpp"
#include "server/api/settings.hpp"
#include "server/api/transactions.hpp"
#include "server/api/transfer.hpp"
#include "server/api/values.hpp"
#include "server/api/watch.hpp"
#include "server/loop/timer.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;

/// Maximum number of times that a patch is computed without the lock, in addition to once for each text. If the value
/// has changed every time meanwhile, it is then patched under the lock.
std::size_t text_attempts_max(data_operation const& one) {
  auto const* const all = std::get_if<transaction>(&inner_of(one));
  return 4 + (all != nullptr ? all->checks.size() + all->steps.size() : 0);
}

/// True if a page of another site could do harm here. The server's own page is public, so it is not included.
bool is_protected(route_kind kind) {
  switch (kind) {
    case route_kind::livez:
    case route_kind::readyz:
    case route_kind::version:
    case route_kind::page:
    case route_kind::other:
      return false;
    default:
      return true;
  }
}

/// True if a request will hold the lock beyond its operation.
bool holds(routed const& request) {
  auto const* const data = std::get_if<data_request>(&request);
  auto const* const out = std::get_if<export_request>(&request);
  return (data != nullptr && data->terms.hold.count() != 0) || (out != nullptr && out->terms.hold.count() != 0);
}

/// True if the body or the answer is a stream.
bool is_stream(routed const& request) {
  auto const* const ticket = std::get_if<ticket_request>(&request);
  auto const* const lock = std::get_if<lock_request>(&request);
  return std::holds_alternative<watch_request>(request) || std::holds_alternative<export_request>(request) ||
         std::holds_alternative<import_request>(request) || (lock != nullptr && is_streamed(*lock)) ||
         (ticket != nullptr && ticket->is_kept_by_connection);
}

/// True if the body is compressed, or encoded in another way.
bool is_encoded(request_head const& head) {
  return !head.content_encoding.empty() && !equals_ignoring_case(head.content_encoding, "identity");
}

/// How long etcd has to confirm that this server leads, before it says that a watch can't continue.
constexpr std::chrono::seconds confirmation_patience{2};

/// Whether a request is answered by a leader only when etcd has answered.
bool waits_for_etcd(route_kind kind, method method, cluster_view const& cluster) {
  // A watch may have to ask whether a position is one that this leader does not know yet.
  auto const is_watch = kind == route_kind::watch || kind == route_kind::named_lock_events;
  auto const reads = method == method::get || method == method::head;
  if (reads && !is_watch && cluster.reads_by_lease()) return false;
  switch (kind) {
    case route_kind::watch:
    case route_kind::named_lock_events:
    case route_kind::value:
    case route_kind::list:
    case route_kind::transaction:
    case route_kind::export_keys:
    case route_kind::import_keys:
    case route_kind::locks:
    case route_kind::named_lock:
    case route_kind::ticket:
      return true;
    default:
      return false;
  }
}

class api_handler final : public request_handler {
 public:
  api_handler(api_context const& context, lock_recorder& recorder, watch_hub& hub)
      : context_(context), recorder_(recorder), hub_(hub), asker_{&recorder, {}, lock_operation::get} {
    if (context.access != nullptr) gate_.emplace(*context.access);
  }

  request_need begin(request_head const& head, peer_address const& client, reply& answer) override;
  [[nodiscard]] std::size_t body_bytes_max() const override;
  request_need finish(std::string&& body, reply& answer) override;
  awaitable<request_end> run(client_link& client, reply& answer) override;
  void count(answered_request const& done) override;

 private:
  gatekeeper* gate() noexcept { return gate_ ? &*gate_ : nullptr; }
  std::uint16_t name_of_client(request_head const& head);
  bool read_at_once(std::string_view key, reply& answer);
  std::optional<reply> take_body(data_request& request, std::string&& body);
  void heed_page(request_head const& head);
  request_need begin_routed(request_head const& head, reply& answer);
  request_need finish_routed(std::string&& body, reply& answer);
  bool is_known_host(std::string_view host);
  request_need execute_at_once(data_request const& request, reply& answer);
  request_need execute_at_once(ticket_request const& request, reply& answer);
  void make_conditional(data_request& data, std::string_view said);
  awaitable<request_end> run_routed(client_link& client, reply& answer);
  awaitable<request_end> run_watch(watch_request const& request, client_link& client, reply& answer);
  awaitable<request_end> run_data(data_request const& request, client_link& client, reply& answer);
  void begin_stream(reply&& head, bool ends_connection, client_link& client, reply& answer);
  void add(method method, unsigned status, std::chrono::nanoseconds took);
  void take_outcome(data_request const& request, execution&& done, reply& answer);

  api_context const& context_;
  lock_recorder& recorder_;
  watch_hub& hub_;
  std::optional<gatekeeper> gate_;  // null: no access control

  // The text of the latest request; most are short enough to need no memory of their own.
  std::string source_, product_;
  std::uint16_t source_name_ = 0;

  // State of the request being served.
  routed request_;
  std::optional<idempotency_claim> claim_;
  std::vector<lock_grant> grants_;
  std::string cors_;        // additional fields of its answer, for an allowed foreign page
  std::string known_host_;  // of earlier requests
  route_kind kind_ = route_kind::other;
  server::method method_ = method::unknown;
  bool is_counted_ = false;
  bool has_begun_ = false;  // but has not been reported to the gatekeeper as ended
  lock_asker asker_;
  clock::time_point answered_at_{};  // the clock at that time
};

request_need api_handler::begin(request_head const& head, peer_address const& client, reply& answer) {
  method_ = head.method;
  route_context const context{context_.routes, context_.store.id(), context_.live.read_hold(),
                              context_.draining.load(std::memory_order_relaxed), context_.cluster};
  if (gate_) {
    gate_->begin(head, client);
    has_begun_ = true;
  }
  asker_.source = client;
  // Names are few: those whom nobody knows shall not use them up.
  asker_.source.name = gate_ && gate_->is_stranger() ? std::uint16_t(0) : name_of_client(head);
  if (auto const key = key_of_plain_read(head);
      !key.empty() && context.read_hold.count() == 0 && is_known_host(head.host) && (!gate_ || gate_->lets_read(key)))
    if (read_at_once(key, answer)) return request_need::nothing;
  kind_ = route(head, context, request_);
  if (!head.origin.empty() || head.is_cross_site || !is_known_host(host_of(head))) heed_page(head);
  if (gate_) {
    auto const reads = head.method == method::get || head.method == method::head;
    if (auto refused = gate_->refuse(kind_, access_of(kind_).of(head.method), request_,
                                     reads ? context.read_hold : nanoseconds(0)))
      request_ = *std::move(refused);
  }
  if (context_.cluster != nullptr && waits_for_etcd(kind_, head.method, *context_.cluster) &&
      context_.cluster->is_cut_off() && !std::holds_alternative<reply>(request_))
    request_ = no_leader_reply(true, true);
  auto need = begin_routed(head, answer);
  if ((need == request_need::body || need == request_need::stream) && is_encoded(head)) {
    answer = refuse(errc::unsupported_content_encoding, "send the body as it is, without Content-Encoding");
    need = request_need::nothing;
  }
  if (need == request_need::nothing) answer.more_fields += cors_;
  return need;
}

/// For a request from a web page, perhaps of another site.
void api_handler::heed_page(request_head const& head) {
  if (is_protected(kind_)) {
    if (auto refused = refuse_foreign_page(head, context_.routes)) {
      request_ = *std::move(refused);
    } else if (is_foreign_navigation(head) && holds(request_)) {
      request_ = refuse(errc::foreign_origin, "a link from another site may not hold the lock");
    }
  }
  if (is_allowed_origin(head, context_.routes)) {
    cors_ = cors_fields(head.origin);
    if (auto preflight = answer_preflight(head, context_.routes)) request_ = *std::move(preflight);
  }
}

/// The routed request.
request_need api_handler::begin_routed(request_head const& head, reply& answer) {
  if (auto* const ready = std::get_if<reply>(&request_)) {
    answer = std::move(*ready);
    return request_need::nothing;
  }
  if (auto* const data = std::get_if<data_request>(&request_)) {
    if (head.idempotency_key && data->writes()) {
      auto claim = read_idempotency(head);
      if (!claim) {
        answer = reply_to(claim.error());
        return request_need::nothing;
      }
      claim_ = *std::move(claim);
      if (gate_) claim_->key = gate_->own_name_of(std::move(claim_->key));
    }
    if (head.lock && data->writes()) {
      auto grants = read_lock_guard(head);
      if (!grants) {
        answer = reply_to(grants.error());
        return request_need::nothing;
      }
      grants_ = *std::move(grants);
    }
    if (data->body != data_request::body_kind::none) return request_need::body;
    make_conditional(*data, {});
    return execute_at_once(*data, answer);
  }
  if (auto* const ticket = std::get_if<ticket_request>(&request_)) {
    if (ticket->what.what == ticket_operation::kind::ask) return request_need::body;
    return execute_at_once(*ticket, answer);
  }
  if (std::holds_alternative<import_request>(request_)) return request_need::stream;
  if (std::holds_alternative<export_request>(request_)) return request_need::time;
  if (auto* const watch = std::get_if<watch_request>(&request_)) {
    auto refused = context_.cluster == nullptr ? refuse_watch(*watch, hub_) : std::nullopt;
    if (!refused) return request_need::time;
    answer = *std::move(refused);
    return request_need::nothing;
  }
  if (auto* const lock = std::get_if<lock_request>(&request_)) {
    if (is_streamed(*lock)) return request_need::time;
    answer = answer_to(*lock, context_);
    return request_need::nothing;
  }
  if (std::holds_alternative<backup_request>(request_)) return request_need::body;
  if (std::holds_alternative<version_request>(request_)) {
    answer = version_reply(context_);
    return request_need::nothing;
  }
  if (std::get<settings_request>(request_).changes) return request_need::body;
  answer = settings_reply(context_);
  return request_need::nothing;
}

/// True if the host is the one last found to be this server's: almost all requests of a thread name the same host.
bool api_handler::is_known_host(std::string_view host) {
  if (!context_.routes.is_on_loopback || host == known_host_) return true;
  if (may_be_foreign_name(host, context_.routes.host_names)) return false;
  known_host_ = host;
  return true;
}

/// Most requests of a connection have the same fields, and therefore the same name.
std::uint16_t api_handler::name_of_client(request_head const& head) {
  auto const product = product_of(head.user_agent);
  if (head.source == source_ && product == product_) return source_name_;
  source_name_ = context_.insight.names.number_of(head.source, product);
  // Text beyond this length is not a valid name.
  source_ = head.source.substr(0, source_names::bytes_max + 1);
  product_ = product.substr(0, source_names::bytes_max + 1);
  return source_name_;
}

/// A fast path to the same answer for most requests. If it does not apply, it leaves no trace.
bool api_handler::read_at_once(std::string_view key, reply& answer) {
  asker_.operation = lock_operation::get;
  reading done;
  if (!context_.store.try_read(key, asker_, done)) return false;
  kind_ = route_kind::value;
  answered_at_ = done.ended_at;
  if (gate_) gate_->used_lock(done.timing);
  answer.content_type = "application/json";
  answer.value = std::move(done.value);
  answer.tag = entity_tag{context_.store.id(), done.revision};
  answer.timing = done.timing;
  if (done.id != 0) answer.request = request_id{context_.start, done.id};
  return true;
}

std::size_t api_handler::body_bytes_max() const {
  if (std::holds_alternative<settings_request>(request_)) return settings_bytes_max;
  if (std::holds_alternative<ticket_request>(request_)) return ticket_body_bytes_max;
  return std::holds_alternative<backup_request>(request_) ? backup_body_bytes_max : std::size_t(-1);
}

request_need api_handler::finish(std::string&& body, reply& answer) {
  auto const need = finish_routed(std::move(body), answer);
  if (need == request_need::nothing) answer.more_fields += cors_;
  return need;
}

request_need api_handler::finish_routed(std::string&& body, reply& answer) {
  if (std::holds_alternative<settings_request>(request_)) {
    answer = change_settings(body, context_);
    return request_need::nothing;
  }
  if (auto* const backup = std::get_if<backup_request>(&request_)) {
    auto refused = take_backup_body(*backup, body, context_);
    if (!refused) return request_need::time;
    answer = *std::move(refused);
    return request_need::nothing;
  }
  if (auto* const ticket = std::get_if<ticket_request>(&request_)) {
    auto refused = take_ticket_body(*ticket, body);
    if (!refused) return execute_at_once(*ticket, answer);
    answer = *std::move(refused);
    return request_need::nothing;
  }
  auto& data = std::get<data_request>(request_);
  std::string said;
  if (claim_) said = body;
  auto refused = take_body(data, std::move(body));
  if (auto const* const all = std::get_if<transaction>(&data.operation); gate_ && !refused && all != nullptr)
    refused = gate_->refuse_parts(*all);
  if (refused) {
    answer = *std::move(refused);
    return request_need::nothing;
  }
  make_conditional(data, said);
  return execute_at_once(data, answer);
}

/// Conditions wrap the operation from the outside in: first the idempotency key, then the locks held. A repeated
/// request gets the same answer even if the lock has been lost by then.
void api_handler::make_conditional(data_request& data, std::string_view said) {
  if (!grants_.empty()) guard(data, std::exchange(grants_, {}));
  if (claim_) make_idempotent(data, *std::move(claim_), said);
}

std::optional<reply> api_handler::take_body(data_request& request, std::string&& body) {
  if (request.body == data_request::body_kind::transaction)
    return take_transaction_body(request, body, context_.store.id(), context_.value_bytes_max);
  return take_value_body(request, std::move(body), context_.value_bytes_max);
}

/// If the lock is free and no hold is requested.
request_need api_handler::execute_at_once(data_request const& request, reply& answer) {
  asker_.operation = request.name;
  if (request.terms.hold.count() != 0 || request.wait) return request_need::time;
  execution done;
  if (!context_.store.try_execute(request.operation, asker_, done)) return request_need::time;
  if (gate_) gate_->used_lock(done.timing);
  if (done.outcome && std::holds_alternative<text_wanted>(*done.outcome)) return request_need::time;
  take_outcome(request, std::move(done), answer);
  return request_need::nothing;
}

request_need api_handler::execute_at_once(ticket_request const& request, reply& answer) {
  asker_.operation = lock_operation::ticket;
  if (!is_at_once(request)) return request_need::time;
  execution done;
  if (!context_.store.try_execute(request.what, asker_, done)) return request_need::time;
  answered_at_ = done.ended_at;
  if (gate_) gate_->used_lock(done.timing);
  make_ticket_answer(request, std::move(done), context_.start, gate(), answer);
  return request_need::nothing;
}

void api_handler::take_outcome(data_request const& request, execution&& done, reply& answer) {
  answered_at_ = done.ended_at;
  make_answer(request, std::move(done), context_.store.id(), context_.start, answer);
}

awaitable<request_end> api_handler::run(client_link& client, reply& answer) {
  std::optional<gatekeeper::stream_place> place;
  if (gate_ && is_stream(request_)) place.emplace(*gate_);
  if (place && !place->is_taken()) {
    answer = refuse(errc::rate_limited, "this client has reached its limit of concurrent streams; end one first");
    answer.more_fields += "Retry-After: 1\r\n";
    co_return request_end::answered;
  }
  auto const end = co_await run_routed(client, answer);
  if (end == request_end::answered) answer.more_fields += cors_;
  co_return end;
}

awaitable<request_end> api_handler::run_routed(client_link& client, reply& answer) {
  if (auto const* const data = std::get_if<data_request>(&request_)) co_return co_await run_data(*data, client, answer);
  if (auto const* const watch = std::get_if<watch_request>(&request_))
    co_return co_await run_watch(*watch, client, answer);
  if (auto const* const one = std::get_if<ticket_request>(&request_)) {
    asker_.operation = lock_operation::ticket;
    if (!one->is_kept_by_connection)
      co_return co_await run_ticket(*one, context_, hub_, asker_, client, answer, gate());
    std::function<void(reply&&)> const begin = [&](reply&& head) {
      begin_stream(std::move(head), true, client, answer);
    };
    co_return co_await run_kept_ticket(*one, context_, hub_, asker_, client, answer, begin, gate());
  }
  if (auto const* const one = std::get_if<export_request>(&request_)) {
    begin_stream(head_of(*one), false, client, answer);
    asker_.operation = lock_operation::export_keys;
    co_return co_await send_export(*one, context_, asker_, client, gate());
  }
  if (auto const* const one = std::get_if<import_request>(&request_)) {
    asker_.operation = lock_operation::import_keys;
    co_return co_await run_import(*one, context_, asker_, client, answer, gate());
  }
  if (auto const* const one = std::get_if<backup_request>(&request_))
    co_return co_await run_backup(*one, context_, client, answer);
  auto const& lock = std::get<lock_request>(request_);
  consumer_place const place(context_.insight.consumers);
  if (!place.is_taken()) {
    answer = refuse(errc::overloaded, "too many clients read the lock's events and traces; retry later");
    co_return request_end::answered;
  }
  begin_stream(head_of(lock), lock.what == lock_request::kind::events, client, answer);
  co_return co_await send_stream(lock, context_, client);
}

awaitable<request_end> api_handler::run_watch(watch_request const& request, client_link& client, reply& answer) {
  if (context_.cluster != nullptr && !can_continue(request, hub_)) {
    // A leader that was stopped may not know yet that others have led since; the position may be from them.
    auto const confirmed = co_await client.until_progress(context_.store.ask_for_round(), confirmation_patience);
    if (confirmed == client_link::progress_wait::gone) co_return request_end::gone;
    std::optional<reply> refused;
    if (confirmed == client_link::progress_wait::made)
      refused = refuse_watch(request, hub_);
    else
      refused = confirmed == client_link::progress_wait::drained ? draining_reply() : no_leader_reply(true, true);
    if (refused) {
      answer = *std::move(refused);
      co_return request_end::answered;
    }
  }
  begin_stream(head_of(request), true, client, answer);
  asker_.operation = lock_operation::watch;
  co_return co_await send_watch(request, context_, hub_, asker_, client, gate());
}

void api_handler::begin_stream(reply&& head, bool ends_connection, client_link& client, reply& answer) {
  answer = std::move(head);
  answer.more_fields += cors_;
  client.begin(answer, ends_connection);
  // Counted now, because the stream may never end.
  add(method_, answer.status, std::chrono::nanoseconds());
}

/// True if a read that waits for a change has not found one.
bool has_no_news(data_request const& request, execution const& done) {
  if (!done.outcome) return false;
  if (std::holds_alternative<not_modified>(*done.outcome)) return true;
  auto const& when = std::get<get_operation>(request.operation).when;
  return std::holds_alternative<no_such_key>(*done.outcome) && !(when && when->if_none_match);
}

awaitable<request_end> api_handler::run_data(data_request const& request, client_link& client, reply& answer) {
  timer until(co_await asio::this_coro::executor);
  std::optional<watch_hub::watcher> news;
  if (request.wait) {
    until.expires_after(*request.wait);
    // Subscribed before the first look, so that no change is missed in between.
    news.emplace(hub_, std::string(subject_of(request.operation)), false, hub_.last_revision(),
                 [&until] { until.cancel(); });
  }
  std::vector<change> changes;
  for (std::size_t attempts = 1;; ++attempts) {
    execution done;
    {
      client_link::waiting here(client);
      auto& stop = here.stop();
      done = co_await context_.store.execute(request.operation, request.terms, stop, asker_);
      if (gate_) gate_->used_lock(done.timing);
      if (stop.why() == stop_reason::hang_up) co_return request_end::gone;
    }
    if (auto* const wanted = done.outcome ? std::get_if<text_wanted>(&*done.outcome) : nullptr) {
      while (wanted->function->compute_some(wanted->input))
        co_await asio::post(until.get_executor(), asio::use_awaitable_t<executor_type>{});
      if (attempts >= text_attempts_max(request.operation)) wanted->function->compute_at_once();
      continue;
    }
    if (news && has_no_news(request, done) && !client.is_draining()) {
      auto const due = until.expiry();
      while (!news->has_news() && until.now() < due && !client.is_draining()) {
        auto const is_there = co_await client.pause(until);
        if (!is_there) co_return request_end::gone;
        until.expires_at(due);
      }
      if (news->has_news()) {
        while (news->take(changes) != watch_hub::watcher::state::in_step) changes.clear();
        changes.clear();
        continue;
      }
    }
    take_outcome(request, std::move(done), answer);
    co_return request_end::answered;
  }
}

void api_handler::count(answered_request const& done) {
  if (gate_) {
    // A request whose header could not be parsed has not begun.
    if (!std::exchange(has_begun_, false)) gate_->begin({}, done.client);
    gate_->end(kind_, request_, done);
  }
  // The clock was read a moment ago, when the lock was released.
  auto const answered_at = answered_at_ != clock::time_point() ? answered_at_ : clock::now();
  if (!is_counted_) add(done.method, done.status, answered_at - done.begun_at);
  is_counted_ = false;
  kind_ = route_kind::other;
  answered_at_ = {};
  request_.emplace<settings_request>();  // keeps no data
  claim_.reset();
  grants_.clear();
  cors_.clear();
}

void api_handler::add(method method, unsigned status, std::chrono::nanoseconds took) {
  if constexpr (insight_is_built) recorder_.requests.add(kind_, method, status, took.count());
  is_counted_ = true;
}

}  // namespace

std::unique_ptr<request_handler> make_api_handler(api_context const& context, lock_recorder& recorder, watch_hub& hub) {
  return std::make_unique<api_handler>(context, recorder, hub);
}

}  // namespace holdfast::server
