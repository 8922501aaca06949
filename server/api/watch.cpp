#include "server/api/watch.hpp"

#include <array>
#include <charconv>
#include <utility>

#include "protocol/duration.hpp"
#include "protocol/entity_tag.hpp"
#include "protocol/key.hpp"
#include "server/api/answers.hpp"
#include "server/api/data_answers.hpp"
#include "server/api/parameters.hpp"
#include "server/json/string.hpp"
#include "server/loop/timer.hpp"
#include "server/store/named_locks.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;

/// Something is sent at least this often, so that a dead connection is noticed and a quiet watch has a recent id to
/// resume.
constexpr std::chrono::seconds progress_interval{5};
constexpr std::size_t page_entries = 500;

constexpr std::array<std::string_view, 5> watch_parameters{"prefix", "key", "from", "format", "initial"};

/// Parses an event id, `3f…-17`, or a bare revision. @return false if it is neither.
bool read_position(std::string_view text, std::uint64_t database_id, watch_request& request) {
  if (auto const tag = parse_entity_tag('"' + std::string(text) + '"')) {
    request.after = tag->revision;
    request.is_of_other_database = tag->start != database_id;
    return true;
  }
  auto const number = parse_integer(text);
  if (!number || *number < 0) return false;
  request.after = static_cast<std::uint64_t>(*number);
  return true;
}

std::string id_of(std::uint64_t database_id, std::uint64_t revision) {
  auto const quoted = to_string(entity_tag{database_id, revision});
  return quoted.substr(1, quoted.size() - 2);
}

/// Writes events in one of the formats.
class event_writer {
 public:
  event_writer(event_format format, std::uint64_t database_id) : format_(format), database_id_(database_id) {}

  [[nodiscard]] std::string& text() noexcept { return text_; }

  /// @param has_id false for a change among the initial values
  void add(change const& one, bool has_id = true) {
    if (one.space == keyspace::locks) return add_ticket(one);
    begin(one.what == change::kind::put   ? "put"
          : one.what == change::kind::del ? "delete"
                                          : "expire",
          has_id ? std::optional(one.revision) : std::nullopt);
    text_ += "\"key\":";
    json::append_string(text_, one.key);
    (text_ += ",\"revision\":") += std::to_string(one.revision);
    (text_ += ",\"previous\":") += std::to_string(one.previous);
    if (one.expires_at) {
      auto const left = *one.expires_at - change::instant::clock::now();
      add_ttl(std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::nanoseconds>(left));
    }
    if (one.value) {
      text_ += ",\"value\":";
      append_on_one_line(text_, *one.value);
    }
    end();
  }

  /// A change of a ticket of a named lock.
  void add_ticket(change const& one) {
    auto const record = decode_ticket(*one.value).value_or(ticket_record());
    auto const is_granted = record.token == one.revision;
    begin(one.what == change::kind::del      ? "released"
          : one.what == change::kind::expire ? "expired"
          : is_granted                       ? "granted"
          : one.previous == 0                ? "asked"
                                             : "lease",
          one.revision);
    text_ += "\"ticket\":";
    json::append_string(text_, split_ticket_key(one.key).second);
    if (!record.owner.empty()) {
      text_ += ",\"owner\":";
      json::append_string(text_, record.owner);
    }
    (text_ += ",\"revision\":") += std::to_string(one.revision);
    if (record.token != 0) (text_ += ",\"token\":") += std::to_string(record.token);
    ((text_ += ",\"lease\":\"") += format_duration(record.lease)) += '"';
    end();
  }

  /// An initial value. It has no id, because a client that breaks off here must begin again.
  void add(std::string_view key, listing::entry const& one) {
    begin("put", std::nullopt);
    text_ += "\"key\":";
    json::append_string(text_, key);
    (text_ += ",\"revision\":") += std::to_string(one.revision);
    if (one.expires != no_expiry) add_ttl(one.expires);
    text_ += ",\"value\":";
    append_on_one_line(text_, *one.value);
    end();
  }

  /// `progress`, `live` or `lost`.
  void add(std::string_view name, std::uint64_t revision) {
    begin(name, revision);
    (text_ += "\"revision\":") += std::to_string(revision);
    end();
  }

 private:
  void begin(std::string_view name, std::optional<std::uint64_t> id) {
    if (format_ == event_format::sse) {
      if (id) ((text_ += "id: ") += id_of(database_id_, *id)) += '\n';
      ((text_ += "event: ") += name) += "\ndata: {";
      return;
    }
    ((text_ += "{\"event\":\"") += name) += "\",";
    if (id) ((text_ += "\"id\":\"") += id_of(database_id_, *id)) += "\",";
  }
  void end() { text_ += format_ == event_format::sse ? "}\n\n" : "}\n"; }
  void add_ttl(expiry_time expires) {
    (text_ += ",\"ttl\":") += seconds_left(expires, {database_id_, 0, std::chrono::steady_clock::now()});
  }

