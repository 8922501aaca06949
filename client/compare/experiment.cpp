#include "client/compare/experiment.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>
#include <utility>

#include "client/compare/rank_test.hpp"

namespace holdfast::client::compare {
namespace {

using json = nlohmann::ordered_json;

error complaint(std::string const& file, std::string const& what) {
  return {error_kind::invalid_request, '\'' + file + "' " + what, {}};
}

bool is_version_1(json const& document) {
  auto const version = document.find("version");
  return version != document.end() && version->is_number() && *version == 1;
}

void flatten(std::string const& name, json const& value, std::map<std::string, std::string>& to) {
  if (value.is_structured() && !value.empty()) {
    for (auto const& [key, part] : value.items()) flatten(name.empty() ? key : name + '.' + key, part, to);
  } else if (!value.is_null()) {
    auto text = value.is_string() ? value.get<std::string>() : value.dump();
    if (value.is_number_float() && text.ends_with(".0")) text.resize(text.size() - 2);
    to[name] = std::move(text);
  }
}

void take(run& to, figure what, json const& report, char const* pointer) {
  auto const* const value =
      report.contains(json::json_pointer(pointer)) ? &report[json::json_pointer(pointer)] : nullptr;
  if (value != nullptr && value->is_number()) to.figures[what] = value->get<double>();
}

bool is_true(json const& report, char const* pointer) {
  json::json_pointer const at(pointer);
  return report.contains(at) && report[at].is_boolean() && report[at].get<bool>();
}

run read_run(json const& report) {
  run read;
  take(read, figure::throughput, report, "/throughput_per_s");
  take(read, figure::p50, report, "/latency_ms/all/p50");
  take(read, figure::p90, report, "/latency_ms/all/p90");
  take(read, figure::p99, report, "/latency_ms/all/p99");
  take(read, figure::p99_9, report, "/latency_ms/all/p99_9");
  take(read, figure::mean, report, "/latency_ms/all/mean");
  take(read, figure::cpu, report, "/client/cpu_us_per_request");
  take(read, figure::errors, report, "/errors/total");
  read.interrupted = is_true(report, "/interrupted");
  read.client_was_the_limit = is_true(report, "/client/was_the_limit");
  return read;
}

/// The settings that determine the run, without duplicates.
json decisive(json settings) {
  auto const flags = settings.value("experiment", json::object());
  settings.erase("experiment");
  if (!flags.is_object()) return settings;
  // The timeout follows from the other settings unless it was given.
  if (!flags.empty() && !flags.contains("timeout")) settings.erase("request_timeout_ms");
  if (flags.contains("verify") && flags["verify"] == true) settings["verify"] = true;
  return settings;
}

std::size_t middle_of(std::vector<run> const& runs) {
  std::vector<std::size_t> order(runs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {},
                    [&](auto index) { return std::pair(runs[index].figures.at(figure::throughput), index); });
  return order[(order.size() - 1) / 2];
}

}  // namespace

std::vector<double> experiment::values(figure what) const {
  std::vector<double> found;
  for (auto const& run : runs) {
    if (auto const value = run.figures.find(what); value != run.figures.end()) found.push_back(value->second);
  }
  return found;
}

result<experiment> parse_experiment(std::string file, std::string_view text) {
  json document;
  try {
    document = json::parse(text);
  } catch (json::exception const& wrong) {
    std::string const what = wrong.what();
    return complaint(file, "is not JSON: " + what.substr(std::min(what.size(), what.find("] ") + 2)));
  }
  if (!document.is_object()) return complaint(file, "is JSON, but no report of 'holdfast load --json'");
  auto reports = json::array();
  if (auto const runs = document.find("runs"); runs == document.end()) {
    reports.push_back(document);
  } else if (runs->is_array()) {
    reports = *runs;
  }
  if (!is_version_1(document))
    return complaint(file, "has no \"version\": 1, so it is no report of this version of 'holdfast load --json'");
  if (reports.empty()) return complaint(file, "has no runs");
  if (reports.size() > sample_size_max)
    return complaint(file, "has " + std::to_string(reports.size()) + " runs; at most " +
                               std::to_string(sample_size_max) + " can be compared");
  experiment read;
  for (auto const& report : reports) {
    auto const number = std::to_string(read.runs.size() + 1);
    if (!report.is_object() || !is_version_1(report) || !report.contains("settings") || !report["settings"].is_object())
      return complaint(file, "is no report of 'holdfast load --json': run " + number + " has no settings");
    auto measured = read_run(report);
    if (!measured.figures.contains(figure::throughput))
      return complaint(file, "is no report of 'holdfast load --json': run " + number + " has no throughput_per_s");
    std::map<std::string, std::string> settings;
    flatten({}, decisive(report["settings"]), settings);
    if (read.runs.empty())
      read.settings = std::move(settings);
    else if (settings != read.settings)
      read.runs_differ = true;
    read.runs.push_back(std::move(measured));
  }
  read.file = std::move(file);
  read.middle = middle_of(read.runs);
  read.middle_report = reports[read.middle].dump();
  return read;
}

result<experiment> read_experiment(std::string const& file) {
  std::ostringstream text;
  if (file == "-") {
    text << std::cin.rdbuf();
    return parse_experiment("standard input", text.str());
  }
  std::ifstream in(file);
  if (!in || in.peek() == std::ifstream::traits_type::eof())
    return complaint(file,
                     in.is_open() && in.eof() ? "is empty" : std::string("can't be read: ") + std::strerror(errno));
  text << in.rdbuf();
  return parse_experiment(file, text.str());
}

}  // namespace holdfast::client::compare
