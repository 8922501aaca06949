#include "server/api/locks.hpp"

#include <algorithm>
#include <array>
#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <utility>

#include "protocol/ascii.hpp"
#include "protocol/duration.hpp"
#include "protocol/key.hpp"
#include "protocol/percent.hpp"
#include "server/api/answers.hpp"
#include "server/api/data_answers.hpp"
#include "server/api/parameters.hpp"
#include "server/api/watch.hpp"
#include "server/json/document.hpp"
#include "server/json/fields.hpp"
#include "server/json/string.hpp"
#include "server/loop/timer.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;
using kind = ticket_operation::kind;

constexpr std::string_view lock_allow = "GET, HEAD, POST, OPTIONS";
constexpr std::string_view ticket_allow = "GET, HEAD, PUT, DELETE, OPTIONS";
constexpr std::array<std::string_view, 3> list_parameters{"prefix", "after", "limit"};
constexpr std::array<std::string_view, 1> show_parameters{"limit"};
constexpr std::array<std::string_view, 4> ask_parameters{"lease", "wait", "id", "keep"};
constexpr std::array<std::string_view, 1> look_parameters{"wait"};
constexpr std::array<std::string_view, 1> keep_parameters{"lease"};
constexpr std::array<std::string_view, 2> event_parameters{"from", "format"};

constexpr std::chrono::seconds default_lease{10};
constexpr std::chrono::milliseconds lease_min{100};
/// Before a poll looks again whose look was refused.
constexpr std::chrono::milliseconds refused_look_pause{100};
constexpr std::size_t id_bytes_max = 64;
constexpr std::size_t owner_bytes_max = 256;

/// A segment of `/v1/locks/{name}/tickets/{id}`, still encoded; empty if absent.
std::string_view segment(std::string_view path, std::size_t index) {
  for (; index > 0; --index) path.remove_prefix(std::min(path.find('/', 1), path.size()));
  if (path.empty()) return path;
  return path.substr(1, path.find('/', 1) - 1);
}

result<std::string> lock_in(std::string_view path) {
  return lock_name_from_segment(segment(path, 2));
}

failure wrong(std::string detail) {
  return {errc::invalid_lock, std::move(detail)};
}

result<std::string> check_id(std::string id) {
  auto const may_be = [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; };
  if (id.empty() || id.size() > id_bytes_max || !std::all_of(id.begin(), id.end(), may_be) || id == "." || id == "..")
    return wrong("a ticket's id is 1 to 64 letters, digits, `-`, `_` and `.`, such as a UUID");
  return id;
}

lock_terms terms_of(route_context const& context) {
  return {.hold = {}, .lock_timeout = context.settings.lock_timeout};
}

result<nanoseconds> check_lease(std::optional<nanoseconds> const& given, nanoseconds fallback) {
  if (!given) return fallback;
  if (*given < lease_min) return failure{errc::invalid_parameter, "lease: is at least 100ms"};
  return *given;
}

std::optional<reply> refuse_body(request_head const& head) {
  if (!head.has_body) return std::nullopt;
  return refuse(errc::unexpected_body, std::string(head.method_text) + " takes no body");
}

/// A write of a ticket is repeatable by itself, and not one of those that a grant permits.
std::optional<reply> refuse_fields_of_writes(request_head const& head) {
  if (head.idempotency_key)
    return refuse(errc::invalid_idempotency_key,
                  "the answer to a request for a ticket is not stored; send it without the key: it can be repeated if "
                  "its `id` is given");
  if (head.lock)
    return refuse(errc::invalid_lock, "Holdfast-Lock protects writes of keys; send a request for a ticket without it");
  return std::nullopt;
}

// --- text ----------------------------------------------------------------------------------------------------------

void append_member(std::string& out, std::string_view name, std::string_view text) {
  ((out += ",\"") += name) += "\":";
  json::append_string(out, text);
}

/// The members of a ticket, without braces. @param is_full includes its owner and its start.
void append_ticket(std::string& out, ticket_found const& one, bool is_full) {
  out += "\"id\":";
  json::append_string(out, one.id);
  if (is_full && !one.owner.empty()) append_member(out, "owner", one.owner);
  append_member(out, "state", one.token != 0 ? "held" : "waiting");
  if (one.token != 0) {
    (out += ",\"token\":") += std::to_string(one.token);
  } else {
    (out += ",\"position\":") += std::to_string(one.position);
    append_member(out, "behind", one.behind);
  }
  append_member(out, "lease", format_duration(one.lease));
  if (is_full) append_member(out, "since", text_of(one.since));
}

