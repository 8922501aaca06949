#include <algorithm>
#include <cmath>
#include <cstdio>

#include "client/compare/comparison.hpp"
#include "client/compare/rank_test.hpp"
#include "client/load/text.hpp"

namespace holdfast::client::compare {
namespace {

using load::to_left;
using load::to_right;

using cells = std::vector<std::string>;

std::string formatted(char const* format, double value) {
  char text[40];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

/// `+5.2 %`, or `+3` if it is not a share.
std::string signed_change(effect const& change, double value) {
  if (change.relative) return formatted("%+.1f %%", value * 100);
  return formatted(value == std::floor(value) ? "%+.0f" : "%+.2f", value);
}

std::string interval_of(effect const& change) {
  return signed_change(change, change.low) + " to " + signed_change(change, change.high);
}

std::string readable_p(double p) {
  return p < 0.0001 ? "<0.0001" : formatted("%.4f", p);
}

std::string word_for(figure_comparison const& one) {
  switch (one.verdict) {
    case verdict::better:
      return "better";
    case verdict::worse:
      return "WORSE";
    case verdict::no_difference:
      return "no difference shown";
    case verdict::not_judged:
      return "not judged";
  }
  return "";
}

std::string median_cell(figure what, std::optional<double> const& value) {
  return value ? readable(what, *value) : "-";
}

cells row_of(figure_comparison const& one) {
  cells row{std::string(name_of(one.what)), median_cell(one.what, one.before_median),
            median_cell(one.what, one.after_median)};
  if (one.change) {
    row.insert(row.end(), {signed_change(*one.change, one.change->estimate), interval_of(*one.change),
                           readable_p(one.p), readable_p(one.adjusted_p)});
  } else {
    row.insert(row.end(), {"-", "-", "-", "-"});
  }
  row.push_back(word_for(one));
  return row;
}

/// Pads each column to its widest cell; names and verdicts are left-aligned, numbers right-aligned.
std::string lined_up(std::vector<cells> const& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (auto const& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string lines;
  for (auto const& row : rows) {
    auto line = "  " + to_left(row.front(), widths.front());
    for (std::size_t i = 1; i + 1 < row.size(); ++i) line += "  " + to_right(row[i], widths[i]);
    line += "  " + row.back();
    line.erase(line.find_last_not_of(' ') + 1);
    lines += line + '\n';
  }
  return lines;
}

std::string runs_of(experiment const& side) {
  return side.file + "  " + std::to_string(side.runs.size()) + (side.runs.size() == 1 ? " run" : " runs");
}

std::string setting_lines(std::vector<setting_difference> const& differences) {
  if (differences.empty()) return {};
  std::string lines = "\n  These are different experiments, so a change need not be the server's:\n";
  std::vector<cells> rows;
  auto const shown = [](std::string const& value) { return value.empty() ? std::string("(not set)") : value; };
  for (auto const& one : differences) rows.push_back({"  " + one.name, shown(one.before), "->  " + shown(one.after)});
  return lines + lined_up(rows);
}

std::string explanation(comparison const& made) {
  std::size_t judged = 0;
  for (auto const& one : made.figures) judged += one.verdict != verdict::not_judged;
  if (judged == 0) return {};
  std::string text =
      "\n  Medians of the runs. The change is the median ratio of an after run to a before run (Hodges-Lehmann) with "
      "its\n"
      "  95 % interval; p is that of the exact Mann-Whitney test. A difference counts as real when p (Holm) is at "
      "most 0.05.\n";
  if (judged > 1) {
    text += "  " + std::to_string(judged) +
            " figures are as many chances to look changed when nothing has; p (Holm) makes up for that.\n";
    auto const least = least_p(made.before.runs.size(), made.after.runs.size()) * static_cast<double>(judged);
    if (least > 1 - comparison::confidence)
      text += "  With so few runs p (Holm) can't get to 0.05; take more runs a side.\n";
  }
  return text;
}

std::string reasons(comparison const& made) {
  std::string lines;
  std::vector<std::string> told;
  for (auto const& one : made.figures) {
    if (one.why_not.empty() || std::ranges::find(told, one.why_not) != told.end()) continue;
    told.push_back(one.why_not);
    std::string names;
    std::size_t count = 0;
    for (auto const& other : made.figures) {
      if (other.why_not != one.why_not) continue;
      names += (names.empty() ? "" : ", ") + std::string(name_of(other.what));
      ++count;
    }
    lines += (count == made.figures.size() ? "  Nothing was judged: " : "  Not judged: " + names + ": ") + one.why_not +
             ".\n";
  }
  return lines.empty() ? lines : '\n' + lines;
}

std::string limit_lines(std::vector<limit_outcome> const& limits) {
  std::string lines;
  for (auto const& one : limits) {
    auto const* const word = !one.judged ? "not judged: " : one.broken ? "BROKEN: " : "held: ";
    lines += "  " + one.asked.text + "  " + word + one.because + '\n';
  }
  return lines.empty() ? lines : '\n' + lines;
}

}  // namespace

std::string text_of(comparison const& made) {
  auto text = "before  " + runs_of(made.before) + "\nafter   " + runs_of(made.after) + '\n';
  text += setting_lines(made.differences);
  for (auto const& note : made.notes) text += "  " + note + '\n';
  std::vector<cells> rows{{"", "before", "after", "change", "95 % interval", "p", "p (Holm)", ""}};
  for (auto const& one : made.figures) rows.push_back(row_of(one));
  return text + '\n' + lined_up(rows) + explanation(made) + reasons(made) + limit_lines(made.limits);
}

}  // namespace holdfast::client::compare
