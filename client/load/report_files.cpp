#include "client/load/report_files.hpp"

#include <utility>

#include "client/load/hdr_log.hpp"
#include "client/load/report_csv.hpp"
#include "client/web/page.hpp"

namespace holdfast::client::load {
namespace {

bool is_one(std::span<load_report const> runs) {
  return runs.size() == 1 && runs.front().settings.runs == 1;
}

}  // namespace

std::string json_of(std::span<load_report const> runs) {
  return is_one(runs) ? json_report(runs.front()) : json_reports(runs);
}

std::string html_of(std::span<load_report const> runs) {
  return web::page_of(json_of(runs));
}

std::string text_of(std::span<load_report const> runs) {
  return is_one(runs) ? text_report(runs.front()) : text_of_runs(runs);
}

std::string report_files::open(load_settings const& settings) {
  std::pair<std::string const&, render> const all[] = {{settings.json_file, json_of},
                                                       {settings.csv_file, csv_report},
                                                       {settings.hdr_file, hdr_log},
                                                       {settings.html_file, html_of}};
  if (!settings.html_file.empty() && web::page_template().empty()) return std::string(web::no_page);
  for (auto const& [path, text] : all) {
    if (path.empty()) continue;
    files_.push_back({{}, text});
    if (auto failed = files_.back().file.open(path); !failed.empty()) return failed;
  }
  return {};
}

std::string report_files::write(std::span<load_report const> runs) {
  std::string first;
  for (auto& [file, text] : files_) {
    auto failed = file.write(text(runs));
    if (first.empty()) first = std::move(failed);
  }
  return first;
}

}  // namespace holdfast::client::load
