#include "server/insight/lock_json.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <tuple>

#include "protocol/entity_tag.hpp"
#include "protocol/request_id.hpp"

namespace holdfast::server {
namespace {

template <class Number>
void append_number(std::string& out, Number number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void append_time(std::string& out, std::int64_t time_ns) {
  if (time_ns == lock_event::never) {
    out += "null";
  } else {
    append_number(out, time_ns);
  }
}

/// Writes milliseconds with nanosecond precision.
void append_ms(std::string& out, std::int64_t duration_ns) {
  append_number(out, duration_ns / 1'000'000);
  char digits[] = ".000000";
  auto rest = duration_ns % 1'000'000;
  for (int i = 6; i > 0; --i, rest /= 10) digits[i] = static_cast<char>('0' + rest % 10);
  out += digits;
}

/// Writes the source's name, and its address if that is different.
void append_source(std::string& out, peer_address const& source, source_names const* names) {
  auto const address = to_string(source);
  auto const text = names != nullptr ? names->text_of(source) : address;
  out += ",\"source\":";
  append_json_string(out, text);
  if (text == address) return;
  out += ",\"address\":";
  append_json_string(out, address);
}

/// Writes the members that identify the request.
void append_who(std::string& out, lock_event const& event, std::string_view key, std::uint64_t start,
                source_names const* names) {
  out += "\"id\":";
  append_number(out, event.id);
  append_source(out, event.source, names);
  out += ",\"request_id\":";
  if (event.source.is_server()) {
    out += "null";
  } else {
    append_json_string(out, to_string(protocol::request_id{start, event.id}));
  }
  ((out += ",\"operation\":\"") += name_of(event.operation)) += "\",\"key\":";
  append_json_string(out, key);
}

void append_behind(std::string& out, told_event const& told, source_names const* names) {
  out += ",\"behind\":[";
  auto const* separator = "";
  for (auto const& one : told.behind) {
    out += separator;
    out += "{\"id\":";
    append_number(out, one.id);
    append_source(out, one.source, names);
    ((out += ",\"operation\":\"") += name_of(one.operation)) += "\",\"key\":";
    append_json_string(out, one.key);
    out += ",\"held_ns\":";
    append_number(out, one.held_ns);
    out += '}';
    separator = ",";
  }
  out += "],\"behind_others\":{\"count\":";
  append_number(out, told.behind_others);
  out += ",\"held_ns\":";
  append_number(out, told.behind_others_ns);
  out += '}';
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  auto plain = text.begin();
  for (auto at = text.begin(); at != text.end(); ++at) {
    auto const byte = static_cast<unsigned char>(*at);
    if (byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7F) continue;
    out.append(plain, at);
    plain = at + 1;
    if (byte == '"' || byte == '\\') {
      (out += '\\') += *at;
    } else {
      constexpr char digits[] = "0123456789abcdef";
      ((out += "\\u00") += digits[byte >> 4]) += digits[byte & 15];
    }
  }
  out.append(plain, text.end());
  out += '"';
}

void append_json(std::string& out, told_event const& told, std::uint64_t start, source_names const* names) {
  auto const& event = told.event;
  ((out += "{\"type\":\"") += name_of(event.what)) += "\",\"seq\":";
  append_number(out, told.number);
  out += ',';
  append_who(out, event, told.key, start, names);
  out += ",\"position\":";
  append_number(out, event.position);
  out += ",\"asked_ns\":";
  append_number(out, event.asked_ns);
  switch (event.what) {
    case lock_event::kind::asked:
      break;
    case lock_event::kind::granted:
      out += ",\"granted_ns\":";
      append_time(out, event.granted_ns);
      out += ",\"hold_ns\":";
      append_number(out, event.hold_ns);
      break;
    case lock_event::kind::done:
      out += ",\"granted_ns\":";
      append_time(out, event.granted_ns);
      out += ",\"ended_ns\":";
      append_time(out, event.ended_ns);
      ((out += ",\"outcome\":\"") += name_of(event.outcome)) += '"';
      append_behind(out, told, names);
      break;
  }
  out += '}';
}

std::size_t append_message(std::string& out, told_event const& told, std::uint64_t start, source_names const* names) {
  char text[16];
  ((out += "id: ").append(text, protocol::write_start(text, start))) += '-';
  append_number(out, told.number);
  ((out += "\nevent: ") += name_of(told.event.what)) += "\ndata: ";
  auto const json_begins = out.size();
  append_json(out, told, start, names);
  out += "\n\n";
  return json_begins;
}

std::string lock_state_json(present_requests all, std::int64_t now_ns, std::uint64_t start, std::size_t limit,
                            source_names const* names) {
  auto& present = all.listed;
  // The latest waiters of one thread may be listed and those of another not: list nobody behind an unlisted waiter.
  auto listed_until_ns = std::numeric_limits<std::int64_t>::max();
  for (auto const& one : all.unlisted) listed_until_ns = std::min(listed_until_ns, one.asked_ns);
  auto const is_owner = [](event_ring::entry const& one) { return one.event.granted_ns != lock_event::never; };
  std::sort(present.begin(), present.end(), [](event_ring::entry const& a, event_ring::entry const& b) {
    return std::tie(a.event.asked_ns, a.event.id) < std::tie(b.event.asked_ns, b.event.id);
  });
  std::string out = "{\"now_ns\":";
  append_number(out, now_ns);
  out += ",\"owner\":";
  // The threads are queried one after another, so a former owner may still be among them.
  auto const owner = std::max_element(
      present.begin(), present.end(),
      [](event_ring::entry const& a, event_ring::entry const& b) { return a.event.granted_ns < b.event.granted_ns; });
  if (owner == present.end() || !is_owner(*owner)) {
    out += "null";
  } else {
    out += '{';
    append_who(out, owner->event, owner->key, start, names);
    out += ",\"held_ms\":";
    append_ms(out, std::max<std::int64_t>(0, now_ns - owner->event.granted_ns));
    out += ",\"granted_ns\":";
    append_number(out, owner->event.granted_ns);
    out += '}';
  }
  out += ",\"queue\":[";
  auto length = all.unlisted.size();
  std::size_t listed = 0;
  auto const enough = out.size() + queue_bytes_max;
  for (auto const& one : present) {
    if (is_owner(one)) continue;
    ++length;
    if (listed == limit || out.size() >= enough || one.event.asked_ns > listed_until_ns) continue;
    out += listed++ == 0 ? "{" : ",{";
    append_who(out, one.event, one.key, start, names);
    out += ",\"waited_ms\":";
    append_ms(out, std::max<std::int64_t>(0, now_ns - one.event.asked_ns));
    out += ",\"asked_ns\":";
    append_number(out, one.event.asked_ns);
    out += '}';
  }
  out += "],\"queue_length\":";
  append_number(out, length);
  out += "}\n";
  return out;
}

}  // namespace holdfast::server
