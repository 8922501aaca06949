#include "client/request.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "protocol/duration.hpp"

namespace holdfast::client {
namespace {

using std::chrono::nanoseconds;

bool stands_in_query(char c) {
  constexpr std::string_view others = "-._~/:@,*";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         others.find(c) != std::string_view::npos;
}

std::string encode(std::string_view bytes) {
  constexpr auto digits = "0123456789ABCDEF";
  std::string encoded;
  for (char const c : bytes) {
    if (stands_in_query(c)) {
      encoded += c;
    } else {
      auto const byte = static_cast<unsigned char>(c);
      encoded += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return encoded;
}

error refuse_ttl(std::string_view text, std::string_view why) {
  return {error_kind::invalid_request,
          '\'' + std::string(text.substr(0, 40)) + "' is not a time to live: " + std::string(why),
          {}};
}

bool is_field_value(std::string_view text) {
  return std::ranges::none_of(text, [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7F; });
}

}  // namespace

result<time_to_live> parse_ttl(std::string_view text) {
  constexpr auto how = "write a number and a unit, such as 30s, 15m, 1.5h or 90d";
  constexpr auto too_long = "the longest is 100 years, 36525d";
  if (text == "keep") return time_to_live::keep();
  if (text == "none") return time_to_live::never();
  struct unit {
    std::string_view name;
    double ns;
  };
  constexpr std::array units{unit{"d", 86'400e9}, unit{"h", 3'600e9}, unit{"m", 60e9}, unit{"s", 1e9},
                             unit{"ms", 1e6},     unit{"us", 1e3},    unit{"ns", 1}};
  auto const letters = text.find_first_not_of("0123456789.");
  if (letters == 0 || letters == std::string_view::npos || !(text[0] >= '0' && text[0] <= '9'))
    return refuse_ttl(text, how);
  auto const* const unit = std::ranges::find(units, text.substr(letters), &unit::name);
  if (unit == units.end()) return refuse_ttl(text, how);
  double number = 0;
  auto const digits = std::string(text.substr(0, letters));
  auto const* const digits_end = digits.c_str() + digits.size();
  auto const [end, failed] = std::from_chars(digits.c_str(), digits_end, number, std::chars_format::fixed);
  if (failed == std::errc::result_out_of_range) return refuse_ttl(text, too_long);
  if (failed != std::errc() || end != digits_end) return refuse_ttl(text, how);
  if (number * unit->ns > static_cast<double>(nanoseconds(ttl_max).count())) return refuse_ttl(text, too_long);
  nanoseconds const time(static_cast<std::int64_t>(number * unit->ns));
  if (time.count() == 0) return refuse_ttl(text, "it is 0; use `del` to remove the key now");
  return time_to_live::lasting(time);
}

std::string format_ttl(time_to_live const& ttl) {
  switch (ttl.is) {
    case time_to_live::kind::keep:
      return "keep";
    case time_to_live::kind::never:
      return "none";
    default:
      break;
  }
  auto const ns = ttl.time.count();
  if (ttl.time <= std::chrono::hours(24)) return protocol::format_duration(ttl.time);
  if (ns % 1'000'000'000 == 0) return std::to_string(ns / 1'000'000'000) + 's';
  return std::to_string(ns / 1'000'000) + "ms";
}

query& query::add(std::string_view name, std::string_view value) {
  text_ += text_.empty() ? '?' : '&';
  ((text_ += name) += '=') += encode(value);
  return *this;
}

query& query::add(std::string_view name, time_to_live const& ttl) {
  return ttl.is == time_to_live::kind::unsaid ? *this : add(name, format_ttl(ttl));
}

query& query::add_lock_terms(request_options const& options) {
  if (options.hold) add("hold", protocol::format_duration(*options.hold));
  if (options.lock_timeout) add("lock-timeout", protocol::format_duration(*options.lock_timeout));
  return *this;
}

std::string query_of(request_options const& options) {
  return query().add_lock_terms(options).text();
}

result<std::string> fields_of(request_options const& options) {
  std::string fields;
  for (auto const& [name, value] : {std::pair<std::string_view, std::string_view>{"If-Match", options.if_match},
                                    {"If-None-Match", options.if_none_match},
                                    {"Idempotency-Key", options.idempotency_key}}) {
    if (value.empty()) continue;
    if (!is_field_value(value))
      return error{error_kind::invalid_request, std::string(name) + " has a control character", {}};
    auto const is_quoted = name != "Idempotency-Key" || value.starts_with('"');
    ((fields += name) += ": ") += is_quoted ? std::string(value) : '"' + std::string(value) + '"';
    fields += "\r\n";
  }
  if (options.returns_value) fields += "Prefer: return=representation\r\n";
  return fields;
}

std::string request_head(endpoint const& server, std::string_view method, std::string_view target,
                         std::optional<std::size_t> body_bytes, std::string_view fields) {
  std::string head(method);
  ((head += ' ') += target) += " HTTP/1.1\r\nHost: ";
  (head += server.authority) += "\r\nUser-Agent: holdfast/" HOLDFAST_VERSION "\r\n";
  head += authorization_field(server);
  head += fields;
  if (method == "PUT") head += "Content-Type: application/json\r\n";
  if (body_bytes && (method == "PUT" || method == "POST" || method == "PATCH"))
    (head += "Content-Length: ") += std::to_string(*body_bytes) + "\r\n";
  return head += "\r\n";
}

}  // namespace holdfast::client
