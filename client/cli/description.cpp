#include "client/cli/description.hpp"

#include <algorithm>

#include "client/cli/command_texts.hpp"
#include "client/cli/exit_status.hpp"
#include "manual/help.hpp"

namespace holdfast::client::cli {
namespace {

constexpr auto more_about_commands =
    "\n'holdfast COMMAND --help' shows the flags of a command, 'holdfast help COMMAND'\nall about it.\n";

bool is_root(command_description const& command) {
  return command.name.find(' ') == std::string::npos;
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
  if (path.empty()) {
    for (auto const& [status, what] : exit_statuses()) command.statuses.push_back({status, std::string(what)});
  }
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
  if (is_root(command)) return manual::help(command) + more_about_commands;
  auto const more = "\n'holdfast help" + command.name.substr(command.name.find(' ')) + "' shows more.\n";
  return manual::help(command) + (manual::has_more(command) ? more : "");
}

std::string manual_of(command_description const& command) {
  return manual::full_help(command) + (is_root(command) ? more_about_commands : "");
}

}  // namespace holdfast::client::cli
