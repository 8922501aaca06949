#include "client/cli/experiment_flags.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>

#include "client/cli/options.hpp"
#include "client/load/experiment.hpp"

namespace holdfast::client::cli {
namespace {

using load::experiment_entry;

protocol::failure refuse(std::string what) {
  return {protocol::errc::invalid_parameter, std::move(what)};
}

/// The settings allowed in an experiment: all flags of `load` except those about the command line itself.
std::vector<std::string> settings_of(CLI::App const& load) {
  std::vector<std::string> names{"server", "timeout"};
  for (auto const* option : load.get_options()) {
    for (auto const& name : option->get_lnames()) {
      if (name != "help" && name != "print-experiment") names.push_back(name);
    }
  }
  return names;
}

bool is_given(CLI::App const& load, std::string const& name) {
  auto const* option = load.get_option_no_throw("--" + name);
  // --server and --timeout belong to the parent command.
  if (option == nullptr) option = load.get_parent()->get_option_no_throw("--" + name);
  return option != nullptr && option->count() != 0;
}

/// True if the command line determines this setting.
bool is_settled(CLI::App const& load, std::string const& name) {
  auto const any_given = [&](std::initializer_list<char const*> names) {
    return std::ranges::any_of(names, [&](auto const* one) { return is_given(load, one); });
  };
  if (is_given(load, name)) return true;
  if (name == "server") return std::getenv("HOLDFAST_URL") != nullptr;
  if (name == "rate" || name == "stage") return any_given({"rate", "stage"});
  if (name == "duration") return is_given(load, "stage");
  if (name == "workload" || name == "mix" || name == "key-choice") return is_given(load, "workload");
  return false;
}

std::vector<std::string> flags_of(experiment_entry const& entry) {
  // Without a value, --json would take the next word as its file.
  if (entry.key == "json" && entry.value == decltype(entry.value)(true)) return {"--json=-"};
  return load::to_flags(entry);
}

/// The flag parser's error for one entry; nullopt if the entry is valid.
std::optional<std::string> complaint_about(std::vector<std::string> const& flags) {
  connection_settings connection;
  load_command unused;
  CLI::App app;
  add_connection_options(app, connection);
  app.fallthrough();
  add_load(app, unused);
  auto arguments = flags;
  arguments.emplace_back("load");
  std::ranges::reverse(arguments.begin(), arguments.end() - 1);  // the order that CLI11 expects
  try {
    app.parse(arguments);
  } catch (CLI::ParseError const& error) {
    return error.what();
  }
  return std::nullopt;
}

std::string joined(std::vector<std::string> const& names) {
  std::string text;
  for (auto const& name : names) (text += text.empty() ? "" : ", ") += name;
  return text;
}

}  // namespace

protocol::result<std::vector<std::string>> flags_of_experiment(std::string const& path, CLI::App const& load) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return refuse("the experiment '" + path + "' is a folder");
  std::ifstream file(path);
  if (!file) return refuse("can't read the experiment '" + path + "': " + std::strerror(errno));
  std::ostringstream text;
  text << file.rdbuf();
  auto const entries = load::parse_experiment(text.str());
  if (!entries) return refuse(path + ':' + entries.error().detail);

  auto const known = settings_of(load);
  std::vector<std::string> flags;
  for (auto const& entry : *entries) {
    auto const place = path + ':' + std::to_string(entry.line) + ": ";
    if (std::ranges::find(known, entry.key) == known.end())
      return refuse(place + "there is no setting '" + entry.key + "'; there are " + joined(known));
    auto const own = flags_of(entry);
    if (auto const wrong = complaint_about(own)) return refuse(place + *wrong);
    if (!is_settled(load, entry.key)) flags.insert(flags.end(), own.begin(), own.end());
  }
  return flags;
}

}  // namespace holdfast::client::cli
