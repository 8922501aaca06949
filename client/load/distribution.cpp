#include "client/load/distribution.hpp"

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>

#include "protocol/duration.hpp"

namespace holdfast::client::load {
namespace {

using shape = distribution::shape;

constexpr std::string_view range = "..";

protocol::failure refuse(std::string_view text, std::string const& why) {
  return {protocol::errc::invalid_parameter, "'" + std::string(text.substr(0, 60)) + "' " + why};
}

protocol::result<double> parse_duration(std::string_view text) {
  auto const duration = protocol::parse_duration(text);
  if (!duration) return duration.error();
  return static_cast<double>(duration->count());
}

protocol::result<double> parse_bytes(std::string_view text) {
  unsigned count = 0;
  auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (failed != std::errc() || end != text.data() + text.size() || count < value_bytes_min || count > value_bytes_max) {
    return refuse(text, "is not a size: it is a number of bytes, " + std::to_string(value_bytes_min) + " to " +
                            std::to_string(value_bytes_max));
  }
  return static_cast<double>(count);
}

template <class ParseOne>
protocol::result<distribution> parse(std::string_view text, ParseOne parse_one, std::string const& example) {
  auto rest = text;
  auto of = text.find(range) == std::string_view::npos ? shape::constant : shape::uniform;
  if (auto const colon = text.find(':'); colon != std::string_view::npos) {
    auto const name = text.substr(0, colon);
    rest = text.substr(colon + 1);
    if (name == "exp") {
      of = shape::exponential;
    } else if (name == "uniform") {
      of = shape::uniform;
    } else {
      return refuse(text, "has no known distribution: write " + example);
    }
  }
  auto const middle = rest.find(range);
  if ((middle != std::string_view::npos) != (of == shape::uniform))
    return refuse(text, "is not whole: write " + example);
  auto const first = parse_one(rest.substr(0, middle));
  if (!first) return first.error();
  if (of == shape::constant) return distribution::constant(*first);
  if (of == shape::exponential) return distribution{of, 0, *first};
  auto const last = parse_one(rest.substr(middle + range.size()));
  if (!last) return last.error();
  if (*last < *first) return refuse(text, "ends before it begins: write " + example);
  return distribution{of, *first, *last};
}

template <class FormatOne>
std::string format(distribution const& drawn, FormatOne format_one) {
  switch (drawn.of) {
    case shape::constant:
      break;
    case shape::uniform:
      return "uniform:" + format_one(drawn.least) + std::string(range) + format_one(drawn.most);
    case shape::exponential:
      return "exp:" + format_one(drawn.most);
  }
  return format_one(drawn.most);
}

}  // namespace

double distribution::draw(random_numbers& random) const {
  switch (of) {
    case shape::constant:
      break;
    case shape::uniform:
      return least + random.share() * (most - least);
    case shape::exponential:
      return -std::log1p(-random.share()) * most;
  }
  return most;
}

double distribution::high() const {
  return of == shape::exponential ? most * std::log(1e5) : most;
}

protocol::result<distribution> parse_hold(std::string_view text) {
  return parse(text, parse_duration, "5ms, uniform:1ms..5ms, or exp:5ms, whose mean is 5 ms");
}

std::string format_hold(distribution const& hold) {
  return format(hold, [](double ns) {
    return protocol::format_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(ns)));
  });
}

protocol::result<distribution> parse_value_size(std::string_view text) {
  return parse(text, parse_bytes, "64, 64..4096, or exp:256, whose mean is 256");
}

std::string format_value_size(distribution const& size) {
  return format(size, [](double bytes) { return std::to_string(static_cast<unsigned>(bytes)); });
}

}  // namespace holdfast::client::load