void append_lock(std::string& out, lock_shown const& one) {
  out += "\"name\":";
  json::append_string(out, one.lock);
  auto const has_holder = !one.tickets.empty() && one.tickets.front().token != 0;
  out += ",\"holder\":";
  if (has_holder) {
    out += '{';
    append_ticket(out, one.tickets.front(), true);
    out += '}';
  } else {
    out += "null";
  }
  (out += ",\"waiting\":") += std::to_string(one.waiting);
}

/// A line of the stream of a lock that is bound to its connection.
std::string line_of(ticket_found const& one) {
  std::string line = "{";
  append_ticket(line, one, false);
  return line += "}\n";
}

bool is_waiting(execution const& done) {
  auto const* const found = done.outcome ? std::get_if<ticket_found>(&*done.outcome) : nullptr;
  return found != nullptr && found->token == 0;
}

ticket_operation of_same_ticket(ticket_operation const& one, kind what) {
  return {.what = what, .lock = one.lock, .id = one.id};
}

/// The server's own work on a ticket, which is not subject to the client's terms.
awaitable<execution> run_own(data_operation const& what, api_context const& context, interruption& stop,
                             lock_asker asker) {
  store::section const apply_it = [&what](database& data) { return data.apply(what); };
  co_return co_await context.store.run(subject_of(what), apply_it, stop, asker);
}

/// Ends the poll of a client that is gone: from now on, its ticket keeps its place for one lease, unless others poll.
awaitable<void> end_poll(ticket_operation const& poll, api_context const& context, lock_asker asker, gatekeeper* gate) {
  auto end = of_same_ticket(poll, kind::end_poll);
  end.polls_until = poll.polls_until;
  data_operation const what = std::move(end);
  interruption never;
  auto const done = co_await run_own(what, context, never, asker);
  if (gate != nullptr) gate->used_lock(done.timing);
}

/// Ends what a connection kept. The last one releases the ticket, also if an earlier one got it and has ended.
awaitable<void> end_keeping(kept_tickets::keeper& keeper, ticket_operation const& kept, api_context const& context,
                            lock_asker asker, gatekeeper* gate) {
  if (keeper.leave_to_others()) co_return;
  data_operation const release = of_same_ticket(kept, kind::release);
  store::section const release_it = [&](database& data) {
    return keeper.leave() ? data.apply(release) : data_outcome(ticket_released());
  };
  interruption never;
  auto const done = co_await context.store.run(kept.lock, release_it, never, asker);
  if (gate != nullptr) gate->used_lock(done.timing);
}

}  // namespace

// --- routes --------------------------------------------------------------------------------------------------------

routed route_locks(request_head const& head, target const& target, route_context const& context) {
  if (auto refused = refuse_all_but_reads(head)) return *std::move(refused);
  auto given = read_parameters(target.query, list_parameters, terms_of(context), context.settings.hold_max);
  if (!given) return reply_to(given.error());
  routed made(std::in_place_type<data_request>);
  auto& request = std::get<data_request>(made);
  request.terms = given->terms;
  request.name = lock_operation::list;
  request.head_only = head.method == method::head;
  request.operation =
      list_locks_operation{std::move(given->prefix), std::move(given->after), given->limit.value_or(100)};
  return made;
}

routed route_named_lock(request_head const& head, target const& target, route_context const& context) {
  if (head.method == method::options) return options_reply(lock_allow);
  auto const reads = head.method == method::get || head.method == method::head;
  if (!reads && head.method != method::post)
    return method_not_allowed(head, lock_allow, "To release a lock, DELETE the ticket by which it is held");
  if (!reads)
    if (auto refused = refuse_fields_of_writes(head)) return *std::move(refused);
  auto lock = lock_in(target.path);
  if (!lock) return reply_to(lock.error());
  using names = std::span<std::string_view const>;
  auto given = read_parameters(target.query, reads ? names(show_parameters) : names(ask_parameters), terms_of(context),
                               context.settings.hold_max);
  if (!given) return reply_to(given.error());
  if (reads) {
    if (auto refused = refuse_body(head)) return *std::move(refused);
    routed made(std::in_place_type<data_request>);
    auto& request = std::get<data_request>(made);
    request.terms = given->terms;
    request.name = lock_operation::list;
    request.head_only = head.method == method::head;
    request.operation = show_lock_operation{*std::move(lock), given->limit.value_or(100)};
    return made;
  }
  auto const lease = check_lease(given->lease, default_lease);
  if (!lease) return reply_to(lease.error());
  if (given->keep && *given->keep != "connection")
    return refuse(errc::invalid_parameter, "keep: can be connection: the lock is held as long as that lives");
  if (context.draining) return draining_reply();
  ticket_request request;
  request.terms = given->terms;
  request.wait = given->wait;
  request.is_kept_by_connection = given->keep.has_value();
  request.what = {.what = kind::ask, .lock = *std::move(lock), .id = {}, .owner = {}, .lease = *lease};
  request.what.may_wait = !given->wait || given->wait->count() != 0;
  if (given->id) {
    auto id = check_id(*std::move(given->id));
    if (!id) return reply_to(id.error());
    request.what.id = *std::move(id);
  }
  return request;
}

