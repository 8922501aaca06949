#include "manual/complaint.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <numeric>

namespace holdfast::manual {
namespace {

std::vector<std::string> names_below(CLI::App const& app) {
  std::vector<std::string> names;
  for (auto const* below : app.get_subcommands({})) {
    names.push_back(below->get_name());
    names.insert(names.end(), below->get_aliases().begin(), below->get_aliases().end());
  }
  return names;
}

std::string joined(std::vector<std::string> const& words, char const* separator) {
  std::string text;
  for (auto const& word : words) (text += text.empty() ? "" : separator) += word;
  return text;
}

std::string full_name(CLI::App const& app) {
  return app.get_parent() == nullptr ? app.get_name() : full_name(*app.get_parent()) + ' ' + app.get_name();
}

/// The error message for unexpected arguments, in their order.
std::string complaint_about_rest(CLI::App const& app, std::vector<std::string> const& words) {
  auto text = "not expected: " + joined(words, " ");
  std::vector<std::string> flags;
  for (auto const* at = &app; at != nullptr; at = at->get_parent()) {
    for (auto const* option : at->get_options()) {
      flags.insert(flags.end(), option->get_lnames().begin(), option->get_lnames().end());
    }
  }
  for (auto const& word : words) {
    if (word == "--") return text + "\nNo flag may follow --; leave it out.";
    if (!word.starts_with("--")) continue;
    auto const name = word.substr(0, word.find('='));
    // Without the dashes, which would make short names look alike.
    if (auto const meant = closest(std::string_view(name).substr(2), flags); !meant.empty())
      text += "\nDid you mean --" + std::string(meant) + " instead of " + name + '?';
  }
  return text;
}

}  // namespace

CLI::App const& chosen_in(CLI::App const& app) {
  auto const below = app.get_subcommands();
  return below.empty() ? app : chosen_in(*below.front());
}

std::string complaint_about_command(CLI::App const& app, std::vector<std::string> const& words) {
  auto const kind = app.get_parent() == nullptr ? std::string("command") : "command of " + app.get_name();
  std::vector<std::string> names;
  for (auto const* below : app.get_subcommands({})) names.push_back(below->get_name());
  auto const all = joined(names, ", ");
  auto const word = std::ranges::find_if(words, [](auto const& one) { return !one.starts_with('-'); });
  if (word == words.end()) return "a " + kind + " is missing; there are " + all;
  auto text = "there is no " + kind + " '" + *word + '\'';
  auto const known = names_below(app);
  if (auto const meant = closest(*word, known); !meant.empty()) text += "; did you mean '" + std::string(meant) + "'?";
  return text + "\nThere are " + all;
}

std::string complaint(CLI::App const& app, CLI::ParseError const& error) {
  auto const& chosen = chosen_in(app);
  auto const rest = app.remaining(true);
  std::string what = error.what();
  auto const has_commands = !chosen.get_subcommands({}).empty();
  auto const has_rest = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError);
  auto const lacks = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError);
  auto const names_command = !rest.empty() && !rest.front().starts_with('-');
  if (has_commands && ((has_rest && (names_command || chosen.get_require_subcommand_min() > 0)) || lacks)) {
    what = complaint_about_command(chosen, rest);
  } else if (has_rest) {
    what = complaint_about_rest(chosen, rest);
  }
  return app.get_name() + ": " + what + "\nTry '" + full_name(chosen) + " --help'.\n";
}

std::vector<std::string> unknown_variables(char const* const* environment, std::vector<std::string> const& known) {
  constexpr std::string_view prefix = "HOLDFAST_";
  std::vector<std::string> unknown;
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    std::string_view const variable = *environment;
    auto const name = variable.substr(0, variable.find('='));
    if (!name.starts_with(prefix) || std::ranges::find(known, name) != known.end()) continue;
    auto const rest = name.substr(prefix.size());
    if (rest.starts_with("SERVICE_") || rest == "PORT" || rest.starts_with("PORT_")) continue;
    unknown.emplace_back(name);
  }
  return unknown;
}

std::string_view closest(std::string_view word, std::vector<std::string> const& candidates) {
  // Optimal string alignment: one inserted, missing or wrong letter, or two swapped ones, count as one error.
  auto const distance = [&](std::string_view other) {
    std::vector<std::size_t> before, last(other.size() + 1), row(other.size() + 1);
    std::iota(last.begin(), last.end(), std::size_t(0));
    for (std::size_t i = 1; i <= word.size(); ++i) {
      row[0] = i;
      for (std::size_t j = 1; j <= other.size(); ++j) {
        auto const same = word[i - 1] == other[j - 1] ? 0U : 1U;
        row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + same});
        if (i > 1 && j > 1 && word[i - 1] == other[j - 2] && word[i - 2] == other[j - 1])
          row[j] = std::min(row[j], before[j - 2] + 1);
      }
      before = last;
      last = row;
    }
    return last.back();
  };
  std::string_view best;
  std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (auto const& candidate : candidates) {
    auto slips = distance(candidate);
    // The beginning of a word counts as at most one error.
    if (word.size() >= 2 && candidate.starts_with(word)) slips = std::min<std::size_t>(slips, 1);
    if (slips < least) {
      least = slips;
      best = candidate;
    }
  }
  return best;
}

}  // namespace holdfast::manual
