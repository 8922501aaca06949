#include "client/cli/description.hpp"

#include <algorithm>
#include <numeric>

#include "client/cli/command_texts.hpp"
#include "client/cli/exit_status.hpp"
#include "client/load/text.hpp"

namespace holdfast::client::cli {
namespace {

constexpr std::size_t columns_max = 80;
constexpr std::size_t flag_columns_max = 28;

/// The number of UTF-8 characters.
std::size_t length_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](unsigned char c) { return (c & 0xC0) != 0x80; }));
}

std::string padded(std::string text, std::size_t columns) {
  text.append(columns - std::min(columns, length_of(text)), ' ');
  return text;
}

/// Breaks `text` into lines of at most `columns`, at spaces where possible.
std::vector<std::string> broken(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines;
  std::string line;
  std::size_t used = 0, indent = 0;
  while (!text.empty()) {
    auto const blanks = std::min(text.find_first_not_of(' '), text.size());
    auto const end = std::min(text.find(' ', blanks), text.size());
    auto const length = length_of(text.substr(blanks, end - blanks));
    if (used != 0 && length != 0 && used + blanks + length > columns) {
      lines.push_back(std::move(line));
      line.assign(indent, ' ');
      used = indent;
      line += text.substr(blanks, end - blanks);
      used += length;
    } else {
      if (used == 0) indent = blanks;
      line += text.substr(0, end);
      used += blanks + length;
    }
    text.remove_prefix(end);
  }
  lines.push_back(std::move(line));
  return lines;
}

/// `left` in one column, and `right`, wrapped, in the next.
std::string row(std::string const& left, std::string const& right, std::size_t left_columns) {
  auto text = "  " + padded(left, left_columns);
  if (right.empty()) return "  " + left + '\n';
  auto const lines = broken(right, columns_max - left_columns - 4);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i != 0 || length_of(left) > left_columns) text += '\n' + std::string(left_columns + 2, ' ');
    text += "  " + lines[i];
  }
  return text += '\n';
}

std::string label_of(flag_description const& flag) {
  std::string label;
  for (auto const& name : flag.short_names) label += (label.empty() ? "-" : ", -") + name;
  if (flag.short_names.empty() && !flag.long_names.empty()) label = "    ";
  for (auto const& name : flag.long_names) label += (label.empty() || label == "    " ? "--" : ", --") + name;
  if (!flag.value.empty()) {
    if (!label.empty()) label += ' ';
    label += flag.is_value_optional ? '[' + flag.value + ']' : flag.value;
  }
  return label;
}

std::string meaning_of(flag_description const& flag) {
  return flag.fallback.empty() ? flag.what : flag.what + " (" + flag.fallback + ')';
}

/// The flags of a group, or the commands, as rows under a heading.
std::string rows(std::string const& heading, std::vector<std::pair<std::string, std::string>> const& entries) {
  std::size_t columns = 0;
  for (auto const& [left, right] : entries) columns = std::max(columns, length_of(left));
  columns = std::min(columns, flag_columns_max);
  auto text = '\n' + heading + '\n';
  for (auto const& [left, right] : entries) text += row(left, right, columns);
  return text;
}

/// The headings of `entries`, in order of first occurrence.
template <class Entry>
std::vector<std::string> headings_of(std::vector<Entry> const& entries) {
  std::vector<std::string> headings;
  for (auto const& entry : entries) {
    if (std::ranges::find(headings, entry.group) == headings.end()) headings.push_back(entry.group);
  }
  return headings;
}

std::string usage_of(command_description const& command) {
  auto text = "Usage: " + command.name;
  if (!command.commands.empty()) return text + " COMMAND [ARGUMENTS] [FLAGS]\n";
  for (auto const& argument : command.arguments)
    text += argument.is_required ? ' ' + argument.value : " [" + argument.value + ']';
  return text + " [FLAGS]\n";
}