routed route_ticket(request_head const& head, target const& target, route_context const& context) {
  if (head.method == method::options) return options_reply(ticket_allow);
  auto const reads = head.method == method::get || head.method == method::head;
  if (!reads && head.method != method::put && head.method != method::del) return method_not_allowed(head, ticket_allow);
  if (!reads)
    if (auto refused = refuse_fields_of_writes(head)) return *std::move(refused);
  auto lock = lock_in(target.path);
  if (!lock) return reply_to(lock.error());
  auto decoded = percent_decode(segment(target.path, 4));
  auto id = check_id(decoded ? *std::move(decoded) : std::string());
  if (!id) return reply_to(id.error());
  using names = std::span<std::string_view const>;
  auto const allowed = reads ? names(look_parameters) : head.method == method::put ? names(keep_parameters) : names();
  if (head.method == method::del && !target.query.empty())
    return refuse(errc::invalid_parameter, "a DELETE of a ticket takes no query parameters");
  auto const given = read_parameters(target.query, allowed, terms_of(context), context.settings.hold_max);
  if (!given) return reply_to(given.error());
  if (auto refused = refuse_body(head)) return *std::move(refused);
  auto const lease = check_lease(given->lease, {});
  if (!lease) return reply_to(lease.error());
  ticket_request request;
  request.terms = given->terms;
  request.wait = given->wait;
  request.what = {.what = reads                        ? kind::look
                          : head.method == method::put ? kind::keep
                                                       : kind::release,
                  .lock = *std::move(lock),
                  .id = *std::move(id),
                  .owner = {},
                  .lease = *lease};
  return request;
}

routed route_named_lock_events(request_head const& head, target const& target, route_context const& context) {
  if (auto refused = refuse_all_but_reads(head)) return *std::move(refused);
  auto const lock = lock_in(target.path);
  if (!lock) return reply_to(lock.error());
  auto given = read_parameters(target.query, event_parameters, terms_of(context), context.settings.hold_max);
  if (!given) return reply_to(given.error());
  watch_request request;
  request.space = keyspace::locks;
  request.is_prefix = true;
  request.key = ticket_key_prefix(*lock);
  if (auto refused = take_position(head, *given, context, request)) return *std::move(refused);
  if (context.draining) return draining_reply();
  return request;
}

std::optional<reply> take_ticket_body(ticket_request& request, std::string const& body) {
  if (body.find_first_not_of(" \t\r\n") != std::string::npos) {
    auto const document = json::document::parse(body);
    if (!document) return reply_to(document.error());
    auto const fields = json::fields::of(document->root(), {"owner"});
    if (!fields) return reply_to(fields.error());
    if (auto const field = fields->find("owner")) {
      auto owner = field->as_string();
      if (!owner) return reply_to(owner.error());
      if (owner->size() > owner_bytes_max)
        return refuse(errc::invalid_json, "the owner is longer than " + std::to_string(owner_bytes_max) + " bytes");
      request.what.owner = *std::move(owner);
    }
  }
  if (request.what.id.empty()) {
    static thread_local boost::uuids::random_generator generate;
    request.what.id = boost::uuids::to_string(generate());
  }
  return std::nullopt;
}

// --- answers -------------------------------------------------------------------------------------------------------

namespace {

struct ticket_answer {
  ticket_request const& request;
  gatekeeper const* gate;
  reply& answer;

