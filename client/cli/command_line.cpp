#include "client/cli/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "client/cli/experiment_flags.hpp"
#include "client/cli/options.hpp"

namespace holdfast::client::cli {
namespace {

constexpr auto footer = R"(Examples:
  holdfast put greeting '"hello"'
  holdfast get greeting
  holdfast get my-key --hold 500ms -i
  holdfast load --connections 64 --duration 5s
  holdfast lock top
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

/// The grammar of the command line, and what was read by it.
class command_reader {
 public:
  command_reader() : app_("The command line client of Holdfast, a key-value server that shows its lock.", "holdfast") {
    app_.footer(footer);
    app_.set_version_flag("--version", "holdfast " HOLDFAST_VERSION);
    app_.set_help_flag("-h,--help", "Print this and exit");
    app_.require_subcommand(1);
    app_.fallthrough();
    add_connection_options(app_, connection_);
    get_app_ = add_get(app_, get_);
    put_app_ = add_put(app_, put_);
    del_app_ = add_del(app_, del_);
    load_app_ = add_load(app_, load_);
    compare_app_ = add_compare(app_, compare_);
    lock_apps_ = add_lock(app_, lock_events_, lock_top_);
  }

  /// @return what to print instead of going on, if anything
  std::optional<print_command> parse(std::vector<std::string> arguments, bool completes) {
    std::ranges::reverse(arguments);  // as CLI11 takes them
    try {
      app_.parse(std::move(arguments));
      load_.settings.connection = connection_;
      if (completes && *load_app_) complete_load(*load_app_, load_.settings);
    } catch (CLI::ParseError const& error) {
      std::ostringstream out, err;
      if (app_.exit(error, out, err) == exit_ok) return print_command{out.str(), exit_ok};
      return print_command{complaint(app_, error), exit_usage};
    }
    return std::nullopt;
  }

  [[nodiscard]] std::string const& experiment_file() const { return load_.experiment_file; }
  [[nodiscard]] CLI::App const& load_app() const { return *load_app_; }

  parsed_command command() {
    get_.connection = put_.connection = del_.connection = connection_;
    lock_events_.connection = lock_top_.connection = connection_;
    if (*get_app_) return get_;
    if (*put_app_) return put_;
    if (*del_app_) return del_;
    if (*compare_app_) return compare_;
    if (*lock_apps_.events) return lock_events_;
    if (*lock_apps_.top) return lock_top_;
    return load_;
  }

 private:
  connection_settings connection_;
  get_command get_;
  put_command put_;
  del_command del_;
  load_command load_;
  compare_command compare_;
  lock_events_command lock_events_;
  lock_top_command lock_top_;
  CLI::App app_;
  CLI::App* get_app_;
  CLI::App* put_app_;
  CLI::App* del_app_;
  CLI::App* load_app_;
  CLI::App* compare_app_;
  lock_apps lock_apps_;
};

}  // namespace

parsed_command parse_command_line(int argc, char const* const* argv) {
  auto arguments = shelter_negative_numbers({argv + 1, argv + argc});
  std::string experiment_file;
  {
    command_reader alone;
    if (auto const printed = alone.parse(arguments, false)) return *printed;
    experiment_file = alone.experiment_file();
    if (!experiment_file.empty()) {
      auto const flags = flags_of_experiment(experiment_file, alone.load_app());
      if (!flags)
        return print_command{"holdfast: " + flags.error().detail + "\nTry 'holdfast load --help'.\n", exit_usage};
      // Behind the word `load`; before it they would be flags of no command.
      arguments.insert(std::ranges::find(arguments, "load") + 1, flags->begin(), flags->end());
    }
  }
  command_reader whole;
  if (auto const printed = whole.parse(std::move(arguments), true)) return *printed;
  return whole.command();
}

}  // namespace holdfast::client::cli
