#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client/error.hpp"
#include "client/load/experiment.hpp"
#include "client/load/rate_search.hpp"
#include "client/load/settings.hpp"

namespace holdfast::client::load {

struct load_report;

/// The result of one probed rate.
struct probe {
  double rate = 0;      ///< requested rate, in requests per second
  double answered = 0;  ///< successes per second
  bool confirms = false;
  probe_outcome outcome = probe_outcome::held;
  nanoseconds p50{0}, p99{0};  ///< of the successes, since their scheduled start; 0 if there were none
  std::string why;             ///< the broken limit, as text; empty if the rate held
};

/// The result of --find-max.
struct found_rate {
  std::vector<threshold> limits;
  std::vector<probe> probes;
  std::optional<double> rate;  ///< the highest rate that held; nullopt if none did
  bool confirmed = false;      ///< confirmed by the final, longer run
  bool interrupted = false;    ///< stopped by a signal: higher rates may hold
  std::optional<probe_outcome> bounded_by;
  nanoseconds probe_duration{0}, confirmation_duration{0}, warm_up{0};
  std::vector<experiment_entry> experiment;  ///< settings of the search, which differ from those of its probes
};

/// Duration of the confirmation, in probes.
constexpr int confirmation_factor = 3;

using run_once = std::function<result<load_report>(load_settings const&)>;

/// Searches for the highest rate at which `settings.find_max` holds, by the algorithm of rate_search. Each probe is a
/// run of `settings.duration` after `settings.warm_up`; the first rate is that of `settings.stages`. A probe is also
/// broken if there are errors that no limit covers, or if the last answers are late by more than a tenth of its
/// duration. `note` gets a line of text for each probe.
/// @return the report of the last run with measurements (the confirmation, if there was one), with found_rate; or the
/// first error.
[[nodiscard]] result<load_report> find_max(load_settings const& settings, run_once const& run,
                                           std::function<void(std::string)> const& note);

/// The result of the probe with this report, and the broken limit if there is one.
[[nodiscard]] probe judge_probe(load_report const& report, rate_search::step const& step);

/// As text: the result first, then all probes and the method.
[[nodiscard]] std::string text_of(found_rate const& found);

}  // namespace holdfast::client::load