  void operator()(ticket_found const& one) const {
    answer.status = one.token == 0 ? 202 : request.what.what == kind::ask ? 201 : 200;
    if (request.what.what == kind::ask) answer.location = path_of_ticket(request.what.lock, request.what.id);
    answer.content_type = "application/json";
    answer.body = line_of(one);
  }
  void operator()(ticket_released const&) const { answer.status = 204; }
  void operator()(value_refused const& refused) const { answer = reply_to({refused.code, refused.detail}); }
  void operator()(no_room none) const { answer = reply_to(failure_of(none)); }
  void operator()(deadlock_found const& found) const {
    std::string text, cycle = "[";
    std::size_t hidden = 0;
    for (auto const& one : found.cycle) {
      if (gate != nullptr && !gate->lets_see_lock(one.lock)) {
        ++hidden;
        continue;
      }
      if (cycle.size() > 1) {
        cycle += ',';
        text += ", ";
      }
      cycle += "{\"owner\":";
      json::append_string(cycle, one.owner);
      append_member(cycle, "waits_for", one.lock);
      append_member(cycle, "held_by", one.holder);
      cycle += '}';
      text += '\'' + one.owner + "' waits for '" + one.lock + "', which '" + one.holder + "' holds";
    }
    if (hidden != 0) text += ", and so on by way of locks that this token may not see";
    answer = problem_with({errc::deadlock, "the owner would wait for itself: " + text +
                                               ". Release one of them, or ask for locks in the same order everywhere"},
                          "cycle", cycle + ']');
  }
  template <class Other>
  void operator()(Other const&) const {
    answer = reply_to(failure{errc::internal, "no answer of a ticket"});
  }
};

}  // namespace

void make_ticket_answer(ticket_request const& request, execution&& done, std::uint64_t start, gatekeeper const* gate,
                        reply& answer) {
  if (done.outcome) {
    std::visit(ticket_answer{request, gate, answer}, *done.outcome);
  } else {
    answer = reply_to(done.outcome.error());
  }
  if (done.revision != 0) answer.revision = done.revision;
  answer.needs = done.needs;
  answer.timing = done.timing;
  if (done.id != 0) answer.request = request_id{start, done.id};
}

void answer_lock(lock_shown const& shown, std::uint64_t revision, reply& answer) {
  answer.content_type = "application/json";
  auto& body = answer.body;
  body = "{\"revision\":" + std::to_string(revision) + ',';
  append_lock(body, shown);
  body += ",\"queue\":[";
  auto const* between = "";
  for (auto const& one : shown.tickets) {
    if (one.token != 0) continue;
    (body += std::exchange(between, ",")) += '{';
    append_ticket(body, one, true);
    body += '}';
  }
  body += "]}\n";
}

void answer_locks(data_request const& request, locks_listed const& page, std::uint64_t revision, reply& answer) {
  auto const& list = std::get<list_locks_operation>(request.operation);
  answer.content_type = "application/json";
  auto& body = answer.body;
  body = "{\"revision\":" + std::to_string(revision) + ",\"locks\":[";
  auto const* between = "";
  for (auto const& one : page.locks) {
    (body += std::exchange(between, ",")) += '{';
    append_lock(body, one);
    body += '}';
  }
  body += ']';
  if (page.next) {
    append_member(body, "next", *page.next);
    auto path = "/v1/locks?after=" + percent_encode_query(*page.next) + "&limit=" + std::to_string(list.limit);
    if (!list.prefix.empty()) path += "&prefix=" + percent_encode_query(list.prefix);
    answer.more_fields += "Link: <" + path + ">; rel=\"next\"\r\n";
  }
  body += "}\n";
}

// --- waiting -------------------------------------------------------------------------------------------------------

awaitable<request_end> run_ticket(ticket_request const& request, api_context const& context, watch_hub& hub,
                                  lock_asker asker, client_link& client, reply& answer, gatekeeper* gate) {
  auto const& asked = request.what;
  timer until(co_await asio::this_coro::executor);
  until.expires_after(request.wait.value_or(nanoseconds(0)));
  auto const due = until.expiry();
  // Subscribed only to this ticket, and before the first look, so that no change is missed in between.
  watch_hub::watcher news(
      hub, ticket_key(asked.lock, asked.id), false, hub.last_revision(), [&until] { until.cancel(); }, keyspace::locks);
  std::vector<change> changes;
  data_operation what = asked;
  auto& one = std::get<ticket_operation>(what);
  one.polls_until = due;
  auto is_polling = false;
  for (auto is_over = false;;) {
    execution done;
    {
      client_link::waiting here(client);
      auto& stop = here.stop();
      done = co_await context.store.execute(what, request.terms, stop, asker);
      if (gate != nullptr) gate->used_lock(done.timing);
      is_polling = is_polling || is_waiting(done);
      if (stop.why() == stop_reason::hang_up) break;
    }
    // A poll that has begun has its place until it is due, so it is not refused for the terms of a look.
    auto const is_refused = is_polling && !done.outcome;
    if (is_over || !(is_waiting(done) || is_refused) || until.now() >= due || client.is_draining()) {
      make_ticket_answer(request, std::move(done), context.start, gate, answer);
      co_return request_end::answered;
    }
    auto is_there = true;
    if (is_refused) {
      until.expires_after(std::min<nanoseconds>(refused_look_pause, due - until.now()));
      is_there = co_await client.pause(until);
      until.expires_at(due);
    }
    while (is_there && !is_refused && !news.has_news() && until.now() < due && !client.is_draining()) {
      is_there = co_await client.pause(until);
      until.expires_at(due);
    }
    if (!is_there) break;
    is_over = !news.has_news() && (!is_refused || until.now() >= due);
    while (news.has_news() && news.take(changes) != watch_hub::watcher::state::in_step) changes.clear();
    changes.clear();
    // A released ticket must not be created again. If no event came, its position may have changed.
    one.what = kind::look;
  }
  if (is_polling) co_await end_poll(one, context, asker, gate);
  co_return request_end::gone;
}

