#include "client/load/workload.hpp"

#include <algorithm>
#include <charconv>

#include "protocol/entity_tag.hpp"
#include "protocol/key.hpp"

namespace holdfast::client::load {
namespace {

constexpr std::size_t key_digits = 8;
constexpr std::size_t value_digits = 16;
constexpr std::uint32_t list_length_max = 100;  ///< as in YCSB's scans
static_assert(value_bytes_min == key_digits + value_digits + 2);

void append_number(std::string& out, std::uint64_t number) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

template <std::size_t Digits>
void append_hex(std::string& out, std::uint64_t number) {
  char digits[Digits];
  for (auto at = Digits; at-- > 0; number >>= 4) digits[at] = "0123456789abcdef"[number & 15];
  out.append(digits, Digits);
}

template <class Number>
bool read_hex(std::string_view digits, Number& number) {
  auto const* const first = digits.begin();
  auto const* const last = digits.end();
  auto const [stopped, failed] = std::from_chars(first, last, number, 16);
  return failed == std::errc() && stopped == last;
}

}  // namespace

std::string_view name_of(operation_kind kind) noexcept {
  constexpr std::string_view names[operation_kinds] = {"get", "put", "delete", "list", "txn", "incr"};
  return names[static_cast<std::size_t>(kind)];
}

void append_value(std::string& out, stored_value const& value, std::uint32_t bytes) {
  out += '"';
  append_hex<key_digits>(out, value.key);
  append_hex<value_digits>(out, value.value);
  out.append(bytes - value_bytes_min, '.');
  out += '"';
}

std::optional<stored_value> parse_value(std::string_view body) {
  if (body.size() < value_bytes_min || body.front() != '"' || body.back() != '"') return std::nullopt;
  stored_value read;
  if (!read_hex(body.substr(1, key_digits), read.key) ||
      !read_hex(body.substr(1 + key_digits, value_digits), read.value))
    return std::nullopt;
  return read;
}

workload::workload(workload_settings const& settings, endpoint const& server, std::string_view prefix,
                   thread_place place, std::uint32_t inserted)
    : settings_(settings),
      choose_action_(settings.mix),
      keys_(settings.key_choice, settings.keys, place, inserted),
      random_(random_numbers(settings.seed + place.thread * std::uint64_t(0x632BE59BD9B4E019))()),
      next_value_(std::uint64_t(place.thread) << 40),
      holds_vary_(settings.hold && settings.hold->of != distribution::shape::constant),
      prefix_(prefix) {
  for (auto const& one : servers_of(server)) write_texts(one, tails_.emplace_back());
  if (settings.hold && !holds_vary_) {
    hold_query_ = query_of({.hold = nanoseconds(static_cast<std::int64_t>(settings.hold->most)), .lock_timeout = {}});
  }
}

/// Splits each kind of request at the key's number and at the query, so that writing one only copies parts.
void workload::write_texts(endpoint const& server, texts& tails) {
  constexpr std::string_view mark = "*";
  constexpr std::string_view no_length = "0\r\n\r\n";
  constexpr std::string_view end = "\r\n";
  auto const target = std::string(protocol::kv_path) + prefix_ + std::string(mark);
  auto const split = [&](operation_kind kind, std::string_view method, std::string const& where) {
    auto const whole = request_head(server, method, where, 0);
    auto const at = whole.find(mark);
    heads_[static_cast<std::size_t>(kind)] = whole.substr(0, at);
    tails[static_cast<std::size_t>(kind)] = whole.substr(at + mark.size());
  };
  split(operation_kind::get, "GET", target);
  split(operation_kind::put, "PUT", target);
  split(operation_kind::del, "DELETE", target);
  auto& put_tail = tails[static_cast<std::size_t>(operation_kind::put)];
  put_tail.resize(put_tail.size() - no_length.size());
  // The path of the collection is that of its keys without the slash.
  auto const all = std::string(protocol::kv_path.substr(0, protocol::kv_path.size() - 1));
  split(operation_kind::list, "GET", all + "?prefix=" + prefix_ + "&values=true&after=" + prefix_ + std::string(mark));
  // These two are POST requests: the header fields of a request without content, and the rest.
  auto const& fields = tails[static_cast<std::size_t>(operation_kind::del)];
  auto const open = fields.substr(0, fields.size() - end.size());
  heads_[static_cast<std::size_t>(operation_kind::txn)] = "POST /v1/txn";
  tails[static_cast<std::size_t>(operation_kind::txn)] = open + "Content-Type: application/json\r\nContent-Length: ";
  heads_[static_cast<std::size_t>(operation_kind::incr)] =
      "POST " + std::string(protocol::kv_path) + prefix_ + std::string(counter_mark);
  tails[static_cast<std::size_t>(operation_kind::incr)] = open + "Content-Length: " + std::string(no_length);
}

std::uint32_t workload::draw_value_bytes() {
  auto const& size = settings_.value_bytes;
  switch (size.of) {
    case distribution::shape::constant:
      break;
    case distribution::shape::uniform:
      return static_cast<std::uint32_t>(size.least) +
             random_.below(static_cast<std::uint32_t>(size.most - size.least) + 1);
    case distribution::shape::exponential:
      return static_cast<std::uint32_t>(std::clamp<double>(size.draw(random_), value_bytes_min, value_bytes_max));
  }
  return static_cast<std::uint32_t>(size.most);
}

void workload::draw_hold(planned_request& request) {
  if (!settings_.hold) return;
  if (settings_.hold_share < 1 && random_.share() >= settings_.hold_share) return;
  request.hold = nanoseconds(static_cast<std::int64_t>(settings_.hold->draw(random_)));
}

void workload::draw_ttl(planned_request& request) {
  if (!settings_.ttl) return;
  if (settings_.ttl_share < 1 && random_.share() >= settings_.ttl_share) return;
  request.ttl = nanoseconds(std::max<std::int64_t>(1, static_cast<std::int64_t>(settings_.ttl->draw(random_))));
}

planned_request workload::put(std::uint32_t key, bool inserts) {
  planned_request request{.operation = operation_kind::put,
                          .inserts = inserts,
                          .key = key,
                          .value_bytes = draw_value_bytes(),
                          .value = next_value_++};
  draw_ttl(request);
  return request;
}

planned_request workload::next() {
  auto const what = choose_action_(random_);
  planned_request request;
  switch (what) {
    case action::put:
      request = put(keys_.choose(random_), false);
      break;
    case action::insert:
      request = put(keys_.insert(), true);
      break;
    case action::create:
      request = put(keys_.choose(random_), false);
      request.on = condition::unchanged;
      break;
    case action::get:
    case action::read_modify_write:
    case action::compare_and_set:
      request.modifies = what != action::get;
      request.compares = what == action::compare_and_set;
      request.key = keys_.choose(random_);
      break;
    case action::del:
      request.operation = operation_kind::del;
      request.key = keys_.choose(random_);
      break;
    case action::list:
      request.operation = operation_kind::list;
      request.key = keys_.choose(random_);
      request.limit = 1 + random_.below(list_length_max);
      break;
    case action::transaction:
      request.operation = operation_kind::txn;
      request.modifies = true;
      request.key = keys_.choose(random_);
      request.other_key = keys_.choose(random_);
      // A transaction needs two different keys.
      if (request.other_key == request.key) request.other_key = (request.key + 1) % settings_.keys;
      break;
    case action::increment:
      request.operation = operation_kind::incr;
      request.key = keys_.choose(random_);
      break;
    case action::watch:
      break;  // never drawn
  }
  draw_hold(request);
  return request;
}

planned_request workload::modify(planned_request const& read, seen_versions const& seen) {
  auto request = put(read.key, false);
  if (read.compares || read.operation == operation_kind::txn) {
    request.on = condition::unchanged;
    request.version = seen.first;
  }
  if (read.operation == operation_kind::txn) {
    request.operation = operation_kind::txn;
    request.other_key = read.other_key;
    request.other_version = seen.other;
    // Writes only one key half of the time: changes of the other key by another transaction must still be detected.
    request.writes_other = read.other_key != read.key && random_.below(2) == 0;
    if (request.writes_other) request.other_value = next_value_++;
  }
  draw_hold(request);
  return request;
}

void workload::append_query(std::string& out, planned_request const& request, bool has_query) {
  if (request.hold) {
    if (holds_vary_ || has_query) {
      out += has_query ? "&hold=" : "?hold=";
      append_number(out, static_cast<std::uint64_t>(request.hold->count()));
      out += "ns";
    } else {
      out += hold_query_;
    }
    has_query = true;
  }
  if (request.ttl.count() == 0 || request.operation != operation_kind::put) return;
  out += has_query ? "&ttl=" : "?ttl=";
  append_number(out, static_cast<std::uint64_t>(request.ttl.count()));
  out += "ns";
}

void workload::append_condition(std::string& out, planned_request const& request) {
  if (request.on == condition::none) return;
  if (request.version == 0) {
    out += "\r\nIf-None-Match: *";
    return;
  }
  char tag[protocol::entity_tag_bytes_max];
  out += "\r\nIf-Match: ";
  out.append(tag, protocol::write_entity_tag(tag, {database_, request.version}));
}

void workload::append_check(std::string& out, std::uint32_t key, std::uint64_t version) {
  ((out += "{\"key\":\"") += prefix_);
  append_number(out, key);
  if (version == 0) {
    out += "\",\"exists\":false}";
    return;
  }
  char tag[protocol::entity_tag_bytes_max];
  // The tag's quotes are escaped within the JSON string.
  std::string_view const whole(tag,
                               static_cast<std::size_t>(protocol::write_entity_tag(tag, {database_, version}) - tag));
  ((out += "\",\"etag\":\"\\\"") += whole.substr(1, whole.size() - 2)) += "\\\"\"}";
}

void workload::append_transaction(std::string& out, planned_request const& request) {
  auto const name = [&](std::string_view before, std::uint32_t key) {
    (out += before) += prefix_;
    append_number(out, key);
    out += '"';
  };
  auto const put = [&](std::uint32_t key, std::uint64_t value) {
    name(",{\"put\":\"", key);
    out += ",\"value\":";
    append_value(out, {key, value}, request.value_bytes);
    if (request.ttl.count() != 0) {
      out += ",\"ttl\":\"";
      append_number(out, static_cast<std::uint64_t>(request.ttl.count()));
      out += "ns\"";
    }
    out += '}';
  };
  out += '{';
  if (request.on != condition::none) {
    out += "\"checks\":[";
    append_check(out, request.key, request.version);
    if (request.other_key != request.key) append_check(out += ',', request.other_key, request.other_version);
    out += "],";
  }
  name("\"operations\":[{\"get\":\"", request.key);
  if (request.other_key != request.key) name("},{\"get\":\"", request.other_key);
  out += '}';
  if (request.on != condition::none) {
    put(request.key, request.value);
    if (request.writes_other) put(request.other_key, request.other_value);
  }
  out += "]}";
}

void workload::append(std::string& out, planned_request const& request, std::size_t server) {
  auto const kind = static_cast<std::size_t>(request.operation);
  out += heads_[kind];
  if (request.operation != operation_kind::txn) append_number(out, request.key);
  if (request.operation == operation_kind::list) {
    out += "&limit=";
    append_number(out, request.limit);
  } else if (request.operation == operation_kind::incr) {
    out += "?increment=1";
  }
  append_query(out, request, request.operation == operation_kind::list || request.operation == operation_kind::incr);
  out += tails_[server][kind];
  if (request.operation == operation_kind::put) {
    append_number(out, request.value_bytes);
    append_condition(out, request);
    out += "\r\n\r\n";
    append_value(out, {request.key, request.value}, request.value_bytes);
  } else if (request.operation == operation_kind::txn) {
    body_.clear();
    append_transaction(body_, request);
    append_number(out, body_.size());
    (out += "\r\n\r\n") += body_;
  }
}

bool workload::is_expected(planned_request const& request, unsigned status) const {
  auto const may_be_missing = [&] {
    return may_leave_absent(settings_.mix) || settings_.ttl || keys_.may_be_missing(request.key);
  };
  auto const has_lost = request.on != condition::none && status == 412;
  switch (request.operation) {
    case operation_kind::get:
      return status == 200 || (status == 404 && may_be_missing());
    case operation_kind::put:
      return status == 204 || status == 201 || has_lost;
    case operation_kind::list:
      return status == 200;
    case operation_kind::txn:
      return status == 200 || has_lost;
    case operation_kind::incr:
      return status == 200 || status == 201;
    case operation_kind::del:
      break;
  }
  return status == 204 || (status == 404 && may_be_missing());
}

bool workload::is_value(std::string_view body, std::uint32_t key) const {
  if (body.size() < value_bytes_min || body.front() != '"' || body.back() != '"') return false;
  if (settings_.value_bytes.of == distribution::shape::constant &&
      body.size() != static_cast<std::size_t>(settings_.value_bytes.most)) {
    return false;
  }
  std::uint32_t found = 0;
  return read_hex(body.substr(1, key_digits), found) && found == key;
}

std::string workload::first_value(std::uint32_t key) {
  auto const request = put(key, false);
  std::string text;
  append_value(text, {key, request.value}, request.value_bytes);
  return text;
}

}  // namespace holdfast::client::load
