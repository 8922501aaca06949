#include <nlohmann/json.hpp>
#include <utility>

#include "client/compare/comparison.hpp"
#include "client/web/page.hpp"

namespace holdfast::client::compare {
namespace {

using json = nlohmann::ordered_json;

json or_null(std::optional<double> const& value) {
  return value ? json(*value) : json();
}

json side_json(experiment const& side) {
  return {{"file", side.file}, {"runs", side.runs.size()}};
}

json figure_json(figure_comparison const& one) {
  auto const judged = one.verdict != verdict::not_judged;
  json change;
  if (one.change) {
    change = {{"relative", one.change->relative},
              {"estimate", one.change->estimate},
              {"low", one.change->low},
              {"high", one.change->high}};
  }
  return {{"figure", name_of(one.what)},
          {"unit", unit_of(one.what)},
          {"higher_is_better", higher_is_better(one.what)},
          {"before", one.before},
          {"after", one.after},
          {"before_median", or_null(one.before_median)},
          {"after_median", or_null(one.after_median)},
          {"change", change},
          {"p", judged ? json(one.p) : json()},
          {"adjusted_p", judged ? json(one.adjusted_p) : json()},
          {"verdict", name_of(one.verdict)},
          {"why_not", one.why_not.empty() ? json() : json(one.why_not)}};
}

json document_of(comparison const& made) {
  json document;
  document["version"] = 1;
  document["before"] = side_json(made.before);
  document["after"] = side_json(made.after);
  document["differences"] = json::array();
  for (auto const& one : made.differences)
    document["differences"].push_back(json{{"setting", one.name}, {"before", one.before}, {"after", one.after}});
  document["notes"] = made.notes;
  document["figures"] = json::array();
  for (auto const& one : made.figures) document["figures"].push_back(figure_json(one));
  document["limits"] = json::array();
  for (auto const& one : made.limits) {
    document["limits"].push_back(
        json{{"limit", one.asked.text}, {"judged", one.judged}, {"broken", one.broken}, {"because", one.because}});
  }
  return document;
}

}  // namespace

std::string json_of(comparison const& made) {
  return document_of(made).dump(2) + '\n';
}

std::string html_of(comparison const& made) {
  auto document = document_of(made);
  for (auto const& [name, side] : {std::pair<char const*, experiment const&>{"before", made.before},
                                   std::pair<char const*, experiment const&>{"after", made.after}}) {
    document[name]["middle"] = side.middle + 1;
    document[name]["report"] = json::parse(side.middle_report);
  }
  return web::page_of(document.dump());
}

}  // namespace holdfast::client::compare
