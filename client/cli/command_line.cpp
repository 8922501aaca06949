#include "client/cli/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "client/cli/description.hpp"
#include "client/cli/experiment_flags.hpp"
#include "client/cli/options.hpp"
#include "manual/complaint.hpp"
#include "manual/completion.hpp"
#include "manual/man_page.hpp"

namespace holdfast::client::cli {
namespace {

/// The grammar of the command line and the parsed values.
class command_reader {
 public:
  command_reader() : app_("", "holdfast") {
    app_.set_help_flag("-h,--help", "Print this and exit")->group(server_flags);
    app_.set_version_flag("--version", "holdfast " HOLDFAST_VERSION, "Print the version and exit")->group(server_flags);
    app_.require_subcommand(1);
    app_.fallthrough();
    add_connection_options(app_, connection_);
    add<get_command>(app_, add_get);
    add<put_command>(app_, add_put);
    add<del_command>(app_, add_del);
    add<patch_command>(app_, add_patch);
    add<incr_command>(app_, add_incr);
    add<touch_command>(app_, add_touch);
    add<list_command>(app_, add_list);
    add<txn_command>(app_, add_txn);
    add<watch_command>(app_, add_watch);
    add<export_command>(app_, add_export);
    add<import_command>(app_, add_import);
    auto* const lock = add_lock(app_);
    add<lock_events_command>(*lock, add_lock_events);
    add<lock_top_command>(*lock, add_lock_top);
    add<locks_command>(app_, add_locks);
    add<with_lock_command>(app_, add_with_lock);
    load_app_ = add_load(app_, load_);
    readers_.emplace_back(load_app_, [this] { return load_; });
    auto const compare = std::make_shared<compare_command>();
    readers_.emplace_back(add_compare(app_, *compare), [compare] { return *compare; });
    auto* const help = add_command(app_, "help");
    help->add_option("COMMAND", help_about_, "Such as `get` or `lock top`; without it, the program");
    readers_.emplace_back(help, [this] { return help_command(); });
    auto* const completion = add_command(app_, "completion");
    completion->add_option("SHELL", shell_, "The shell")
        ->check(CLI::IsMember({"bash", "zsh", "fish"}))
        ->type_name("SHELL")
        ->required();
    readers_.emplace_back(completion, [this] {
      auto const shell = shell_ == "bash"  ? manual::shell::bash
                         : shell_ == "zsh" ? manual::shell::zsh
                                           : manual::shell::fish;
      return print_command{manual::completion(described_program(), shell), exit_ok};
    });
    readers_.emplace_back(add_command(app_, "man"), [this] { return man_command(); });
    readers_.emplace_back(add_command(app_, "version"),
                          [] { return print_command{"holdfast " HOLDFAST_VERSION "\n", exit_ok}; });
  }

  /// @return what to print instead of running a command, if anything
  std::optional<print_command> parse(std::vector<std::string> arguments, bool completes) {
    std::ranges::reverse(arguments);  // the order that CLI11 expects
    try {
      app_.parse(std::move(arguments));
      take_token_of_environment(connection_);
      load_.settings.connection = connection_;
      if (completes && *load_app_) complete_load(*load_app_, load_.settings);
    } catch (CLI::CallForHelp const&) {
      return print_command{help_of(describe(manual::chosen_in(app_))), exit_ok};
    } catch (CLI::CallForVersion const& version) {
      return print_command{std::string(version.what()) + '\n', exit_ok};
    } catch (CLI::ParseError const& error) {
      return print_command{manual::complaint(app_, error), exit_usage};
    }
    return std::nullopt;
  }

  [[nodiscard]] std::string const& experiment_file() const { return load_.experiment_file; }
  [[nodiscard]] CLI::App const& load_app() const { return *load_app_; }

  [[nodiscard]] parsed_command command() const {
    auto const chosen = std::ranges::find_if(readers_, [](auto const& one) { return one.first->parsed(); });
    return chosen->second();
  }

 private:
  template <class Command>
  void add(CLI::App& above, CLI::App* (*add_to)(CLI::App&, Command&)) {
    auto const read = std::make_shared<Command>();
    readers_.emplace_back(add_to(above, *read), [this, read] {
      read->connection = connection_;
      return *read;
    });
  }

  /// The program, where `help` knows which commands it can be about.
  [[nodiscard]] command_description described_program() const {
    auto program = describe(app_);
    std::vector<std::string> words;
    for (auto const& one : program.commands) words.push_back(manual::word_of(one));
    for (auto& one : program.commands)
      if (manual::word_of(one) == "help") one.arguments.front().choices = words;
    return program;
  }

  [[nodiscard]] print_command man_command() const {
    manual::man_page_terms terms;
    terms.version = HOLDFAST_VERSION;
    terms.see_also = {"holdfast-server(8)", "curl(1)", "jq(1)"};
    return {manual::man_page(describe(app_), terms), exit_ok};
  }

  [[nodiscard]] print_command help_command() const {
    auto const* about = static_cast<CLI::App const*>(&app_);
    for (auto const& word : help_about_) {
      auto const below = about->get_subcommands([&](auto const* one) { return one->check_name(word); });
      if (below.empty())
        return {"holdfast: " + manual::complaint_about_command(*about, {word}) + "\nTry 'holdfast --help'.\n",
                exit_usage};
      about = below.front();
    }
    return {manual_of(describe(*about)), exit_ok};
  }

  connection_settings connection_;
  load_command load_;
  std::vector<std::string> help_about_;
  std::string shell_;
  CLI::App app_;
  CLI::App* load_app_;
  std::vector<std::pair<CLI::App*, std::function<parsed_command()>>> readers_;
};

}  // namespace

parsed_command parse_command_line(int argc, char const* const* argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  std::string experiment_file;
  {
    command_reader alone;
    if (auto const printed = alone.parse(arguments, false)) return *printed;
    experiment_file = alone.experiment_file();
    if (!experiment_file.empty()) {
      auto const flags = flags_of_experiment(experiment_file, alone.load_app());
      if (!flags)
        return print_command{"holdfast: " + flags.error().detail + "\nTry 'holdfast load --help'.\n", exit_usage};
      // After the word `load`: the flags belong to that command.
      arguments.insert(std::ranges::find(arguments, "load") + 1, flags->begin(), flags->end());
    }
  }
  command_reader whole;
  if (auto const printed = whole.parse(std::move(arguments), true)) return *printed;
  return whole.command();
}

}  // namespace holdfast::client::cli
