#include "client/load/workload.hpp"

#include <algorithm>
#include <charconv>

#include "protocol/key.hpp"

namespace holdfast::client::load {
namespace {

constexpr std::size_t key_digits = 8;
constexpr std::size_t value_digits = 16;
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
  switch (kind) {
    case operation_kind::get:
      return "get";
    case operation_kind::put:
      return "put";
    case operation_kind::del:
      break;
  }
  return "delete";
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
      holds_vary_(settings.hold && settings.hold->of != distribution::shape::constant) {
  // A request is cut where the key's number and its hold stand, so that writing one is copying pieces.
  constexpr std::string_view mark = "*";
  constexpr std::string_view no_length = "0\r\n\r\n";
  auto const target = std::string(protocol::kv_path) + std::string(prefix) + std::string(mark);
  auto const split = [&](operation_kind kind, std::string_view method) {
    auto const whole = request_head(server, method, target, 0);
    auto const at = whole.find(mark);
    heads_[static_cast<std::size_t>(kind)] = whole.substr(0, at);
    tails_[static_cast<std::size_t>(kind)] = whole.substr(at + mark.size());
  };
  split(operation_kind::get, "GET");
  split(operation_kind::put, "PUT");
  split(operation_kind::del, "DELETE");
  auto& put_tail = tails_[static_cast<std::size_t>(operation_kind::put)];
  put_tail.resize(put_tail.size() - no_length.size());
  if (settings.hold && !holds_vary_) {
    hold_query_ = query_of({.hold = nanoseconds(static_cast<std::int64_t>(settings.hold->most)), .lock_timeout = {}});
  }
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

planned_request workload::put(std::uint32_t key, bool inserts) {
  return {.operation = operation_kind::put,
          .inserts = inserts,
          .key = key,
          .value_bytes = draw_value_bytes(),
          .value = next_value_++};
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
    case action::get:
    case action::read_modify_write:
      request.modifies = what == action::read_modify_write;
      request.key = keys_.choose(random_);
      break;
    case action::del:
      request.operation = operation_kind::del;
      request.key = keys_.choose(random_);
      break;
  }
  draw_hold(request);
  return request;
}

planned_request workload::modify(planned_request const& get) {
  auto request = put(get.key, false);
  draw_hold(request);
  return request;
}

void workload::append(std::string& out, planned_request const& request) {
  auto const kind = static_cast<std::size_t>(request.operation);
  out += heads_[kind];
  append_number(out, request.key);
  if (request.hold) {
    if (holds_vary_) {
      out += "?hold=";
      append_number(out, static_cast<std::uint64_t>(request.hold->count()));
      out += "ns";
    } else {
      out += hold_query_;
    }
  }
  out += tails_[kind];
  if (request.operation != operation_kind::put) return;
  append_number(out, request.value_bytes);
  out += "\r\n\r\n";
  append_value(out, {request.key, request.value}, request.value_bytes);
}

bool workload::is_expected(planned_request const& request, unsigned status) const {
  auto const may_be_missing = [&] {
    return settings_.mix.weight(action::del) != 0 || keys_.may_be_missing(request.key);
  };
  switch (request.operation) {
    case operation_kind::get:
      return status == 200 || (status == 404 && may_be_missing());
    case operation_kind::put:
      return status == 204 || status == 201;
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
