#include "client/compare/limit.hpp"

#include <charconv>

namespace holdfast::client::compare {
namespace {

error complaint(std::string what) {
  return {error_kind::invalid_request, std::move(what), {}};
}

std::string figure_names() {
  std::string names;
  for (auto const what : all_figures) {
    if (!names.empty()) names += ", ";
    names += name_of(what);
  }
  return names;
}

}  // namespace

result<limit> parse_limit(std::string_view text) {
  limit read;
  read.text = text;
  std::string packed;
  for (auto const c : text) {
    if (c != ' ') packed += c;
  }
  auto const wrong = [&](std::string const& what) {
    return complaint('\'' + read.text + "' " + what + "; write it like 'p99>+5%' or 'throughput<-3%'");
  };
  auto const sign = packed.find_first_of("<>");
  if (sign == std::string::npos) return wrong("has no < or >");
  auto const what = figure_of(packed.substr(0, sign));
  if (!what) return complaint('\'' + packed.substr(0, sign) + "' is no figure; there are " + figure_names());
  read.what = *what;
  read.above = packed[sign] == '>';
  auto number = std::string_view(packed).substr(sign + 1);
  if (number.starts_with('=')) return wrong("has an =, which makes no difference to a measured change");
  if (!number.ends_with('%')) return wrong("does not end in a percentage");
  number.remove_suffix(1);
  if (number.starts_with('+')) number.remove_prefix(1);
  double percent = 0;
  auto const [end, failed] = std::from_chars(number.data(), number.data() + number.size(), percent);
  if (failed != std::errc() || end != number.data() + number.size() || !(percent > -100 && percent < 1e6))
    return wrong("has no percentage above -100 that makes sense");
  read.share = percent / 100;
  if (read.above ? read.share < 0 : read.share >= 0)
    return wrong("would be broken by runs that have not changed: > goes with a rise, < with a fall");
  return read;
}

}  // namespace holdfast::client::compare
