#include "client/cli/load_command.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <functional>
#include <iostream>
#include <vector>

#include "client/load/experiment.hpp"
#include "client/load/process_clock.hpp"
#include "client/load/report_files.hpp"
#include "client/load/run.hpp"
#include "client/load/text.hpp"
#include "client/load/verify/verification.hpp"

namespace holdfast::client::cli {
namespace {

/// The exit status for the results of the runs.
int judge(std::vector<load::load_report> const& runs) {
  auto const any = [&](auto is) {
    return std::ranges::any_of(runs, [&](auto const& run) { return run.verified != nullptr && is(*run.verified); });
  };
  if (any(std::mem_fn(&verify::verification::is_violated))) return exit_violated;
  if (any([](auto const& verified) { return verified.verdict == verify::verdict::undecided; })) return exit_undecided;
  if (std::ranges::all_of(runs, &load::load_report::passed)) return exit_ok;
  return runs.front().settings.thresholds.empty() ? exit_refused : exit_threshold;
}

/// Records signals from its construction on, also between two runs, when no run handles them.
class interruption {
 public:
  interruption() {
    signals_.async_wait([this](boost::system::error_code failed, int) { came_ = came_ || !failed; });
  }

  [[nodiscard]] bool came() {
    context_.poll();
    return came_;
  }

 private:
  boost::asio::io_context context_{1};
  boost::asio::signal_set signals_{context_, SIGINT, SIGTERM, SIGHUP};
  bool came_ = false;
};

/// Makes the runs in sequence until one is interrupted. @return exit_ok, or the status if there is nothing to report
int measure(load::load_settings const& settings, std::vector<load::load_report>& runs) {
  load::progress progress(settings.quiet ? nullptr : stderr, ::isatty(STDERR_FILENO) != 0);
  interruption interrupted;
  auto const run_once = [&](load::load_settings const& one) -> result<load::load_report> {
    if (interrupted.came()) {
      load::load_report nothing;
      nothing.settings = one;
      nothing.interrupted = true;
      return nothing;
    }
    progress.begin(one, static_cast<unsigned>(runs.size()) + 1, settings.runs);
    return load::run_load(one, progress);
  };
  while (runs.size() < settings.runs) {
    auto outcome = settings.find_max.empty()
                       ? run_once(settings)
                       : load::find_max(settings, run_once, [&](auto const& text) { progress.note(text); });
    if (!outcome) {
      auto const& error = outcome.error();
      std::cerr << "holdfast: " << error.message << '\n';
      if (!runs.empty())
        std::cerr << "holdfast: run " << runs.size() + 1 << " of " << settings.runs << " did not start\n";
      return exit_of(error);
    }
    auto const measured = outcome->elapsed.count() != 0;
    auto const ends = outcome->interrupted || !measured;
    if (measured) runs.push_back(std::move(*outcome));
    if (runs.empty()) {
      std::cerr << "holdfast: ended before anything was measured\n";
      return exit_interrupted;
    }
    if (ends) break;
  }
  return exit_ok;
}

}  // namespace

int run(load_command const& command) {
  auto const& settings = command.settings;
  if (command.print_experiment) {
    std::cout << load::to_toml(load::experiment_of(settings)) << std::flush;
    return std::cout ? exit_ok : exit_refused;
  }
  if (settings.server_pid && !load::process_clock::of(*settings.server_pid)) {
    std::cerr << "holdfast: --server-pid: there is no process " << *settings.server_pid
              << " on this machine; 'pidof holdfast-server' tells the server's\n";
    return exit_usage;
  }
  // A closed output is a write error and must not end the process: the keys must still be removed.
  std::signal(SIGPIPE, SIG_IGN);
  load::report_files files;
  if (auto const failed = files.open(settings); !failed.empty()) {
    std::cerr << "holdfast: " << failed << '\n';
    return exit_usage;
  }
  std::vector<load::load_report> runs;
  auto const status = measure(settings, runs);
  if (runs.empty()) return status;

  auto const failed = files.write(runs);
  if (!failed.empty()) std::cerr << "holdfast: " << failed << '\n';
  if (settings.json && settings.json_file.empty()) {
    std::cout << load::json_of(runs);
  } else if (::isatty(STDOUT_FILENO) != 0) {
    std::cout << load::wrapped(load::text_of(runs), load::style_of(stdout).columns);
  } else {
    std::cout << load::text_of(runs);
  }
  std::cout << std::flush;
  if (!std::cout) std::cerr << "holdfast: can't write the report\n";
  if (!std::cout || !failed.empty()) return exit_refused;
  return status == exit_ok ? judge(runs) : status;
}

}  // namespace holdfast::client::cli
