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

/// One rate that was tried.
struct probe {
  double rate = 0;      ///< asked for, in requests a second
  double answered = 0;  ///< successes a second
  bool confirms = false;
  probe_outcome outcome = probe_outcome::held;
  nanoseconds p50{0}, p99{0};  ///< of the successes, since each was due; 0 when there were none
  std::string why;             ///< what broke, for people; empty when it held
};

/// What --find-max came to.
struct found_rate {
  std::vector<threshold> limits;
  std::vector<probe> probes;
  std::optional<double> rate;  ///< the highest that held; nothing when none did
  bool confirmed = false;      ///< over the longer time, at the end
  bool interrupted = false;    ///< a signal ended the search: higher rates may hold
  std::optional<probe_outcome> bounded_by;
  nanoseconds probe_duration{0}, confirmation_duration{0}, warm_up{0};
  std::vector<experiment_entry> experiment;  ///< what was asked for, which no probe's own settings say
};

/// How many times as long as a probe the confirmation is.
constexpr int confirmation_factor = 3;

using run_once = std::function<result<load_report>(load_settings const&)>;

/// Searches for the highest rate at which `settings.find_max` holds, as rate_search says, with one run of
/// `settings.duration` after `settings.warm_up` for each probe, from the rate of `settings.stages` on. A probe is
/// broken too when there are errors that no limit names, or when the last answers are more than a tenth of its time
/// late. `note` is called for each probe for people to read.
/// @return the report of the last run that measured anything, of the confirmation where there was one, with found_rate;
/// or the first error.
[[nodiscard]] result<load_report> find_max(load_settings const& settings, run_once const& run,
                                           std::function<void(std::string)> const& note);

/// How the probe with this report ended, and if it was broken, why.
[[nodiscard]] probe judge_probe(load_report const& report, rate_search::step const& step);

/// For people: the answer first, then each probe and the method.
[[nodiscard]] std::string text_of(found_rate const& found);

}  // namespace holdfast::client::load
