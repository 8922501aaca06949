#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/compare/figure.hpp"
#include "client/error.hpp"

namespace holdfast::client::compare {

/// The figures of one report.
struct run {
  std::map<figure, double> figures;  ///< those in the report; throughput in requests/s, latencies in ms, cpu in us
  bool interrupted = false;
  bool client_was_the_limit = false;
};

/// The runs in a file written by `holdfast load --json FILE`, with or without --runs.
struct experiment {
  std::string file;
  std::map<std::string, std::string>
      settings;               ///< non-null settings of the first run: `stages.0.rate_begin_per_s` → `5000`
  bool runs_differ = false;   ///< true if some run had other settings than the first
  std::vector<run> runs;      ///< at least one
  std::size_t middle = 0;     ///< index of the median run by throughput; the lower one of two
  std::string middle_report;  ///< its report as JSON text, as in the file

  /// The figure of every run that has it, in order.
  [[nodiscard]] std::vector<double> values(figure what) const;
};

/// Parses `text`, the content of `file`.
/// @return error_kind::invalid_request with a message that names the file and the error.
[[nodiscard]] result<experiment> parse_experiment(std::string file, std::string_view text);

/// Reads and parses a file; `-` is standard input.
[[nodiscard]] result<experiment> read_experiment(std::string const& file);

}  // namespace holdfast::client::compare
