#include "client/load/threshold.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <utility>

#include "client/load/report.hpp"
#include "client/load/schedule.hpp"
#include "client/load/text.hpp"
#include "protocol/duration.hpp"

namespace holdfast::client::load {
namespace {

constexpr std::array<std::pair<std::string_view, metric>, 8> metrics{{{"p50", metric::p50},
                                                                      {"p90", metric::p90},
                                                                      {"p99", metric::p99},
                                                                      {"p99.9", metric::p99_9},
                                                                      {"max", metric::max},
                                                                      {"mean", metric::mean},
                                                                      {"throughput", metric::throughput},
                                                                      {"errors", metric::errors}}};

// Longer ones first, so that <= is not parsed as <.
constexpr std::array<std::pair<std::string_view, relation>, 5> relations{{{"<=", relation::at_most},
                                                                          {">=", relation::at_least},
                                                                          {"==", relation::equal},
                                                                          {"<", relation::below},
                                                                          {">", relation::above}}};

protocol::failure refuse(std::string_view text, std::string_view why) {
  return {protocol::errc::invalid_parameter,
          "'" + std::string(text.substr(0, 60)) + "' is not a threshold: " + std::string(why)};
}

std::string_view trim(std::string_view text) {
  auto const first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

protocol::result<double> parse_limit(metric of, std::string_view text) {
  if (of == metric::throughput) return parse_rate(text);
  if (of == metric::errors) {
    std::uint64_t count = 0;
    auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (failed != std::errc() || end != text.data() + text.size())
      return protocol::failure{protocol::errc::invalid_parameter, "errors are a count, such as errors==0"};
    return static_cast<double>(count);
  }
  auto const duration = protocol::parse_duration(text);
  if (!duration) return duration.error();
  return static_cast<double>(duration->count());
}

bool holds(double value, relation is, double limit) {
  switch (is) {
    case relation::below:
      return value < limit;
    case relation::at_most:
      return value <= limit;
    case relation::above:
      return value > limit;
    case relation::at_least:
      return value >= limit;
    case relation::equal:
      break;
  }
  return value == limit;
}

nanoseconds duration_of(metric of, histogram const& latency) {
  switch (of) {
    case metric::p50:
      return latency.quantile(0.5);
    case metric::p90:
      return latency.quantile(0.9);
    case metric::p99:
      return latency.quantile(0.99);
    case metric::p99_9:
      return latency.quantile(0.999);
    case metric::max:
      return latency.max();
    default:
      return latency.mean();
  }
}

}  // namespace

protocol::result<threshold> parse_threshold(std::string_view text) {
  constexpr auto how = "write a metric, a relation and a limit, such as 'p99<5ms', 'throughput>=1000/s' or 'errors==0'";
  auto const at = text.find_first_of("<>=");
  if (at == std::string_view::npos) return refuse(text, how);
  threshold read;
  read.text = text;

  auto const name = trim(text.substr(0, at));
  auto const* const of = std::ranges::find(metrics, name, &std::pair<std::string_view, metric>::first);
  if (of == metrics.end())
    return refuse(text, "the metrics are p50, p90, p99, p99.9, max, mean, throughput and errors");
  read.of = of->second;

  auto const rest = text.substr(at);
  auto const* const how_related =
      std::ranges::find_if(relations, [&](auto const& one) { return rest.starts_with(one.first); });
  if (how_related == relations.end()) return refuse(text, "the relations are <, <=, >, >= and ==");
  read.is = how_related->second;

  auto const limit = parse_limit(read.of, trim(rest.substr(how_related->first.size())));
  if (!limit) return refuse(text, limit.error().detail);
  read.limit = *limit;
  return read;
}

verdict judge(threshold const& threshold, load_report const& report) {
  if (threshold.of == metric::errors) {
    auto const count = report.total.error_count();
    return {holds(static_cast<double>(count), threshold.is, threshold.limit), grouped(count)};
  }
  auto const latency = report.total.successes();
  if (latency.count() == 0) return {false, "not measured: no request succeeded"};
  if (threshold.of == metric::throughput) {
    auto const rate = report.throughput();
    return {holds(rate, threshold.is, threshold.limit), short_number(rate) + "/s"};
  }
  auto const duration = duration_of(threshold.of, latency);
  return {holds(static_cast<double>(duration.count()), threshold.is, threshold.limit), readable(duration)};
}

}  // namespace holdfast::client::load
