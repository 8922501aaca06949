#include <ctime>
#include <nlohmann/json.hpp>

#include "client/load/report.hpp"
#include "client/load/text.hpp"

namespace holdfast::client::load {
namespace {

using json = nlohmann::ordered_json;

json percentiles(histogram const& latency) {
  if (latency.count() == 0) return {{"count", 0}};
  return {{"count", latency.count()},
          {"mean", in_ms(latency.mean())},
          {"min", in_ms(latency.min())},
          {"p50", in_ms(latency.quantile(0.5))},
          {"p90", in_ms(latency.quantile(0.9))},
          {"p99", in_ms(latency.quantile(0.99))},
          {"p99_9", in_ms(latency.quantile(0.999))},
          {"max", in_ms(latency.max())}};
}

json optional_ms(std::optional<nanoseconds> const& duration) {
  return duration ? json(in_ms(*duration)) : json();
}

json stages_json(std::vector<stage> const& stages) {
  auto list = json::array();
  for (auto const& one : stages) {
    list.push_back(json{
        {"duration_ms", in_ms(one.duration)}, {"rate_begin_per_s", one.rate_begin}, {"rate_end_per_s", one.rate_end}});
  }
  return list;
}

json settings_json(load_settings const& settings) {
  return {{"server", "http://" + settings.connection.server.authority},
          {"loop", is_open_loop(settings) ? "open" : "closed"},
          {"stages", stages_json(settings.stages)},
          {"arrivals",
           is_open_loop(settings) ? json(settings.arrivals == arrivals::poisson ? "poisson" : "constant") : json()},
          {"warm_up_ms", in_ms(settings.warm_up)},
          {"connections", settings.connections},
          {"threads", settings.threads},
          {"duration_ms", in_ms(settings.duration)},
          {"read_ratio", settings.workload.read_ratio},
          {"keys", settings.workload.keys},
          {"value_bytes", settings.workload.value_bytes},
          {"hold_ms", optional_ms(settings.workload.hold)},
          {"seed", settings.workload.seed},
          {"request_timeout_ms", in_ms(request_timeout(settings))}};
}

json latency_json(measurements const& total) {
  json latency{{"all", percentiles(total.successes())}};
  for (auto const kind : {operation_kind::get, operation_kind::put})
    latency[std::string(name_of(kind))] = percentiles(total.successes(kind));
  return latency;
}

json open_loop_json(load_report const& report) {
  if (!is_open_loop(report.settings)) return {};
  return {{"asked_per_s", report.asked_rate()},           {"started_per_s", report.started_rate()},
          {"found_no_connection", report.total.queued()}, {"late_share", report.late_share()},
          {"late_ms", percentiles(report.total.late())},  {"since_sent_ms", percentiles(report.total.since_sent())}};
}

json split_json(measurements const& total) {
  auto const whole = total.split_sum();
  auto const part = [&](histogram const& of) {
    auto figures = percentiles(of);
    figures["share"] = whole.count() == 0 ? json() : json(in_ms(of.sum()) / in_ms(whole));
    return figures;
  };
  return {{"answers", total.wait().count()},
          {"without_timing", total.without_timing()},
          {"implausible_timing", total.implausible_timing()},
          {"before_sending_ms", part(total.before_sending())},
          {"wait_ms", part(total.wait())},
          {"hold_ms", part(total.hold())},
          {"rest_ms", part(total.rest())}};
}

json statuses_json(measurements const& total) {
  auto list = json::array();
  for (auto const& one : total.all_series()) {
    list.push_back(json{{"operation", name_of(one.operation)},
                        {"status", one.status},
                        {"count", one.latency.count()},
                        {"success", one.expected}});
  }
  return list;
}

json errors_json(measurements const& total) {
  auto kinds = json::object();
  for (std::size_t i = 0; i < error_kinds; ++i) {
    auto const kind = static_cast<error_kind>(i);
    if (kind != error_kind::invalid_request) kinds[std::string(name_of(kind))] = total.errors(kind);
  }
  return {{"total", total.error_count()}, {"kinds", kinds}};
}

json client_json(load_report const& report) {
  auto const answers = report.total.success_count();
  return {{"cpu_ms", in_ms(report.cpu)},
          {"cpu_us_per_request", answers == 0 ? json() : json(in_ms(report.cpu) * 1e3 / static_cast<double>(answers))},
          {"busy_share", report.busy_share()},
          {"was_the_limit", report.client_was_the_limit()}};
}

json thresholds_json(load_report const& report) {
  auto list = json::array();
  for (auto const& threshold : report.settings.thresholds) {
    auto const judged = judge(threshold, report);
    list.push_back(json{{"threshold", threshold.text}, {"held", judged.held}, {"measured", judged.measured}});
  }
  return list;
}

json seconds_json(std::vector<second_row> const& seconds) {
  auto list = json::array();
  for (auto const& row : seconds) {
    auto const measured = [&](nanoseconds figure) { return row.answers == 0 ? json() : json(in_ms(figure)); };
    list.push_back(json{{"second", row.second},
                        {"answers", row.answers},
                        {"errors", row.errors},
                        {"p50_ms", measured(row.p50)},
                        {"p99_ms", measured(row.p99)},
                        {"max_ms", measured(row.max)},
                        {"wait_share", row.answers == 0 ? json() : json(row.wait_share)}});
  }
  return list;
}

std::string rfc3339(std::chrono::system_clock::time_point time) {
  auto const seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace

std::string json_report(load_report const& report) {
  json document;
  document["version"] = 1;
  document["settings"] = settings_json(report.settings);
  document["started_at"] = rfc3339(report.started_at);
  document["elapsed_ms"] = in_ms(report.elapsed);
  document["interrupted"] = report.interrupted;
  document["throughput_per_s"] = report.throughput();
  document["latency_ms"] = latency_json(report.total);
  document["open_loop"] = open_loop_json(report);
  document["split"] = split_json(report.total);
  document["statuses"] = statuses_json(report.total);
  document["errors"] = errors_json(report.total);
  document["unfinished"] = {{"count", report.unfinished}, {"oldest_ms", in_ms(report.oldest_unfinished)}};
  document["reconnects"] = report.total.reconnects();
  document["client"] = client_json(report);
  document["thresholds"] = thresholds_json(report);
  document["seconds"] = seconds_json(report.seconds);
  return document.dump(2) + '\n';
}

}  // namespace holdfast::client::load
