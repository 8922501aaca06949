#include "manual/help.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace holdfast::manual {
namespace {

constexpr std::size_t columns_max = 80;
constexpr std::size_t flag_columns_max = 31;

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

std::string meaning_of(flag_description const& flag, bool in_full) {
  auto text = flag.fallback.empty() ? flag.what : flag.what + " (" + flag.fallback + ')';
  return in_full && !flag.details.empty() ? text + ". " + flag.details : text;
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
  if (command.needs_command) return text + " COMMAND [ARGUMENTS] [FLAGS]\n";
  if (!command.commands.empty()) return text + " [FLAGS]\n       " + command.name + " COMMAND [ARGUMENTS] [FLAGS]\n";
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

/// The commands, arguments and flags.
std::string rows_of(command_description const& command, bool in_full) {
  std::string text;
  for (auto const& heading : headings_of(command.commands)) {
    std::vector<std::pair<std::string, std::string>> entries;
    for (auto const& one : command.commands) {
      if (one.group != heading) continue;
      auto name = word_of(one);
      for (auto const& alias : one.aliases) name += ", " + alias;
      entries.emplace_back(name, one.summary);
    }
    text += rows(heading, entries);
  }
  if (!command.arguments.empty()) {
    std::vector<std::pair<std::string, std::string>> entries;
    for (auto const& argument : command.arguments) entries.emplace_back(argument.value, meaning_of(argument, in_full));
    text += rows("Arguments", entries);
  }
  for (auto const& heading : headings_of(command.flags)) {
    std::vector<std::pair<std::string, std::string>> entries;
    for (auto const& flag : command.flags) {
      if (flag.group == heading) entries.emplace_back(label_of(flag), meaning_of(flag, in_full));
    }
    text += rows(heading, entries);
  }
  return text;
}

std::string exit_statuses_of(command_description const& command) {
  if (command.statuses.empty()) return {};
  std::vector<std::pair<std::string, std::string>> entries;
  for (auto const& [status, what] : command.statuses) entries.emplace_back(std::to_string(status), what);
  return rows("Exit status", entries);
}

/// Each line of `text` as a paragraph.
std::string paragraphs(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    auto const end = std::min(text.find('\n'), text.size());
    for (auto const& line : broken(text.substr(0, end), columns_max)) out += line + '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

constexpr std::size_t examples_max = 3;

}  // namespace

bool has_more(command_description const& command) {
  return command.examples.size() > examples_max || !command.details.empty() ||
         std::ranges::any_of(command.flags, [](auto const& flag) { return !flag.details.empty(); });
}

std::string help(command_description const& command) {
  return command.summary + "\n\n" + usage_of(command) + examples_of(command, examples_max) + rows_of(command, false) +
         exit_statuses_of(command);
}

std::string full_help(command_description const& command) {
  auto text = command.summary + "\n\n" + usage_of(command) + examples_of(command, command.examples.size()) +
              rows_of(command, true) + exit_statuses_of(command);
  if (!command.details.empty()) text += '\n' + paragraphs(command.details);
  return text;
}

}  // namespace holdfast::manual
