#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/compare/experiment.hpp"
#include "client/compare/limit.hpp"

namespace holdfast::client::compare {

enum class verdict : std::uint8_t {
  better,
  worse,
  no_difference,  ///< none is shown; with few runs a small one may well be there
  not_judged,     ///< see figure_comparison::why_not
};

[[nodiscard]] std::string_view name_of(verdict verdict) noexcept;

/// By how much the after runs are above the before runs, with a 95 % interval.
struct effect {
  bool relative = true;  ///< shares of before, 0.05 is +5 %; else in the figure's unit, since some run had 0
  double estimate = 0;
  double low = 0, high = 0;
};

/// One figure of both sides.
struct figure_comparison {
  figure what = figure::throughput;
  std::vector<double> before, after;  ///< one a run, in the files' order; runs without the figure left out
  std::optional<double> before_median, after_median;  ///< empty: no run has it
  std::optional<effect> change;                       ///< empty when not judged
  double p = 1;                                       ///< of the exact rank test, two-sided; 1 when not judged
  double adjusted_p = 1;                              ///< after Holm (1979), over all figures that were judged
  compare::verdict verdict = verdict::not_judged;
  std::string why_not;  ///< of not_judged, for people
};

/// A setting in which the two sides are not alike, as text; empty: that side has no such setting.
struct setting_difference {
  std::string name;
  std::string before, after;
};

/// What became of a `--fail-if`.
struct limit_outcome {
  limit asked;
  bool judged = false;
  bool broken = false;  ///< only when judged
  std::string because;  ///< for people
};

/// Two experiments, figure by figure.
struct comparison {
  experiment before, after;
  std::vector<setting_difference> differences;  ///< of the settings; where the server listens is no setting
  std::vector<std::string> notes;               ///< for people, a sentence each: what weakens the result
  std::vector<figure_comparison> figures;       ///< all of them, in the order of `figure`
  std::vector<limit_outcome> limits;            ///< in the order they were asked for

  [[nodiscard]] bool judged() const;  ///< whether any figure was
  [[nodiscard]] bool broken() const;  ///< whether any limit was

  static constexpr double confidence = 0.95;
};

/// Judges each figure by an exact rank test (see rank_test.hpp). Several figures are several chances to be wrong, so a
/// difference is real when its p after Holm, over all figures that were judged, is at most 0.05. Relative effects are
/// judged on logarithms, that is on the ratios of runs.
///
/// A limit is broken when the difference of its figure is real and the estimated effect is beyond it. Here p counts
/// after Holm over the figures that limits name: these were chosen before anybody looked.
[[nodiscard]] comparison compare_experiments(experiment before, experiment after, std::vector<limit> limits);

/// For people: a table, lined up. Ends with a line feed.
[[nodiscard]] std::string text_of(comparison const& comparison);

/// The same as one JSON object. What was not measured or not judged is null; changes are shares when `relative`.
///
///     version      1; raised when a field changes its meaning
///     before       {file, runs}
///     after        {file, runs}
///     differences  [{setting, before, after}]
///     notes        [text]
///     figures      [{figure, unit, higher_is_better, before: [one a run], after: [one a run], before_median,
///                  after_median, change: {relative, estimate, low, high}, p, adjusted_p,
///                  verdict (better, worse, no_difference, not_judged), why_not}]
///     limits       [{limit, judged, broken, because}]
[[nodiscard]] std::string json_of(comparison const& comparison);

/// The same as a page that carries everything, with the middle run of each side in plots; web::page_template() must not
/// be empty.
[[nodiscard]] std::string html_of(comparison const& comparison);

}  // namespace holdfast::client::compare