  event_format const format_;
  std::uint64_t const database_id_;
  std::string text_;
};

/// The revision as of which a part of the keys has been sent.
struct told_part {
  std::string last_key;
  std::uint64_t revision;
};

/// Sends the present values, page by page. @param told receives what was sent, with revisions. @return false if the
/// client left.
awaitable<bool> send_values(watch_request const& request, api_context const& context, lock_asker asker,
                            client_link& client, event_writer& writer, std::vector<told_part>& told, gatekeeper* gate) {
  data_operation what = list_operation{.prefix = request.key,
                                       .after = std::nullopt,
                                       .until = std::nullopt,
                                       .delimiter = {},
                                       .limit = page_entries,
                                       .reverse = false,
                                       .values = true};
  auto& list = std::get<list_operation>(what);
  // For a single key: the page that begins and ends with it.
  if (!request.is_prefix) list.limit = 1;
  for (auto more = true; more;) {
    execution done;
    {
      client_link::waiting here(client);
      done = co_await context.store.execute(what, {.hold = {}, .lock_timeout = std::nullopt}, here.stop(), asker);
      if (gate != nullptr) gate->used_lock_in_stream(done.timing);
      if (!done.outcome) co_return false;
    }
    auto const is_durable = co_await client.until_durable(done.needs);
    if (!is_durable) co_return false;
    auto& page = std::get<listing>(*done.outcome);
    for (auto const& one : page.entries)
      if (request.is_prefix || page.key_of(one) == request.key) writer.add(page.key_of(one), one);
    more = page.next.has_value() && request.is_prefix;
    told.push_back({more ? *page.next : std::string(), done.revision});
    list.after = std::move(page.next);
    auto const takes = co_await client.send(writer.text());
    if (!takes) co_return false;
    writer.text().clear();
  }
  co_return true;
}

/// True if a change was already part of the initial values.
bool was_told(std::vector<told_part> const& told, change const& one) {
  for (auto const& part : told)
    if (part.last_key.empty() || one.key <= part.last_key) return one.revision <= part.revision;
  return false;
}

awaitable<bool> send_changes(watch_request const& request, api_context const& context, watch_hub& hub, lock_asker asker,
                             client_link& client, gatekeeper* gate) {
  event_writer writer(request.format, context.store.id());
  timer pause(co_await asio::this_coro::executor);
  // An id from the future belongs to another database, even if it looks like one of this database.
  auto const is_lost = request.is_of_other_database || (request.after && *request.after > hub.last_revision());
  auto const begin = request.after && !is_lost ? *request.after : hub.last_revision();
  watch_hub::watcher watcher(hub, request.key, request.is_prefix, begin, [&pause] { pause.cancel(); }, request.space);
  std::vector<told_part> told;  // empty once the client is live
  if (is_lost) {
    writer.add("lost", begin);
  } else if (!request.after && !request.begins_with_values) {
    writer.add("progress", begin);  // an id with which to resume if the connection ends before the first change
  }
  // Sent at once, so that the client knows that it will miss nothing from here on.
  auto const is_begun = co_await client.send_head();
  if (!is_begun) co_return false;
  if (request.begins_with_values) {
    auto const goes_on = co_await send_values(request, context, asker, client, writer, told, gate);
    if (!goes_on) co_return client.is_draining();
    if (watcher.revision() < told.back().revision) watcher.expect(told.back().revision);
  }
  // The client is live when it knows all keys as of one revision, that of the last page. Before that, changes have no
  // id: a client that resumed there would hear older changes of a later page's keys.
  auto const go_live = [&](std::uint64_t revision) {
    writer.add("live", revision);
    told.clear();
  };
  std::vector<change> changes;
  for (;;) {
    auto const state = watcher.take(changes);
    for (auto const& one : changes) {
      if (!told.empty() && one.revision > told.back().revision) go_live(told.back().revision);
      if (!was_told(told, one)) writer.add(one, told.empty());
    }
    changes.clear();
    if (state == watch_hub::watcher::state::lost) writer.add("lost", watcher.revision());
    if (!told.empty() && watcher.revision() >= told.back().revision)
      go_live(state == watch_hub::watcher::state::lost ? watcher.revision() : told.back().revision);
    if (!writer.text().empty()) {
      auto const takes = co_await client.send(writer.text());
      if (!takes) co_return false;
      writer.text().clear();
    }
    if (watcher.has_news()) continue;
    if (client.is_draining()) co_return true;
    pause.expires_after(progress_interval);
    auto const goes_on = co_await client.pause(pause);
    if (!goes_on) co_return false;
    if (told.empty() && !watcher.has_news() && pause.now() >= pause.expiry())
      writer.add("progress", watcher.revision());
  }
}

}  // namespace