std::string examples_of(command_description const& command, std::size_t most) {
  if (command.examples.empty()) return {};
  std::string text = "\nExamples\n";
  auto const count = std::min(most, command.examples.size());
  std::size_t columns = 0;
  for (std::size_t i = 0; i < count; ++i) {
    auto const& [line, about] = command.examples[i];
    if (!about.empty() && length_of(line) + length_of(about) + 6 <= columns_max)
      columns = std::max(columns, length_of(line));
  }
  for (std::size_t i = 0; i < count; ++i) {
    auto const& [line, about] = command.examples[i];
    auto beside = "  " + padded(line, columns) + "  # " + about;
    if (length_of(beside) > columns_max) beside = "  " + line + "  # " + about;
    if (about.empty()) {
      text += "  " + line + '\n';
    } else if (length_of(beside) <= columns_max) {
      text += beside + '\n';
    } else {
      text += "  # " + about + "\n  " + line + '\n';
    }
  }
  return text;
}

std::string options_of(command_description const& command) {
  std::string text;
  for (auto const& heading : headings_of(command.commands)) {
    std::vector<std::pair<std::string, std::string>> entries;
    for (auto const& one : command.commands) {
      if (one.group != heading) continue;
      auto name = manual::word_of(one);
      for (auto const& alias : one.aliases) name += ", " + alias;
      entries.emplace_back(name, one.summary);
    }
    text += rows(heading, entries);
  }
  if (!command.arguments.empty()) {
    std::vector<std::pair<std::string, std::string>> entries;
    for (auto const& argument : command.arguments) entries.emplace_back(argument.value, meaning_of(argument));
    text += rows("Arguments", entries);
  }
  for (auto const& heading : headings_of(command.flags)) {
    std::vector<std::pair<std::string, std::string>> entries;
    for (auto const& flag : command.flags) {
      if (flag.group == heading) entries.emplace_back(label_of(flag), meaning_of(flag));
    }
    text += rows(heading, entries);
  }
  return text;
}

std::string exit_statuses_text() {
  std::vector<std::pair<std::string, std::string>> entries;
  for (auto const& [status, what] : exit_statuses()) entries.emplace_back(std::to_string(status), std::string(what));
  return rows("Exit status", entries);
}

bool is_root(command_description const& command) {
  return command.name.find(' ') == std::string::npos;
}

std::string page_of(command_description const& command, bool in_full) {
  auto const more = command.examples.size() > 3 || !command.details.empty();
  auto text = command.summary + "\n\n" + usage_of(command);
  text += examples_of(command, in_full ? command.examples.size() : 3);
  text += options_of(command);
  if (is_root(command)) text += exit_statuses_text();
  if (in_full && !command.details.empty()) text += '\n' + load::wrapped(command.details, columns_max);
  if (is_root(command)) {
    text += "\n'holdfast COMMAND --help' shows the flags of a command, 'holdfast help COMMAND'\nall about it.\n";
  } else if (!in_full && more) {
    text += "\n'holdfast help" + command.name.substr(command.name.find(' ')) + "' shows more.\n";
  }
  return text;
}

bool is_about_the_program(flag_description const& flag) {
  return std::ranges::find(flag.long_names, "help") != flag.long_names.end() ||
         std::ranges::find(flag.long_names, "version") != flag.long_names.end();
}

}  // namespace

command_description describe(CLI::App const& app) {
  command_description command;
  std::string path;
  for (auto const* at = &app; at->get_parent() != nullptr; at = at->get_parent())
    path = at->get_name() + (path.empty() ? "" : ' ' + path);
  auto const& text = text_of_command(path);
  command.name = path.empty() ? "holdfast" : "holdfast " + path;
  command.aliases = text.aliases;
  command.group = text.group;
  command.summary = text.summary;
  command.examples = text.examples;
  command.details = text.details;
  manual::add_flags(app, command);
  // Every command also accepts the program's flags.
  for (auto const* above = app.get_parent(); above != nullptr; above = above->get_parent()) {
    command_description all;
    manual::add_flags(*above, all);
    for (auto& flag : all.flags) {
      if (!is_about_the_program(flag)) command.flags.push_back(std::move(flag));
    }
  }
  // Flags common to all commands come last.
  std::ranges::stable_partition(command.flags, [](auto const& flag) { return !is_about_the_program(flag); });
  for (auto const* below : app.get_subcommands({})) command.commands.push_back(describe(*below));
  command.needs_command = app.get_require_subcommand_min() > 0;
  return command;
}

std::string help_of(command_description const& command) {
  return page_of(command, false);
}

std::string manual_of(command_description const& command) {
  return page_of(command, true);
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

}  // namespace holdfast::client::cli