awaitable<request_end> run_kept_ticket(ticket_request const& request, api_context const& context, watch_hub& hub,
                                       lock_asker asker, client_link& client, reply& answer,
                                       std::function<void(reply&&)> const& begin, gatekeeper* gate) {
  auto const& asked = request.what;
  auto const interval = asked.lease / 3;
  timer pause(co_await asio::this_coro::executor);
  watch_hub::watcher news(
      hub, ticket_key(asked.lock, asked.id), false, hub.last_revision(), [&pause] { pause.cancel(); }, keyspace::locks);
  std::vector<change> changes;
  kept_tickets::keeper keeper(*context.kept_tickets, ticket_key(asked.lock, asked.id));
  data_operation what = asked;
  auto& one = std::get<ticket_operation>(what);
  auto const deadline = request.wait && *request.wait < event_loop::clock::time_point::max() - pause.now()
                            ? pause.now() + *request.wait
                            : event_loop::clock::time_point::max();
  std::string told;
  auto due = pause.now();
  for (auto is_begun = false;;) {
    execution done;
    ticket_found const* found = nullptr;
    {
      client_link::waiting here(client);
      auto& stop = here.stop();
      if (is_begun) {
        done = co_await run_own(what, context, stop, asker);
      } else {
        done = co_await context.store.execute(what, request.terms, stop, asker);
      }
      if (gate != nullptr) gate->used_lock_in_stream(done.timing);
      found = done.outcome ? std::get_if<ticket_found>(&*done.outcome) : nullptr;
      if (found != nullptr) keeper.has_got_it();
      if (stop.why() == stop_reason::hang_up) break;
    }
    if (!is_begun && found == nullptr) {
      make_ticket_answer(request, std::move(done), context.start, gate, answer);
      co_await end_keeping(keeper, asked, context, asker, gate);
      co_return request_end::answered;
    }
    auto const is_durable = co_await client.until_durable(done.needs);
    if (!is_durable) break;
    if (!std::exchange(is_begun, true)) {
      auto head = no_store({});
      head.length_is_known = false;
      head.content_type = "application/x-ndjson";
      head.location = path_of_ticket(asked.lock, asked.id);
      begin(std::move(head));
    }
    auto const is_late = found != nullptr && found->token == 0 && pause.now() >= deadline;
    // Only a drain refuses to run a renewal.
    auto const is_lost = found == nullptr && done.outcome;
    auto const is_over = found == nullptr || is_late || client.is_draining();
    auto line = is_lost   ? std::string("{\"state\":\"lost\"}\n")
                : is_over ? std::string("{\"state\":\"released\"}\n")
                          : line_of(*found);
    // The last line may already have reported this.
    auto const is_due = line != told || pause.now() >= due;
    auto const takes = co_await client.send(is_due ? std::string_view(line) : std::string_view());
    if (!takes) break;
    told = std::move(line);
    if (is_over) {
      co_await end_keeping(keeper, asked, context, asker, gate);
      auto const is_sent = co_await client.end();
      co_return is_sent ? request_end::sent : request_end::gone;
    }
    auto const waits = found->token == 0;
    while (news.has_news() && news.take(changes) != watch_hub::watcher::state::in_step) changes.clear();
    changes.clear();
    if (is_due) due = pause.now() + interval;
    if (waits) due = std::min(due, deadline);
    auto is_there = true;
    while (is_there && !news.has_news() && pause.now() < due && !client.is_draining()) {
      pause.expires_at(due);
      is_there = co_await client.pause(pause);
    }
    if (!is_there) break;
    // A client that reads nothing may have disappeared silently: then its lease expires.
    one.what = client.has_taken_all() ? kind::keep : kind::look;
    one.lease = {};
  }
  co_await end_keeping(keeper, asked, context, asker, gate);
  co_return request_end::gone;
}

}  // namespace holdfast::server
