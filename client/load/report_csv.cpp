#include "client/load/report_csv.hpp"

#include <charconv>
#include <optional>
#include <string_view>

#include "client/load/report.hpp"
#include "client/load/text.hpp"

namespace holdfast::client::load {
namespace {

constexpr std::string_view header =
    "run,second,operation,length_s,answers,errors,throughput_per_s,mean_ms,p50_ms,p90_ms,p99_ms,p99_9_ms,max_ms,"
    "before_sending_ms,wait_ms,hold_ms,disk_ms,rest_ms,client_cpu_us,server_cpu_us\n";

/// The position of a row in the table.
struct place {
  std::size_t run;
  std::string second;
  std::string_view operation;
};

std::string number(double value) {
  char text[40];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::string field(std::optional<double> value) {
  return ',' + (value ? number(*value) : std::string());
}

std::string row(place const& at, nanoseconds length, latency_figures const& latency,
                std::optional<std::uint64_t> errors, split_row const* split, bool is_open) {
  auto const seconds = std::chrono::duration<double>(length).count();
  auto line = std::to_string(at.run) + ',' + at.second + ',' + std::string(at.operation) + field(seconds) + ',' +
              std::to_string(latency.count) + ',' + (errors ? std::to_string(*errors) : std::string());
  line += field(seconds > 0 ? std::optional(static_cast<double>(latency.count) / seconds) : std::nullopt);
  for (auto const figure : {latency.mean, latency.p50, latency.p90, latency.p99, latency.p99_9, latency.max})
    line += field(latency.count == 0 ? std::nullopt : std::optional(in_ms(figure)));
  auto const part = [&](nanoseconds split_row::* sum) {
    if (split == nullptr || split->answers == 0) return field(std::nullopt);
    return field(in_ms(split->*sum) / static_cast<double>(split->answers));
  };
  line += is_open ? part(&split_row::before_sending) : field(std::nullopt);
  line += part(&split_row::wait) + part(&split_row::hold) + part(&split_row::disk) + part(&split_row::rest);
  return line;
}

constexpr std::string_view no_processor_times = ",,\n";

/// @param cpu the CPU times, and the end of the line
void append_row(std::string& table, load_report const& report, std::size_t run, second_row const& of,
                std::string const& second, nanoseconds length, std::string_view cpu) {
  auto const is_open = is_open_loop(report.settings);
  table += row({run, second, "all"}, length, of.latency, of.errors, &of.split, is_open);
  table += cpu;
  for (auto const& one : of.operations) {
    table += row({run, second, name_of(one.operation)}, length, one.latency, std::nullopt, nullptr, is_open);
    table += no_processor_times;
  }
}

std::string processor_times(load_report const& report) {
  auto const us = [&](std::optional<nanoseconds> cpu) {
    auto const each = cpu ? report.per_request(*cpu) : std::nullopt;
    return field(each ? std::optional(in_ms(*each) * 1e3) : std::nullopt);
  };
  return us(report.cpu) + us(report.server ? report.server->cpu : std::nullopt) + '\n';
}

}  // namespace

std::string csv_report(std::span<load_report const> runs) {
  std::string table(header);
  std::size_t number_of_run = 0;
  for (auto const& run : runs) {
    ++number_of_run;
    for (auto const& second : run.seconds)
      append_row(table, run, number_of_run, second, std::to_string(second.second), run.row_length(second),
                 no_processor_times);
    append_row(table, run, number_of_run, summarize(0, run.total), "total", run.elapsed, processor_times(run));
  }
  return table;
}

}  // namespace holdfast::client::load
