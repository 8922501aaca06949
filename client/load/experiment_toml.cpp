#include <algorithm>

#include "client/load/experiment.hpp"
#include "client/load/text.hpp"
#include "protocol/toml.hpp"

namespace holdfast::client::load {
namespace {

protocol::failure refuse(toml::source_position at, std::string const& why) {
  return {protocol::errc::invalid_parameter, std::to_string(at.line) + ": " + why};
}

/// The text of a number or a string as the value of a flag; nullopt for anything else.
std::optional<std::string> text_of(toml::node const& node) {
  if (auto const* text = node.as_string()) return text->get();
  if (auto const* whole = node.as_integer()) return std::to_string(whole->get());
  if (auto const* number = node.as_floating_point()) return format_number(number->get());
  return std::nullopt;
}

std::optional<std::string> text_of(toml::table const& shares) {
  std::string text;
  for (auto const& [key, share] : shares) {
    auto const value = text_of(share);
    if (!value) return std::nullopt;
    if (!text.empty()) text += ',';
    text += std::string(key.str()) + '=' + *value;
  }
  return text;
}

protocol::result<experiment_entry> read(toml::key const& key, toml::node const& node) {
  experiment_entry entry{std::string(key.str()), {}, key.source().begin.line};
  if (auto const* flag = node.as_boolean()) {
    entry.value = flag->get();
  } else if (auto const* whole = node.as_integer()) {
    entry.value = whole->get();
  } else if (auto const text = text_of(node)) {
    entry.value = *text;
  } else if (auto const* array = node.as_array()) {
    experiment_entry::list list;
    for (auto const& element : *array) {
      auto const one = text_of(element);
      if (!one) return refuse(element.source().begin, "'" + entry.key + "' is a list of texts or numbers");
      list.push_back(*one);
    }
    entry.value = std::move(list);
  } else if (auto const* table = node.as_table(); table != nullptr && table->is_inline()) {
    auto const shares = text_of(*table);
    if (!shares)
      return refuse(key.source().begin, "'" + entry.key + "' is a table of numbers, such as {get = 80, put = 20}");
    entry.value = *shares;
  } else {
    return refuse(key.source().begin,
                  "'" + entry.key +
                      "' is neither a text, a number, a list nor true or false; settings stand at the top"
                      " level, not in a [section]");
  }
  return entry;
}

}  // namespace

protocol::result<std::vector<experiment_entry>> parse_experiment(std::string_view toml) {
  auto const parsed = toml::parse(toml);
  if (!parsed) return refuse(parsed.error().source().begin, std::string(parsed.error().description()));
  std::vector<experiment_entry> entries;
  for (auto const& [key, node] : parsed.table()) {
    auto entry = read(key, node);
    if (!entry) return entry.error();
    entries.push_back(std::move(*entry));
  }
  // Tables are sorted by key; restore the order of the lines.
  std::ranges::sort(entries, {}, &experiment_entry::line);
  return entries;
}

}  // namespace holdfast::client::load
