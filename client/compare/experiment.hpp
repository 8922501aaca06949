#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/compare/figure.hpp"
#include "client/error.hpp"

namespace holdfast::client::compare {

/// What is read out of one report.
struct run {
  std::map<figure, double> figures;  ///< what the report has; throughput in requests/s, latencies in ms, cpu in us
  bool interrupted = false;
  bool client_was_the_limit = false;
};

/// The runs of a file that `holdfast load --json FILE` wrote, with or without --runs.
struct experiment {
  std::string file;
  std::map<std::string, std::string> settings;  ///< of the first run, but null: `stages.0.rate_begin_per_s` → `5000`
  bool runs_differ = false;                     ///< whether a run had other settings than the first
  std::vector<run> runs;                        ///< at least one
  std::size_t middle = 0;                       ///< which run is the median by throughput, the lower of two
  std::string middle_report;                    ///< its report as the file has it, JSON

  /// The figure of each run that has it, in order.
  [[nodiscard]] std::vector<double> values(figure what) const;
};

/// Reads `text`, the contents of `file`.
/// @return error_kind::invalid_request with a message that names the file and says what is wrong with it.
[[nodiscard]] result<experiment> parse_experiment(std::string file, std::string_view text);

/// The same for the file itself; `-` is standard input.
[[nodiscard]] result<experiment> read_experiment(std::string const& file);

}  // namespace holdfast::client::compare