void append_on_one_line(std::string& out, std::string_view json) {
  for (;;) {
    auto const end = json.find_first_of("\r\n");
    out += json.substr(0, end);
    if (end == std::string_view::npos) return;
    out += ' ';
    json.remove_prefix(end + 1);
  }
}

std::optional<reply> take_position(request_head const& head, parameters const& given, route_context const& context,
                                   watch_request& request) {
  if (given.format) {
    if (*given.format != "sse" && *given.format != "ndjson")
      return refuse(errc::invalid_parameter, "format: can be sse or ndjson");
    request.format = *given.format == "sse" ? event_format::sse : event_format::ndjson;
  }
  if (given.from && !read_position(*given.from, context.database_id, request))
    return refuse(errc::invalid_parameter,
                  "from: is the id of the last event that you have, or a revision, such as 17");
  // A browser that reconnects sends its position as a field. The parameter is for clients that can't send fields.
  if (!head.last_event_id.empty()) {
    request.may_be_told_lost = true;
    if (!read_position(head.last_event_id, context.database_id, request)) request.is_of_other_database = true;
  }
  return std::nullopt;
}

routed route_watch(request_head const& head, target const& target, route_context const& context) {
  if (auto refused = refuse_all_but_reads(head)) return *std::move(refused);
  auto given = read_parameters(target.query, watch_parameters,
                               {.hold = {}, .lock_timeout = context.settings.lock_timeout}, context.settings.hold_max);
  if (!given) return reply_to(given.error());
  if (given->key && given->has_prefix) return refuse(errc::invalid_parameter, "watch a key or a prefix, not both");
  watch_request request;
  request.is_prefix = !given->key;
  request.key = given->key ? *std::move(given->key) : std::move(given->prefix);
  if (!request.is_prefix)
    if (auto const valid = check_key(request.key); !valid) return reply_to(valid.error());
  if (given->initial) {
    if (*given->initial != "true" && *given->initial != "false" && !given->initial->empty())
      return refuse(errc::invalid_parameter, "initial: is true or false");
    request.begins_with_values = *given->initial != "false";
  }
  if (auto refused = take_position(head, *given, context, request)) return *std::move(refused);
  if (request.after) request.begins_with_values = false;
  if (context.draining) return draining_reply();
  return request;
}

bool can_continue(watch_request const& request, watch_hub& hub) {
  if (!request.after && !request.is_of_other_database) return true;
  return !request.is_of_other_database && *request.after <= hub.last_revision() && hub.knows_all_after(*request.after);
}

namespace {

/// What a client can do that has missed changes.
std::string how_to_begin_again(watch_request const& request) {
  if (request.space != keyspace::locks) return "begin again with initial=true";
  return "begin again without from; GET " + path_of_lock(split_ticket_key(request.key).first) +
         " shows the holder and the queue";
}

}  // namespace

std::optional<reply> refuse_watch(watch_request const& request, watch_hub& hub) {
  if (!request.after || request.may_be_told_lost) return std::nullopt;
  if (request.is_of_other_database)
    return refuse(errc::history_compacted,
                  "that id belongs to another database, or to this one before it was restarted or restored; " +
                      how_to_begin_again(request));
  if (*request.after > hub.last_revision())
    return refuse(errc::invalid_parameter, "from: the database is at revision " + std::to_string(hub.last_revision()) +
                                               "; this revision is in the future");
  if (!hub.knows_all_after(*request.after))
    return refuse(errc::history_compacted, "the changes after revision " + std::to_string(*request.after) +
                                               " are no longer available; " + how_to_begin_again(request));
  return std::nullopt;
}

reply head_of(watch_request const& request) {
  auto head = no_store({});
  head.length_is_known = false;
  head.content_type = request.format == event_format::sse ? "text/event-stream" : "application/x-ndjson";
  return head;
}

awaitable<request_end> send_watch(watch_request const& request, api_context const& context, watch_hub& hub,
                                  lock_asker asker, client_link& client, gatekeeper* gate) {
  auto goes_on = true;
  if (!client.wants_head_only()) goes_on = co_await send_changes(request, context, hub, asker, client, gate);
  if (goes_on) goes_on = co_await client.end();
  co_return goes_on ? request_end::sent : request_end::gone;
}

}  // namespace holdfast::server
