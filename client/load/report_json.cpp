#include <ctime>
#include <nlohmann/json.hpp>

#include "client/load/experiment.hpp"
#include "client/load/report.hpp"
#include "client/load/text.hpp"
#include "client/load/verify/verification.hpp"
#include "client/load/watch_pool.hpp"

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

json stages_json(std::vector<stage> const& stages) {
  auto list = json::array();
  for (auto const& one : stages) {
    list.push_back(json{
        {"duration_ms", in_ms(one.duration)}, {"rate_begin_per_s", one.rate_begin}, {"rate_end_per_s", one.rate_end}});
  }
  return list;
}

json experiment_json(load_report const& report) {
  auto object = json::object();
  for (auto const& entry : report.experiment())
    object[entry.key] = std::visit([](auto const& value) { return json(value); }, entry.value);
  return object;
}

json settings_json(load_report const& report) {
  auto const& settings = report.settings;
  return {{"server", urls_of(settings.connection.server)},
          {"loop", is_open_loop(settings) ? "open" : "closed"},
          {"stages", stages_json(settings.stages)},
          {"arrivals",
           is_open_loop(settings) ? json(settings.arrivals == arrivals::poisson ? "poisson" : "constant") : json()},
          {"warm_up_ms", in_ms(settings.warm_up)},
          {"connections", settings.connections},
          {"threads", settings.threads},
          {"duration_ms", in_ms(settings.duration)},
          {"pipeline", settings.pipeline},
          {"mix", format_mix(settings.workload.mix)},
          {"key_choice", format_key_choice(settings.workload.key_choice)},
          {"keys", settings.workload.keys},
          {"value_size", format_value_size(settings.workload.value_bytes)},
          {"hold", settings.workload.hold ? json(format_hold(*settings.workload.hold)) : json()},
          {"hold_share", settings.workload.hold_share},
          {"seed", settings.workload.seed},
          {"request_timeout_ms", in_ms(request_timeout(settings))},
          {"experiment", experiment_json(report)}};
}

json latency_json(measurements const& total) {
  json latency{{"all", percentiles(total.successes())}};
  for (std::size_t i = 0; i < operation_kinds; ++i) {
    auto const kind = static_cast<operation_kind>(i);
    latency[std::string(name_of(kind))] = percentiles(total.successes(kind));
  }
  return latency;
}

json curve_json(measurements const& total) {
  json curves;
  auto const add = [&](std::string_view name, histogram const& latency) {
    if (latency.count() == 0) return;
    auto points = json::array();
    for (auto const& [share, value] : latency.percentile_curve()) points.push_back({share, in_ms(value)});
    curves[std::string(name)] = std::move(points);
  };
  add("all", total.successes());
  for (std::size_t i = 0; i < operation_kinds; ++i) {
    auto const kind = static_cast<operation_kind>(i);
    add(name_of(kind), total.successes(kind));
  }
  add("since_sent", total.since_sent());
  return curves;
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
          {"disk_ms", part(total.disk())},
          {"rest_ms", part(total.rest())}};
}

