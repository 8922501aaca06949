#include "server/json/number.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "protocol/ascii.hpp"

namespace holdfast::server::json {
namespace {

/// The parts of a JSON number, whose value is ±digits × 10^(exponent + shift).
struct number_parts {
  bool negative = false;
  std::string digits;      // without leading and trailing zeros; empty for zero
  std::int64_t shift = 0;  // from the decimal point and removed zeros; added to the exponent
  bool exponent_negative = false;
  std::string_view exponent;  // without leading zeros; empty for zero
};

number_parts parts_of(std::string_view number) {
  number_parts parts;
  if (number.starts_with('-')) {
    parts.negative = true;
    number.remove_prefix(1);
  }
  auto const mantissa = number.substr(0, number.find_first_of("eE"));
  if (mantissa.size() != number.size()) {
    auto exponent = number.substr(mantissa.size() + 1);
    parts.exponent_negative = exponent.starts_with('-');
    exponent.remove_prefix(std::min(exponent.find_first_not_of("+-0"), exponent.size()));
    parts.exponent = exponent;
  }
  auto const point = mantissa.find('.');
  parts.digits = mantissa.substr(0, point);
  if (point != std::string_view::npos) {
    parts.digits += mantissa.substr(point + 1);
    parts.shift = -static_cast<std::int64_t>(mantissa.size() - point - 1);
  }
  auto const last = parts.digits.find_last_not_of('0') + 1;  // npos + 1 is 0
  parts.shift += static_cast<std::int64_t>(parts.digits.size() - last);
  parts.digits.erase(last);
  parts.digits.erase(0, std::min(parts.digits.find_first_not_of('0'), parts.digits.size()));
  return parts;
}

constexpr std::size_t small_digits = 17;
constexpr std::int64_t small_limit = 100'000'000'000'000'000;  // 10^17

/// `digits` as an integer; at most small_digits of them.
std::int64_t small_number(std::string_view digits) {
  std::int64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

/// ±digits + shift as text, for any number of digits; |shift| < small_limit.
std::string sum(bool negative, std::string_view digits, std::int64_t shift) {
  if (digits.size() <= small_digits) {
    auto const number = small_number(digits);
    return std::to_string((negative ? -number : number) + shift);
  }
  // The sign cannot change, so add to or subtract from the last digits and carry once into the others.
  if (negative) shift = -shift;
  std::string high(digits.substr(0, digits.size() - small_digits));
  auto low = small_number(digits.substr(digits.size() - small_digits)) + shift;
  if (low >= small_limit) {
    low -= small_limit;
    auto i = high.size();
    while (i != 0 && high[i - 1] == '9') high[--i] = '0';
    if (i == 0)
      high.insert(0, 1, '1');
    else
      ++high[i - 1];
  } else if (low < 0) {
    low += small_limit;
    auto i = high.size();
    while (high[i - 1] == '0') high[--i] = '9';
    --high[i - 1];
  }
  auto last = std::to_string(low);
  high += std::string(small_digits - last.size(), '0') + last;
  high.erase(0, high.find_first_not_of('0'));
  return (negative ? "-" : "") + high;
}

}  // namespace

std::string exact_number(std::string_view number) {
  auto parts = parts_of(number);
  if (parts.digits.empty()) return "0";
  return (parts.negative ? "-" : "") + parts.digits + 'e' + sum(parts.exponent_negative, parts.exponent, parts.shift);
}

integer_value integer_of(std::string_view number) {
  auto const parts = parts_of(number);
  if (parts.digits.empty()) return {};
  auto const negative_exponent = parts.exponent_negative;
  if (parts.exponent.size() > small_digits)
    return {negative_exponent ? integer_state::not_an_integer : integer_state::too_large, 0};
  auto const exponent = small_number(parts.exponent);
  auto const zeros = (negative_exponent ? -exponent : exponent) + parts.shift;
  if (zeros < 0) return {integer_state::not_an_integer, 0};  // the last digit is not 0
  constexpr std::size_t digits_max = std::numeric_limits<std::int64_t>::digits10 + 1;
  if (zeros > static_cast<std::int64_t>(digits_max) ||
      parts.digits.size() + static_cast<std::size_t>(zeros) > digits_max)
    return {integer_state::too_large, 0};
  auto const text = (parts.negative ? "-" : "") + parts.digits + std::string(static_cast<std::size_t>(zeros), '0');
  integer_value integer;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), integer.value);
  if (error != std::errc()) return {integer_state::too_large, 0};
  return integer;
}

protocol::result<std::int64_t> safe_integer_of(std::string_view json) {
  auto const begin = json.find_first_not_of(" \t\r\n");
  auto const number = json.substr(begin, json.find_last_not_of(" \t\r\n") + 1 - begin);
  if (number.front() != '-' && !protocol::is_digit(number.front()))
    return protocol::failure{protocol::errc::not_an_integer, "the value is no number"};
  auto const integer = integer_of(number);
  if (integer.state == integer_state::not_an_integer)
    return protocol::failure{protocol::errc::not_an_integer, "the value is a number, but no integer"};
  if (integer.state == integer_state::too_large || integer.value > safe_integer_max ||
      integer.value < -safe_integer_max)
    return protocol::failure{protocol::errc::out_of_range,
                             "the value is beyond ±9007199254740991, up to which every client reads integers exactly"};
  return integer.value;
}

}  // namespace holdfast::server::json
