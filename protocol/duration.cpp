#include "protocol/duration.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "protocol/ascii.hpp"

namespace holdfast::protocol {
namespace {

using std::chrono::nanoseconds;

// The nanoseconds of a day times eighteen decimals do not fit into 64 bits.
__extension__ using wide = __int128;

struct unit {
  std::string_view name;
  std::int64_t ns;
};

constexpr std::array units{unit{"h", 3'600'000'000'000}, unit{"m", 60'000'000'000}, unit{"s", 1'000'000'000},
                           unit{"ms", 1'000'000},        unit{"us", 1'000},         unit{"ns", 1}};
constexpr unit day{"d", 24 * units[0].ns};

/// Which durations are valid.
struct duration_limit {
  std::int64_t longest_ns;
  std::string_view why;  // for what is longer
  bool takes_days;
};

constexpr duration_limit short_ones{day.ns, "the longest is 24h", false};
constexpr duration_limit long_ones{36'525 * day.ns, "the longest is 100 years, 36525d", true};

unit const* find_unit(std::string_view name, duration_limit const& limit) {
  if (limit.takes_days && name == day.name) return &day;
  auto const* const found = std::ranges::find(units, name, &unit::name);
  return found != units.end() ? found : nullptr;
}

failure refuse(std::string_view text, std::string_view why) {
  return {errc::invalid_parameter, "'" + std::string(text.substr(0, 40)) + "' is not a duration: " + std::string(why)};
}

result<nanoseconds> parse(std::string_view text, duration_limit const& limit) {
  constexpr auto how = "write a number and a unit, such as 250us, 350ms, 1s, 1.5s, 2m or 1h";
  std::size_t at = 0;
  wide whole = 0;
  while (at < text.size() && is_digit(text[at])) {
    whole = whole * 10 + (text[at++] - '0');
    if (whole > limit.longest_ns) return refuse(text, limit.why);
  }
  auto const whole_digits = at;
  std::int64_t fraction = 0, fraction_scale = 1;
  if (at < text.size() && text[at] == '.') {
    auto const first = ++at;
    for (; at < text.size() && is_digit(text[at]); ++at) {
      if (fraction_scale == 1'000'000'000'000'000'000) continue;  // finer digits are below a nanosecond, even for hours
      fraction = fraction * 10 + (text[at] - '0');
      fraction_scale *= 10;
    }
    if (at == first) return refuse(text, how);
  }
  if (whole_digits == 0) return refuse(text, how);

  auto const name = text.substr(at);
  if (name.empty()) {
    if (whole == 0 && fraction == 0) return nanoseconds(0);
    return refuse(text, "add a unit, such as " + std::string(text.substr(0, 20)) + "ms or " +
                            std::string(text.substr(0, 20)) + "s");
  }
  auto const* const unit = find_unit(name, limit);
  if (unit == nullptr) return refuse(text, how);
  auto const total = whole * unit->ns + static_cast<wide>(fraction) * unit->ns / fraction_scale;
  if (total > limit.longest_ns) return refuse(text, limit.why);
  return nanoseconds(static_cast<std::int64_t>(total));
}

}  // namespace

result<nanoseconds> parse_duration(std::string_view text) {
  return parse(text, short_ones);
}

result<nanoseconds> parse_long_duration(std::string_view text) {
  return parse(text, long_ones);
}

std::string format_duration(nanoseconds duration) {
  auto const ns = duration.count();
  if (ns == 0) return "0";
  for (auto const& unit : units) {
    // Use a unit if at most three decimals remain: 1.5s instead of 1500ms, but 350ms instead of 0.35s.
    if (ns < unit.ns || (ns % unit.ns) * 1000 % unit.ns != 0) continue;
    auto text = std::to_string(ns / unit.ns);
    if (auto thousandths = ns % unit.ns * 1000 / unit.ns; thousandths != 0) {
      auto digits = std::to_string(1000 + thousandths).substr(1);
      while (digits.back() == '0') digits.pop_back();
      text += '.' + digits;
    }
    return text += unit.name;
  }
  return std::to_string(ns) + "ns";
}

}  // namespace holdfast::protocol
