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
  no_difference,  ///< no difference is proved; with few runs a small one may exist
  not_judged,     ///< see figure_comparison::why_not
};

[[nodiscard]] std::string_view name_of(verdict verdict) noexcept;

/// The difference of the after runs from the before runs, with a 95 % interval.
struct effect {
  bool relative = true;  ///< shares of before: 0.05 is +5 %; otherwise in the figure's unit, because some run had 0
  double estimate = 0;
  double low = 0, high = 0;
};

/// One figure of both experiments.
struct figure_comparison {
  figure what = figure::throughput;
  std::vector<double> before, after;  ///< one per run, in the files' order, without runs that lack the figure
  std::optional<double> before_median, after_median;  ///< nullopt if no run has it
  std::optional<effect> change;                       ///< nullopt if not judged
  double p = 1;                                       ///< of the exact two-sided rank test; 1 if not judged
  double adjusted_p = 1;                              ///< after Holm's correction (1979) over all judged figures
  compare::verdict verdict = verdict::not_judged;
  std::string why_not;  ///< for not_judged, the reason as text
};

/// A setting that differs, as text; empty if that side does not have it.
struct setting_difference {
  std::string name;
  std::string before, after;
};

/// The outcome of a `--fail-if`.
struct limit_outcome {
  limit asked;
  bool judged = false;
  bool broken = false;  ///< only if judged
  std::string because;  ///< the reason as text
};

/// The comparison of two experiments by figures.
struct comparison {
  experiment before, after;
  std::vector<setting_difference> differences;  ///< without the server's address
  std::vector<std::string> notes;               ///< sentences about what weakens the result
  std::vector<figure_comparison> figures;       ///< all figures, in the order of `figure`
  std::vector<limit_outcome> limits;            ///< in the order of the arguments

  [[nodiscard]] bool judged() const;  ///< true if any figure was judged
  [[nodiscard]] bool broken() const;  ///< true if any limit was broken

  static constexpr double confidence = 0.95;
};

/// Judges each figure by an exact rank test (see rank_test.hpp). Because several figures are tested, a difference
/// counts only if its p, after Holm's correction over all judged figures, is at most 0.05. Relative effects are judged
/// on logarithms, which means on the ratios of runs.
///
/// A limit is broken if the difference of its figure counts and the estimated effect exceeds the limit. Here Holm's
/// correction covers only the figures with limits, because they were chosen before the results were known.
[[nodiscard]] comparison compare_experiments(experiment before, experiment after, std::vector<limit> limits);

/// As text: an aligned table. Ends with a line feed.
[[nodiscard]] std::string text_of(comparison const& comparison);

/// As one JSON object. Values that were not measured or not judged are null; changes are shares if `relative`.
///
///     version      1; raised when a field changes its meaning
///     before       {file, runs}
///     after        {file, runs}
///     differences  [{setting, before, after}]
///     notes        [text]
///     figures      [{figure, unit, higher_is_better, before: [one per run], after: [one per run], before_median,
///                  after_median, change: {relative, estimate, low, high}, p, adjusted_p,
///                  verdict (better, worse, no_difference, not_judged), why_not}]
///     limits       [{limit, judged, broken, because}]
[[nodiscard]] std::string json_of(comparison const& comparison);

/// As a self-contained HTML page with plots of each side's median run; web::page_template() must not be empty.
[[nodiscard]] std::string html_of(comparison const& comparison);

}  // namespace holdfast::client::compare
