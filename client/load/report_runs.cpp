#include <algorithm>
#include <vector>

#include "client/load/report.hpp"
#include "client/load/text.hpp"
#include "client/load/verify/verification.hpp"

namespace holdfast::client::load {
namespace {

struct spread {
  double least, middle, greatest;

  [[nodiscard]] double width() const { return middle == 0 ? 0 : (greatest - least) / middle; }
};

spread spread_of(std::vector<double> values) {
  std::ranges::sort(values);
  auto const half = values.size() / 2;
  auto const middle = values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  return {values.front(), middle, values.back()};
}

std::string rate(double per_second) {
  return short_number(per_second) + "/s";
}

std::string duration(double ns) {
  return readable(nanoseconds(static_cast<std::int64_t>(ns)));
}

template <class Write>
std::string spread_line(std::string const& name, std::vector<double> const& values, Write write) {
  if (values.size() < 2) return {};
  auto const found = spread_of(values);
  return "  " + to_left(name, 12) + "median " + write(found.middle) + ", from " + write(found.least) + " to " +
         write(found.greatest) + " (" + percent(found.width()) + " of the median)\n";
}

std::string broken_thresholds(load_report const& run) {
  std::string text;
  for (auto const& threshold : run.settings.thresholds) {
    if (auto const judged = judge(threshold, run); !judged.held)
      text += "   BROKEN: " + threshold.text + " (" + judged.measured + ')';
  }
  return text;
}

std::string verdict_of(load_report const& run) {
  if (run.verified == nullptr) return {};
  if (run.verified->is_violated()) return "   VIOLATED";
  return run.verified->verdict == verify::verdict::undecided ? "   answers undecided" : "   answers linearizable";
}

/// The counterexamples of a run.
std::string violations_of(load_report const& run) {
  if (run.verified == nullptr || !run.verified->is_violated()) return {};
  return verify::text_of(*run.verified, run.key_prefix);
}

}  // namespace

std::string text_of_runs(std::span<load_report const> runs) {
  std::string text;
  std::vector<double> rates, tails;
  for (auto const& run : runs) {
    auto const latency = run.total.successes();
    text += "run " + to_right(std::to_string(rates.size() + 1), 2) + "  " +
            to_right(grouped(static_cast<std::uint64_t>(run.throughput() + 0.5)), 9) + " requests/s   p99 " +
            to_left(latency.count() == 0 ? "-" : readable(latency.quantile(0.99)), 8) + " errors " +
            grouped(run.total.error_count()) + broken_thresholds(run) + verdict_of(run) +
            (run.interrupted ? "   interrupted" : "") + '\n';
    rates.push_back(run.throughput());
    if (latency.count() != 0) tails.push_back(static_cast<double>(latency.quantile(0.99).count()));
  }
  text += '\n' + spread_line("throughput", rates, rate) + spread_line("p99", tails, duration);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (auto const lines = violations_of(runs[i]); !lines.empty())
      text += "\nrun " + to_right(std::to_string(i + 1), 2) + '\n' + lines;
  }
  if (!runs.empty()) text += "  again       " + to_command(runs.front().experiment(), 14) + '\n';
  auto const held = std::ranges::count_if(runs, &load_report::passed);
  if (!runs.empty() && !runs.front().settings.thresholds.empty())
    text += "  All thresholds held in " + std::to_string(held) + " of " + std::to_string(runs.size()) + " runs.\n";
  return text;
}

}  // namespace holdfast::client::load