json statuses_json(measurements const& total) {
  auto list = json::array();
  for (auto const& one : total.all_series()) {
    list.push_back(json{{"operation", name_of(one.operation)},
                        {"status", one.status},
                        {"count", one.latency.count()},
                        {"success", one.expected},
                        {"reason", one.reason.empty() ? json() : json(one.reason)},
                        {"latency_ms", percentiles(one.latency)}});
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

json us_per_request(load_report const& report, std::optional<nanoseconds> cpu) {
  auto const each = cpu ? report.per_request(*cpu) : std::nullopt;
  return each ? json(in_ms(*each) * 1e3) : json();
}

json server_json(load_report const& report) {
  if (!report.server) return {};
  auto const& server = *report.server;
  return {{"pid", server.pid},
          {"name", server.name},
          {"cpu_ms", server.cpu ? json(in_ms(*server.cpu)) : json()},
          {"cpu_us_per_request", us_per_request(report, server.cpu)},
          {"cores", server.cpu ? json(report.cores(*server.cpu)) : json()}};
}

json client_json(load_report const& report) {
  return {{"cpu_ms", in_ms(report.cpu)},
          {"cpu_us_per_request", us_per_request(report, report.cpu)},
          {"busy_share", report.busy_share()},
          {"starved_share", report.starved_share()},
          {"was_the_limit", report.client_was_the_limit()}};
}

json find_max_json(std::optional<found_rate> const& found) {
  if (!found) return {};
  auto limits = json::array();
  for (auto const& limit : found->limits) limits.push_back(limit.text);
  auto probes = json::array();
  for (auto const& one : found->probes) {
    auto const measured = [&](nanoseconds figure) { return figure.count() == 0 ? json() : json(in_ms(figure)); };
    probes.push_back(json{{"rate_per_s", one.rate},
                          {"answered_per_s", one.answered},
                          {"p50_ms", measured(one.p50)},
                          {"p99_ms", measured(one.p99)},
                          {"confirms", one.confirms},
                          {"outcome", name_of(one.outcome)},
                          {"why", one.why}});
  }
  auto bound = json();
  if (found->bounded_by) bound = *found->bounded_by == probe_outcome::broken ? "limit" : "client";
  return {{"rate_per_s", found->rate ? json(*found->rate) : json()},
          {"confirmed", found->confirmed},
          {"bounded_by", bound},
          {"limits", limits},
          {"probes", probes}};
}

json thresholds_json(load_report const& report) {
  auto list = json::array();
  for (auto const& threshold : report.settings.thresholds) {
    auto const judged = judge(threshold, report);
    list.push_back(json{{"threshold", threshold.text}, {"held", judged.held}, {"measured", judged.measured}});
  }
  return list;
}

/// Adds the figures of a second under names with units; null if nothing was measured.
void add_figures(json& to, latency_figures const& latency) {
  auto const measured = [&](nanoseconds figure) { return latency.count == 0 ? json() : json(in_ms(figure)); };
  to["mean_ms"] = measured(latency.mean);
  to["p50_ms"] = measured(latency.p50);
  to["p90_ms"] = measured(latency.p90);
  to["p99_ms"] = measured(latency.p99);
  to["p99_9_ms"] = measured(latency.p99_9);
  to["max_ms"] = measured(latency.max);
}

json split_means(split_row const& split) {
  if (split.answers == 0) return {};
  auto const mean = [&](nanoseconds sum) { return in_ms(sum) / static_cast<double>(split.answers); };
  return {{"before_sending", mean(split.before_sending)},
          {"wait", mean(split.wait)},
          {"hold", mean(split.hold)},
          {"disk", mean(split.disk)},
          {"rest", mean(split.rest)}};
}

json seconds_json(load_report const& report) {
  auto list = json::array();
  for (auto const& row : report.seconds) {
    json second{{"second", row.second},
                {"length_ms", in_ms(report.row_length(row))},
                {"answers", row.latency.count},
                {"errors", row.errors}};
    add_figures(second, row.latency);
    auto const wait_share = row.split.wait_share();
    second["wait_share"] = wait_share ? json(*wait_share) : json();
    second["split_ms"] = split_means(row.split);
    if (is_open_loop(report.settings))
      second["since_sent_p99_ms"] = row.since_sent ? json(in_ms(row.since_sent->p99)) : json();
    second["operations"] = json::object();
    for (auto const& one : row.operations) {
      auto& operation = second["operations"][std::string(name_of(one.operation))];
      operation["answers"] = one.latency.count;
      add_figures(operation, one.latency);
    }
    second["statuses"] = json::array();
    for (auto const& one : row.statuses) {
      json status{{"operation", name_of(one.operation)}, {"status", one.status}, {"answers", one.latency.count}};
      add_figures(status, one.latency);
      second["statuses"].push_back(std::move(status));
    }
    list.push_back(std::move(second));
  }
  return list;
}

/// The document indented for people, but with every table row and every curve on one line.
std::string layout(json const& document) {
  std::string text = "{";
  auto separator = "\n";
  for (auto const& [name, part] : document.items()) {
    text += separator + ("  " + json(name).dump()) + ": ";
    separator = ",\n";
    auto const is_table = part.is_array() || name == "curve_ms";
    if (!is_table || part.empty()) {
      for (auto const letter : part.dump(2)) {
        text += letter;
        if (letter == '\n') text += "  ";
      }
      continue;
    }
    text += part.is_array() ? "[" : "{";
    auto row_separator = "\n    ";
    for (auto const& [row_name, row] : part.items()) {
      text += row_separator + (part.is_array() ? std::string() : json(row_name).dump() + ": ") + row.dump();
      row_separator = ",\n    ";
    }
    text += part.is_array() ? "\n  ]" : "\n  }";
  }
  return text + "\n}";
}

}  // namespace

std::string rfc3339(std::chrono::system_clock::time_point time) {
  auto const seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string json_report(load_report const& report) {
  json document;
  document["version"] = 1;
  document["settings"] = settings_json(report);
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
  document["server"] = server_json(report);
  document["find_max"] = find_max_json(report.found);
  document["thresholds"] = thresholds_json(report);
  document["watch"] = json();
  if (report.watched != nullptr) {
    auto const& watched = *report.watched;
    auto const text = [](std::string const& one) { return one.empty() ? json() : json(one); };
    document["watch"] =
        json{{"watchers", watched.watchers},     {"events", watched.events}, {"lost", watched.lost},
             {"reconnects", watched.reconnects}, {"wrong", watched.wrong},   {"first_wrong", text(watched.first_wrong)},
             {"failure", text(watched.failure)}};
  }
  document["verification"] =
      report.verified == nullptr ? json() : json::parse(verify::json_of(*report.verified, report.key_prefix));
  document["curve_ms"] = curve_json(report.total);
  document["seconds"] = seconds_json(report);
  return layout(document) + '\n';
}

std::string json_reports(std::span<load_report const> runs) {
  std::string text = "{\n\"version\": 1,\n\"runs\": [\n";
  for (auto const& run : runs) {
    auto one = json_report(run);
    one.pop_back();
    text += one + (&run == &runs.back() ? "\n" : ",\n");
  }
  return text + "]\n}\n";
}

}  // namespace holdfast::client::load
