#include "client/load/report_files.hpp"

#include <tuple>
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
  std::tuple<char const*, std::string const&, render> const all[] = {{"--json", settings.json_file, json_of},
                                                                     {"--csv", settings.csv_file, csv_report},
                                                                     {"--hdr", settings.hdr_file, hdr_log},
                                                                     {"--html", settings.html_file, html_of}};
  if (!settings.html_file.empty() && web::page_template().empty()) return std::string(web::no_page);
  for (auto const& [flag, path, text] : all) {
    if (path.empty()) continue;
    files_.push_back({{}, text, flag});
    auto& opened = files_.back();
    if (auto failed = opened.file.open(path); !failed.empty()) return failed;
    for (auto const& before : std::span(files_).first(files_.size() - 1)) {
      if (opened.file.is_same_as(before.file))
        return std::string(before.flag) + " and " + flag + " name the same file, '" + path +
               "'; one of them would be lost";
    }
  }
  return {};
}

std::string report_files::write(std::span<load_report const> runs) {
  std::string first;
  for (auto& one : files_) {
    auto failed = one.file.write(one.text(runs));
    if (first.empty()) first = std::move(failed);
  }
  return first;
}

}  // namespace holdfast::client::load
