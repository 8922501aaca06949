#pragma once

#include <span>
#include <string>
#include <vector>

#include "client/load/output_file.hpp"
#include "client/load/report.hpp"
#include "client/load/settings.hpp"

namespace holdfast::client::load {

/// The requested report files: JSON, CSV, an HDR interval log, an HTML page.
class report_files {
 public:
  /// Opens all files before the run. @return an error message; empty on success
  [[nodiscard]] std::string open(load_settings const& settings);
  /// Writes all files, even after an error. @return the first error message; empty on success
  [[nodiscard]] std::string write(std::span<load_report const> runs);

 private:
  using render = std::string (*)(std::span<load_report const>);
  struct wanted {
    output_file file;
    render text;
    char const* flag;
  };
  std::vector<wanted> files_;
};

/// One report, or several runs in one report for `--runs`.
[[nodiscard]] std::string json_of(std::span<load_report const> runs);
[[nodiscard]] std::string html_of(std::span<load_report const> runs);
[[nodiscard]] std::string text_of(std::span<load_report const> runs);

}  // namespace holdfast::client::load
