#include "manual/description.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <string_view>

namespace holdfast::manual {
namespace {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    auto const end = std::min(text.find(separator), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

/// Parses the name of a type: `on|off`, or `WHAT:{replace,skip,fail}`, CLI11's notation for IsMember. Words in capitals
/// are placeholders.
std::vector<std::string> choices_in(std::string_view type) {
  if (auto const open = type.find(":{"); open != std::string_view::npos && type.ends_with('}'))
    return split(type.substr(open + 2, type.size() - open - 3), ',');
  auto const is_literal = std::ranges::none_of(type, [](unsigned char c) { return c >= 'A' && c <= 'Z'; });
  return is_literal && type.find('|') != std::string_view::npos ? split(type, '|') : std::vector<std::string>();
}

flag_description describe(CLI::Option const& option) {
  flag_description flag;
  flag.short_names = option.get_snames();
  flag.long_names = option.get_lnames();
  auto const type = option.get_type_name();
  flag.type = type.substr(0, type.find(':'));  // without CLI11's notation of checks
  flag.choices = choices_in(type);
  if (option.get_positional()) {
    flag.value = option.get_name(true, false);
  } else if (option.get_type_size_max() > 0) {
    flag.value = flag.type;
  }
  auto const& text = option.get_description();
  flag.what = text.substr(0, text.find('\n'));
  flag.details = text.substr(std::min(flag.what.size() + 1, text.size()));
  flag.fallback = option.get_default_str();
  flag.variable = option.get_envname();
  flag.group = option.get_group() == "Options" ? "Flags" : option.get_group();
  flag.is_required = option.get_required();
  flag.is_value_optional = !option.get_positional() && option.get_items_expected_min() == 0;
  flag.is_repeated = option.get_items_expected_max() > 1;
  return flag;
}

}  // namespace

std::string word_of(command_description const& command) {
  return command.name.substr(command.name.rfind(' ') + 1);
}

void add_flags(CLI::App const& app, command_description& to) {
  for (auto const* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    (option->get_positional() ? to.arguments : to.flags).push_back(describe(*option));
  }
}

}  // namespace holdfast::manual
