#include "server/api/parameters.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "protocol/duration.hpp"
#include "protocol/key.hpp"
#include "protocol/target.hpp"
#include "protocol/utf8.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;
using std::chrono::nanoseconds;

/// Each function takes a value and returns what is wrong with it.
using taker = std::string (*)(std::string_view value, parameters& into);

template <std::optional<nanoseconds> parameters::* member>
std::string take_duration(std::string_view value, parameters& into) {
  auto const duration = parse_duration(value);
  if (!duration) return duration.error().detail;
  into.*member = *duration;
  return {};
}

std::string take_hold(std::string_view value, parameters& into) {
  auto const duration = parse_duration(value);
  if (!duration) return duration.error().detail;
  into.terms.hold = *duration;
  return {};
}

std::string take_lock_timeout(std::string_view value, parameters& into) {
  auto const duration = parse_duration(value);
  if (!duration) return duration.error().detail;
  into.terms.lock_timeout = *duration;
  return {};
}

std::string take_ttl(std::string_view value, parameters& into) {
  if (value == "none" || value == "keep") {
    into.ttl = time_to_live{value == "none" ? time_to_live::kind::none : time_to_live::kind::keep, {}};
    return {};
  }
  auto const duration = parse_time_to_live(value);
  if (!duration) return duration.error().detail;
  into.ttl = time_to_live{time_to_live::kind::set, *duration};
  return {};
}

template <std::optional<std::int64_t> parameters::* member>
std::string take_integer(std::string_view value, parameters& into) {
  auto const number = parse_integer(value);
  if (!number || *number > exact_integer_max || *number < -exact_integer_max)
    return "must be a whole number within ±(2^53-1), such as 1 or -5";
  into.*member = number;
  return {};
}

template <std::optional<std::string> parameters::* member>
std::string take_text(std::string_view value, parameters& into) {
  (into.*member).emplace(value);
  return {};
}

std::string take_prefix(std::string_view value, parameters& into) {
  into.prefix = value;
  into.has_prefix = true;
  return {};
}

std::string take_delimiter(std::string_view value, parameters& into) {
  if (value.empty()) return "is empty; leave it out for a flat list";
  into.delimiter = value;
  return {};
}

std::string take_limit(std::string_view value, parameters& into) {
  auto const number = parse_integer(value);
  if (!number || *number < 1 || *number > 1000) return "must be a number from 1 to 1000";
  into.limit = static_cast<std::size_t>(*number);
  return {};
}

template <bool parameters::* member>
std::string take_flag(std::string_view value, parameters& into) {
  if (value != "true" && value != "false" && !value.empty()) return "is true or false";
  into.*member = value != "false";
  return {};
}

struct known_parameter {
  std::string_view name;
  taker take;
};

constexpr std::array known{
    known_parameter{"hold", take_hold},
    known_parameter{"lock-timeout", take_lock_timeout},
    known_parameter{"wait", take_duration<&parameters::wait>},
    known_parameter{"ttl", take_ttl},
    known_parameter{"increment", take_integer<&parameters::increment>},
    known_parameter{"initial", take_text<&parameters::initial>},
    known_parameter{"min", take_integer<&parameters::min>},
    known_parameter{"max", take_integer<&parameters::max>},
    known_parameter{"prefix", take_prefix},
    known_parameter{"after", take_text<&parameters::after>},
    known_parameter{"until", take_text<&parameters::until>},
    known_parameter{"delimiter", take_delimiter},
    known_parameter{"limit", take_limit},
    known_parameter{"reverse", take_flag<&parameters::reverse>},
    known_parameter{"values", take_flag<&parameters::values>},
    known_parameter{"all", take_flag<&parameters::all>},
    known_parameter{"key", take_text<&parameters::key>},
    known_parameter{"from", take_text<&parameters::from>},
    known_parameter{"format", take_text<&parameters::format>},
    known_parameter{"if-exists", take_text<&parameters::if_exists>},
    known_parameter{"lease", take_duration<&parameters::lease>},
    known_parameter{"id", take_text<&parameters::id>},
    known_parameter{"keep", take_text<&parameters::keep>},
};

/// Joins names: `hold, lock-timeout and ttl`.
std::string enumerate(std::span<std::string_view const> names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i != 0) text += i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
  return text;
}

}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view text) noexcept {
  std::int64_t number = 0;
  auto const [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (wrong != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

result<nanoseconds> parse_time_to_live(std::string_view text) {
  auto const duration = parse_long_duration(text);
  if (duration && duration->count() > 0) return duration;
  if (duration) return failure{errc::invalid_parameter, "must be more than 0; to remove a key, DELETE it"};
  return failure{errc::invalid_parameter,
                 duration.error().detail + "; a time to live can also be in days, such as 30d"};
}

result<parameters> read_parameters(std::string_view query, std::span<std::string_view const> allowed,
                                   lock_terms const& defaults, nanoseconds hold_max) {
  parameters found;
  found.terms = defaults;
  if (query.empty()) return found;
  auto const given = parse_query(query);
  if (!given) return given.error();
  for (auto one = given->begin(); one != given->end(); ++one) {
    auto const& name = one->first;
    if (std::find(allowed.begin(), allowed.end(), name) == allowed.end())
      return failure{errc::invalid_parameter, allowed.empty() ? "there are no parameters here"
                                                              : "there is no parameter '" + name +
                                                                    "' here; the parameters are " + enumerate(allowed)};
    if (std::any_of(given->begin(), one, [&](auto const& before) { return before.first == name; }))
      return failure{errc::invalid_parameter, "the parameter " + name + " is given twice"};
    if (!is_utf8(one->second)) return failure{errc::invalid_parameter, name + ": is not UTF-8"};
    auto const its = std::find_if(known.begin(), known.end(), [&](auto const& each) { return each.name == name; });
    if (auto const wrong = its->take(one->second, found); !wrong.empty())
      return failure{errc::invalid_parameter, name + ": " + wrong};
  }
  if (found.terms.hold > hold_max)
    return failure{errc::hold_too_long, "hold: this server allows at most " + format_duration(hold_max)};
  return found;
}

}  // namespace holdfast::server
