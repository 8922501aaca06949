#include "manual/man_page.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <utility>

namespace holdfast::manual {
namespace {

/// The code point at the start of `text`, which is UTF-8, and its length.
std::pair<std::uint32_t, std::size_t> first_character(std::string_view text) {
  auto const lead = static_cast<unsigned char>(text.front());
  std::size_t const length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  std::uint32_t character = length == 1 ? lead : lead & (0x7FU >> length);
  for (std::size_t i = 1; i < std::min(length, text.size()); ++i)
    character = character << 6U | (static_cast<unsigned char>(text[i]) & 0x3FU);
  return {character, std::min(length, text.size())};
}

/// Escapes text so that roff prints it unchanged: requests, escapes and characters that roff would replace.
std::string escaped(std::string_view text) {
  std::string out;
  if (text.starts_with('.')) out = "\\&";
  while (!text.empty()) {
    auto const [character, length] = first_character(text);
    switch (character) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '`':
        out += "\\(ga";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '~':
        out += "\\(ti";
        break;
      default:
        if (character < 0x80) {
          out += static_cast<char>(character);
        } else {
          std::array<char, 16> name{};
          std::snprintf(name.data(), name.size(), "\\[u%04X]", static_cast<unsigned>(character));
          out += name.data();
        }
    }
    text.remove_prefix(length);
  }
  return out;
}

std::string bold(std::string_view text) {
  return "\\fB" + escaped(text) + "\\fR";
}

std::string italic(std::string_view text) {
  return "\\fI" + escaped(text) + "\\fR";
}

/// Text of one or more sentences; parts in `backquotes` become bold.
std::string prose(std::string_view text) {
  if (std::ranges::count(text, '`') % 2 != 0) return escaped(text);
  std::string out;
  for (auto is_code = false;; is_code = !is_code) {
    auto const end = text.find('`');
    auto const part = text.substr(0, end);
    out += is_code ? bold(part) : escaped(part);
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

/// A section; its text must not begin with a paragraph break.
std::string section(std::string_view heading, std::string_view text = {}) {
  constexpr std::string_view paragraph = ".PP\n";
  if (text.starts_with(paragraph)) text.remove_prefix(paragraph.size());
  return ".SH " + escaped(heading) + '\n' + std::string(text);
}

std::string item(std::string const& label, std::string const& text) {
  return ".TP\n" + label + '\n' + text + '\n';
}

std::string label_of(flag_description const& flag) {
  std::string label;
  for (auto const& name : flag.short_names) label += (label.empty() ? "" : ", ") + bold('-' + name);
  for (auto const& name : flag.long_names) label += (label.empty() ? "" : ", ") + bold("--" + name);
  if (flag.value.empty()) return label;
  auto const is_literal = flag.value.find('|') != std::string::npos;
  auto const value = is_literal ? escaped(flag.value) : italic(flag.value);
  return label + (label.empty() ? "" : " ") + (flag.is_value_optional ? '[' + value + ']' : value);
}

std::string items_of(std::vector<flag_description> const& flags) {
  std::string text;
  for (auto const& flag : flags) {
    auto what = prose(flag.what);
    if (!flag.fallback.empty()) what += " (" + prose(flag.fallback) + ')';
    if (!flag.details.empty()) what += ". " + prose(flag.details);
    if (!flag.variable.empty()) what += "\n.br\nEnvironment: " + bold(flag.variable);
    text += item(label_of(flag), what);
  }
  return text;
}

std::string paragraphs(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    auto const end = std::min(text.find('\n'), text.size());
    if (end != 0) out += ".PP\n" + prose(text.substr(0, end)) + '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string examples_of(std::vector<example> const& examples) {
  std::string text;
  for (auto const& [line, about] : examples) {
    text += ".PP\n";
    if (!about.empty()) text += prose(about) + ":\n.br\n";
    text += "\\h'4n'" + bold(line) + '\n';
  }
  return text;
}

std::string usage_of(command_description const& command) {
  auto text = bold(command.name);
  if (!command.commands.empty() && command.needs_command)
    return text + ' ' + italic("COMMAND") + " [" + italic("ARGUMENTS") + "] [" + italic("FLAGS") + "]\n";
  for (auto const& argument : command.arguments) {
    auto const value = italic(argument.value) + (argument.is_repeated ? " \\&..." : "");
    text += argument.is_required ? ' ' + value : " [" + value + ']';
  }
  return text + " [" + italic("FLAGS") + "]\n";
}

/// A command and its subcommands. `common` are the flags of the program, which are described elsewhere.
std::string command_section(command_description const& command, std::vector<flag_description> const& common) {
  auto flags = command.flags;
  std::erase_if(flags, [&](auto const& flag) {
    return std::ranges::find(flag.long_names, "help") != flag.long_names.end() ||
           std::ranges::any_of(
               common, [&](auto const& one) { return one.long_names == flag.long_names && one.what == flag.what; });
  });
  auto text = ".SS " + escaped(command.name) + '\n' + usage_of(command) + ".PP\n" + prose(command.summary) + ".\n";
  if (!command.aliases.empty()) {
    std::string names;
    for (auto const& alias : command.aliases) names += (names.empty() ? "" : ", ") + bold(alias);
    text += "Also: " + names + ".\n";
  }
  text += items_of(command.arguments) + items_of(flags) + paragraphs(command.details);
  if (!command.examples.empty()) text += ".PP\nExamples:\n" + examples_of(command.examples);
  for (auto const& below : command.commands) text += command_section(below, common);
  return text;
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return c >= 'a' && c <= 'z' ? c - 32 : c; });
  return text;
}

std::string without_stop(std::string text) {
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace

std::string man_page(command_description const& program, man_page_terms const& terms) {
  auto text = ".\\\" Made by '" + program.name + " man'.\n.TH " + upper(escaped(program.name)) + ' ' +
              std::to_string(terms.section) + " \"\" \"" + escaped(program.name + ' ' + terms.version) + "\"\n";
  // Left-aligned and without hyphenation, because flags and JSON must not be divided.
  text += ".nh\n.ad l\n";
  text += section("NAME") + escaped(program.name) + " \\- " + escaped(without_stop(program.summary)) + '\n';
  text += section("SYNOPSIS") + usage_of(program);
  if (!program.commands.empty() && !program.needs_command)
    text += ".br\n" + bold(program.name) + ' ' + italic("COMMAND") + " [" + italic("ARGUMENTS") + "]\n";
  if (!program.details.empty()) text += section("DESCRIPTION", paragraphs(program.details));
  text += section("OPTIONS") + items_of(program.flags);
  if (!program.commands.empty()) {
    text += section("COMMANDS");
    for (auto const& command : program.commands) text += command_section(command, program.flags);
  }
  if (!program.statuses.empty()) {
    text += section("EXIT STATUS");
    for (auto const& [status, what] : program.statuses) text += item(bold(std::to_string(status)), prose(what));
  }
  if (!program.examples.empty()) text += section("EXAMPLES", examples_of(program.examples));
  if (!terms.see_also.empty()) {
    text += section("SEE ALSO");
    for (std::size_t i = 0; i < terms.see_also.size(); ++i)
      text += escaped(terms.see_also[i]) + (i + 1 < terms.see_also.size() ? ",\n" : "\n");
  }
  return text;
}

}  // namespace holdfast::manual
