#include "client/compare/comparison.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "client/compare/rank_test.hpp"
#include "client/load/text.hpp"

namespace holdfast::client::compare {
namespace {

/// The server's address is not part of the experiment.
constexpr std::string_view address_setting = "server";
constexpr double p_max = 1 - comparison::confidence;

std::vector<double> logarithms(std::vector<double> values) {
  for (auto& value : values) value = std::log(value);
  return values;
}

bool all_positive(std::vector<double> const& values) {
  return std::ranges::all_of(values, [](double value) { return value > 0; });
}

std::optional<effect> effect_between(std::vector<double> const& before, std::vector<double> const& after) {
  if (!all_positive(before) || !all_positive(after)) {
    auto const shift = shift_between(before, after, comparison::confidence);
    if (!shift) return std::nullopt;
    return effect{.relative = false, .estimate = shift->estimate, .low = shift->low, .high = shift->high};
  }
  auto const ratio = shift_between(logarithms(before), logarithms(after), comparison::confidence);
  if (!ratio) return std::nullopt;
  return effect{.relative = true,
                .estimate = std::expm1(ratio->estimate),
                .low = std::expm1(ratio->low),
                .high = std::expm1(ratio->high)};
}

std::string too_few(std::size_t before, std::size_t after) {
  auto const runs = [](std::size_t count) { return std::to_string(count) + (count == 1 ? " run" : " runs"); };
  auto const sizes = before == after ? runs(before) + " a side" : runs(before) + " and " + runs(after);
  return sizes + " can't tell a difference from chance; take 4 or more a side, better 10";
}

figure_comparison judge(figure what, experiment const& before, experiment const& after) {
  figure_comparison judged;
  judged.what = what;
  judged.before = before.values(what);
  judged.after = after.values(what);
  if (!judged.before.empty()) judged.before_median = median(judged.before);
  if (!judged.after.empty()) judged.after_median = median(judged.after);
  if (judged.before.empty() || judged.after.empty()) {
    judged.why_not =
        judged.before.empty() && judged.after.empty() ? "no run has measured it" : "one side has not measured it";
    return judged;
  }
  if (least_p(judged.before.size(), judged.after.size()) > p_max) {
    judged.why_not = too_few(judged.before.size(), judged.after.size());
    return judged;
  }
  judged.change = effect_between(judged.before, judged.after);
  judged.p = rank_test_p(judged.before, judged.after);
  judged.verdict = verdict::no_difference;
  return judged;
}

/// Holm's correction (1979): multiplies the smallest p by the number of figures, the next by one less, and so on; no
/// adjusted p is smaller than the previous one.
void adjust(std::vector<figure_comparison*> judged) {
  std::erase_if(judged, [](auto const* one) { return one->verdict == verdict::not_judged; });
  std::ranges::sort(judged, {}, [](auto const* one) { return one->p; });
  double least = 0;
  for (std::size_t i = 0; i < judged.size(); ++i) {
    least = std::max(least, std::min(1.0, judged[i]->p * static_cast<double>(judged.size() - i)));
    judged[i]->adjusted_p = least;
    if (least <= p_max && judged[i]->change->estimate != 0)
      judged[i]->verdict =
          (judged[i]->change->estimate > 0) == higher_is_better(judged[i]->what) ? verdict::better : verdict::worse;
  }
}

/// The figures that have limits, corrected only for each other: they were chosen before the results were known.
std::vector<figure_comparison> chosen_by(std::vector<limit> const& limits, std::vector<figure_comparison> const& all) {
  std::vector<figure_comparison> chosen;
  for (auto const& one : all) {
    if (std::ranges::find(limits, one.what, &limit::what) != limits.end()) chosen.push_back(one);
  }
  std::vector<figure_comparison*> judged;
  for (auto& one : chosen) judged.push_back(&one);
  adjust(std::move(judged));
  return chosen;
}

std::vector<setting_difference> differences_of(experiment const& before, experiment const& after) {
  std::set<std::string> names;
  for (auto const* side : {&before, &after}) {
    for (auto const& [name, value] : side->settings) names.insert(name);
  }
  auto const value_of = [](experiment const& side, std::string const& name) {
    auto const found = side.settings.find(name);
    return found == side.settings.end() ? std::string() : found->second;
  };
  std::vector<setting_difference> found;
  for (auto const& name : names) {
    if (name == address_setting) continue;
    auto before_value = value_of(before, name), after_value = value_of(after, name);
    if (before_value != after_value) found.push_back({name, std::move(before_value), std::move(after_value)});
  }
  return found;
}

std::vector<std::string> notes_on(experiment const& side) {
  std::vector<std::string> notes;
  auto const count = [&](auto is) { return std::ranges::count_if(side.runs, is); };
  auto const of_all = [&](auto some) { return std::to_string(some) + " of " + std::to_string(side.runs.size()); };
  if (side.runs_differ) notes.push_back("The runs in " + side.file + " do not all have the same settings.");
  if (auto const some = count([](auto const& run) { return run.interrupted; }); some != 0)
    notes.push_back(of_all(some) + " runs of " + side.file + " were interrupted.");
  if (auto const some = count([](auto const& run) { return run.client_was_the_limit; }); some != 0)
    notes.push_back("In " + of_all(some) + " runs of " + side.file + " the client was the limit, not the server.");
  return notes;
}

limit_outcome hold_to(limit const& limit, figure_comparison const& figure) {
  limit_outcome outcome;
  outcome.asked = limit;
  outcome.because = figure.why_not;
  if (figure.verdict == verdict::not_judged) return outcome;
  outcome.judged = true;
  auto const& change = *figure.change;
  // From a median of 0, any rise exceeds every share, and a fall is impossible.
  auto const share = change.relative ? change.estimate : std::copysign(HUGE_VAL, change.estimate);
  auto const from_zero = !change.relative && *figure.before_median > 0;
  auto const effective = from_zero ? change.estimate / *figure.before_median : share;
  auto const beyond = change.estimate != 0 && (limit.above ? effective > limit.share : effective < limit.share);
  auto const real = figure.verdict != verdict::no_difference;
  outcome.broken = beyond && real;
  outcome.because = !beyond ? "the change is within it"
                    : real  ? "the change is real and beyond it"
                            : "the change is beyond it, but may be chance";
  return outcome;
}

}  // namespace

std::string_view name_of(verdict verdict) noexcept {
  switch (verdict) {
    case verdict::better:
      return "better";
    case verdict::worse:
      return "worse";
    case verdict::no_difference:
      return "no_difference";
    case verdict::not_judged:
      return "not_judged";
  }
  return "";
}

bool comparison::judged() const {
  return std::ranges::any_of(figures, [](auto const& one) { return one.verdict != verdict::not_judged; });
}

bool comparison::broken() const {
  return std::ranges::any_of(limits, [](auto const& one) { return one.broken; });
}

comparison compare_experiments(experiment before, experiment after, std::vector<limit> limits) {
  comparison made;
  made.differences = differences_of(before, after);
  for (auto const* side : {&before, &after}) std::ranges::move(notes_on(*side), std::back_inserter(made.notes));
  for (auto const what : all_figures) made.figures.push_back(judge(what, before, after));
  auto const chosen = chosen_by(limits, made.figures);
  for (auto& limit : limits) {
    auto outcome = hold_to(limit, *std::ranges::find(chosen, limit.what, &figure_comparison::what));
    made.limits.push_back(std::move(outcome));
  }
  std::vector<figure_comparison*> judged;
  for (auto& one : made.figures) judged.push_back(&one);
  adjust(std::move(judged));
  made.before = std::move(before);
  made.after = std::move(after);
  return made;
}

}  // namespace holdfast::client::compare
