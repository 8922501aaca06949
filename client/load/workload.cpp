#include "client/load/workload.hpp"

#include <charconv>
#include <cmath>

#include "protocol/key.hpp"

namespace holdfast::client::load {
namespace {

constexpr std::size_t value_digits = 16;

/// The share as a bound for 64 random bits.
std::uint64_t bound_of(double share) {
  if (share >= 1) return ~std::uint64_t(0);
  return static_cast<std::uint64_t>(std::ldexp(share, 64));
}

void append_number(std::string& out, std::uint32_t number) {
  char digits[10];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

}  // namespace

std::string_view name_of(operation_kind kind) noexcept {
  return kind == operation_kind::get ? "get" : "put";
}

workload::workload(workload_settings const& settings, endpoint const& server, std::string_view prefix,
                   std::uint32_t stream)
    : settings_(settings),
      random_(random_numbers(settings.seed + stream * std::uint64_t(0x632BE59BD9B4E019))()),
      read_below_(bound_of(settings.read_ratio)),
      next_value_(std::uint64_t(stream) << 40) {
  // A request is cut where the key's number stands, so that writing one is copying three pieces.
  constexpr std::string_view mark = "*";
  auto const target = std::string(protocol::kv_path) + std::string(prefix) + std::string(mark) +
                      query_of({.hold = settings.hold, .lock_timeout = {}});
  auto const split = [&](std::string_view method, std::string& head, std::string& tail) {
    auto const whole = request_head(server, method, target, settings.value_bytes);
    auto const at = whole.find(mark);
    head = whole.substr(0, at);
    tail = whole.substr(at + mark.size());
  };
  split("GET", get_head_, get_tail_);
  split("PUT", put_head_, put_tail_);
  filler_.assign(settings.value_bytes - value_bytes_min, '.');
}

planned_request workload::next() {
  auto const reads = read_below_ == random_numbers::max() || random_() < read_below_;
  return {reads ? operation_kind::get : operation_kind::put, random_.below(settings_.keys)};
}

void workload::append(std::string& out, planned_request const& request) {
  auto const reads = request.operation == operation_kind::get;
  out += reads ? get_head_ : put_head_;
  append_number(out, request.key);
  out += reads ? get_tail_ : put_tail_;
  if (!reads) append_value(out);
}

void workload::append_value(std::string& out) {
  char digits[value_digits];
  auto number = next_value_++;
  for (auto at = value_digits; at-- > 0; number >>= 4) digits[at] = "0123456789abcdef"[number & 15];
  out += '"';
  out.append(digits, value_digits);
  out += filler_;
  out += '"';
}

std::string workload::next_value() {
  std::string value;
  append_value(value);
  return value;
}

bool workload::is_value(std::string_view body) const {
  return body.size() == settings_.value_bytes && body.front() == '"' && body.back() == '"';
}

}  // namespace holdfast::client::load
