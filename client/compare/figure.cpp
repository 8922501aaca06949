#include "client/compare/figure.hpp"

#include <chrono>
#include <cmath>

#include "client/load/text.hpp"

namespace holdfast::client::compare {
namespace {

std::string readable_duration(double value, double unit_ns) {
  return load::readable(std::chrono::nanoseconds(std::llround(value * unit_ns)));
}

}  // namespace

std::string_view name_of(figure what) noexcept {
  switch (what) {
    case figure::throughput:
      return "throughput";
    case figure::p50:
      return "p50";
    case figure::p90:
      return "p90";
    case figure::p99:
      return "p99";
    case figure::p99_9:
      return "p99.9";
    case figure::mean:
      return "mean";
    case figure::cpu:
      return "cpu";
    case figure::errors:
      return "errors";
  }
  return "";
}

std::optional<figure> figure_of(std::string_view name) noexcept {
  for (auto const what : all_figures) {
    if (name_of(what) == name) return what;
  }
  return std::nullopt;
}

std::string_view unit_of(figure what) noexcept {
  switch (what) {
    case figure::throughput:
      return "requests/s";
    case figure::cpu:
      return "us/request";
    case figure::errors:
      return "";
    default:
      return "ms";
  }
}

std::string readable(figure what, double value) {
  switch (what) {
    case figure::throughput:
      return load::short_number(value) + "/s";
    case figure::cpu:
      return readable_duration(value, 1e3);
    case figure::errors:
      return value == std::floor(value) ? load::grouped(static_cast<std::uint64_t>(value)) : load::short_number(value);
    default:
      return readable_duration(value, 1e6);
  }
}

}  // namespace holdfast::client::compare
