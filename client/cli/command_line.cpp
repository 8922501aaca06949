#include "client/cli/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "client/cli/options.hpp"

namespace holdfast::client::cli {
namespace {

constexpr auto footer = R"(Examples:
  holdfast put greeting '"hello"'
  holdfast get greeting
  holdfast get my-key --hold 500ms -i
  holdfast load --connections 64 --duration 5s
  HOLDFAST_URL=http://10.0.0.5:8080 holdfast del greeting

Durations are a number and a unit: 250us, 350ms, 1s, 1.5s, 2m, 1h; 0 needs none.
Exit status: 0 ok, 1 not found or refused, 2 usage, 3 server unreachable.
`holdfast COMMAND --help` has the options and examples of a command.)";

/// CLI11 says what is wrong; this adds what would be right, or where to read it.
std::string complaint(CLI::App const& app, CLI::ParseError const& error) {
  auto const chosen = app.get_subcommands();
  if (!chosen.empty())
    return std::string("holdfast: ") + error.what() + "\nTry 'holdfast " + chosen.front()->get_name() + " --help'.\n";
  std::string what = error.what();
  if (error.get_name() == "RequiredError") {
    auto const unknown = app.remaining();
    what = unknown.empty() ? "a command is missing" : "there is no command '" + unknown.front() + '\'';
    what += "; there are";
    for (auto const* command : app.get_subcommands({})) what += ' ' + command->get_name();
  }
  return "holdfast: " + what + "\nTry 'holdfast --help'.\n";
}

}  // namespace

parsed_command parse_command_line(int argc, char const* const* argv) {
  connection_settings connection;
  get_command get;
  put_command put;
  del_command del;
  load_command load;
  compare_command compare;

  CLI::App app("The command line client of Holdfast, a key-value server that shows its lock.", "holdfast");
  app.footer(footer);
  app.set_version_flag("--version", "holdfast " HOLDFAST_VERSION);
  app.set_help_flag("-h,--help", "Print this and exit");
  app.require_subcommand(1);
  app.fallthrough();
  add_connection_options(app, connection);
  auto* const get_app = add_get(app, get);
  auto* const put_app = add_put(app, put);
  auto* const del_app = add_del(app, del);
  add_load(app, load);
  auto* const compare_app = add_compare(app, compare);

  auto arguments = shelter_negative_numbers({argv + 1, argv + argc});
  std::ranges::reverse(arguments);  // as CLI11 takes them
  try {
    app.parse(std::move(arguments));
  } catch (CLI::ParseError const& error) {
    std::ostringstream out, err;
    if (app.exit(error, out, err) == exit_ok) return print_command{out.str(), exit_ok};
    return print_command{complaint(app, error), exit_usage};
  }
  get.connection = put.connection = del.connection = load.settings.connection = connection;
  if (*get_app) return get;
  if (*put_app) return put;
  if (*del_app) return del;
  if (*compare_app) return compare;
  return load;
}

}  // namespace holdfast::client::cli
