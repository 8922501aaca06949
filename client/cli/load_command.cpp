#include "client/cli/load_command.hpp"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>

#include "client/load/run.hpp"

namespace holdfast::client::cli {
namespace {

/// Opened before the run: after it, what was measured would be lost.
bool open(std::ofstream& file, std::string const& path) {
  file.open(path);
  if (!file) std::cerr << "holdfast: can't write '" << path << "': " << std::strerror(errno) << '\n';
  return file.is_open();
}

}  // namespace

int run(load_command const& command) {
  auto const& settings = command.settings;
  std::ofstream json_file;
  if (!settings.json_file.empty() && !open(json_file, settings.json_file)) return exit_usage;

  auto const is_terminal = ::isatty(STDERR_FILENO) != 0;
  load::progress progress(settings.quiet ? nullptr : stderr, is_terminal);
  auto const outcome = load::run_load(settings, progress);
  if (!outcome) {
    auto const& error = outcome.error();
    std::cerr << "holdfast: " << error.message << '\n';
    return error.kind == error_kind::status ? exit_refused : exit_unreachable;
  }
  if (outcome->elapsed.count() == 0) {
    std::cerr << "holdfast: ended before anything was measured\n";
    return 128 + SIGINT;
  }
  auto const as_json = settings.json ? load::json_report(*outcome) : std::string();
  if (json_file.is_open()) json_file << as_json << std::flush;
  std::cout << (settings.json && settings.json_file.empty() ? as_json : load::text_report(*outcome)) << std::flush;
  if (!std::cout || (json_file.is_open() && !json_file)) {
    std::cerr << "holdfast: can't write the report\n";
    return exit_refused;
  }
  if (outcome->passed()) return exit_ok;
  return settings.thresholds.empty() ? exit_refused : exit_threshold;
}

}  // namespace holdfast::client::cli
