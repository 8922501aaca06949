#pragma once

#include <span>
#include <string>
#include <vector>

#include "client/load/output_file.hpp"
#include "client/load/report.hpp"
#include "client/load/settings.hpp"

namespace holdfast::client::load {

/// The files that were asked for: JSON, CSV, an HDR interval log, an HTML page.
class report_files {
 public:
  /// Opens them all, before the run. @return what is wrong, for people; empty: nothing
  [[nodiscard]] std::string open(load_settings const& settings);
  /// Writes each; after an error the others all the same. @return the first thing that is wrong, as open()
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

/// One report, or several runs in one, as `--runs` asks for.
[[nodiscard]] std::string json_of(std::span<load_report const> runs);
[[nodiscard]] std::string html_of(std::span<load_report const> runs);
[[nodiscard]] std::string text_of(std::span<load_report const> runs);

}  // namespace holdfast::client::load
