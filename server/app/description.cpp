#include "server/app/description.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "manual/help.hpp"
#include "manual/man_page.hpp"
#include "server/api/version.hpp"

namespace holdfast::server {
namespace {

/// The help texts of a command that its CLI11 definition does not contain.
struct command_text {
  std::string path;                          ///< its name after `holdfast-server`; empty for the program itself
  std::vector<manual::example> examples;     ///< the most common first; help shows three
  std::string details;                       ///< a line for each paragraph
  std::vector<std::string> program_flags{};  ///< the flags of the program that it uses, too
};

std::vector<command_text> const& command_texts() {
  static std::vector<command_text> const all{
      {"",
       {{"holdfast-server", "serve on 127.0.0.1:8080"},
        {"holdfast-server --hold 1s", "watch the writer wait"},
        {"holdfast-server --listen 127.0.0.1:9090 --in-memory", "another port, no data"},
        {"holdfast-server --listen 0.0.0.0:443 --tls-cert server.pem --tls-key server.key --tokens tokens.toml",
         "serve other machines"},
        {"holdfast-server --writer-period 0 --log-format json", ""},
        {"holdfast-server token new web --scope read:users/ >> tokens.toml", "a token for --tokens"},
        {"holdfast-server --cluster main --etcd http://127.0.0.1:2379 --advertise http://10.0.0.1:8080",
         "one of several servers that share their data"},
        {"holdfast-server backup /backups/monday", "copy the data of a server that is not running"},
        {"holdfast-server demo", "two tasks, one lock: the tutorial's transcript"},
        {"HOLDFAST_LISTEN=127.0.0.1:9090 holdfast-server healthcheck && echo ready", ""}},
       R"(Durations are a number and a unit: 250us, 350ms, 1s, 1.5s, 2m, 1h; 0 needs none. Sizes are bytes, or a number and a unit: 64MiB, 2GB.
Each flag but --accept-loss can also be set by an environment variable: --max-hold by HOLDFAST_MAX_HOLD. The flag takes precedence.
SIGTERM and SIGINT stop the server. SIGHUP reads certificates and tokens again and opens the logs again.
As a systemd service, it runs as the user holdfast and keeps its data in /var/lib/holdfast. Settings are variables in /etc/default/holdfast-server, such as HOLDFAST_LISTEN=127.0.0.1:9090.)"},
      {"demo",
       {{"holdfast-server demo", "the transcript in fifteen lines"}, {"holdfast-server demo --rounds 5", ""}},
       "Both tasks run on one thread and share one lock. The tutorial explains the transcript."},
      {"healthcheck",
       {{"holdfast-server healthcheck && echo ready", ""},
        {"HOLDFAST_LISTEN=127.0.0.1:9090 holdfast-server healthcheck --timeout 1s", ""}},
       "",
       {"listen", "tls-cert"}},
      {"inspect",
       {{"holdfast-server inspect", "the data in ./holdfast-data"},
        {"holdfast-server inspect /backups/monday", "is this backup complete?"}},
       "The exit status is 65 if the data are damaged or incomplete.",
       {"data"}},
      {"backup",
       {{"holdfast-server backup /backups/monday", "copy ./holdfast-data"},
        {"holdfast-server backup --data /data /backups/monday", ""}},
       "For a running server, use POST /v1/backups.",
       {"data"}},
      {"restore",
       {{"holdfast-server restore --data /data /backups/monday", "then serve --data /data"}},
       "The data directory must be empty or not exist, or hold a restore that was interrupted.",
       {"data"}},
      {"check-disk",
       {{"holdfast-server check-disk", "the disk of ./holdfast-data"}, {"holdfast-server check-disk /mnt/other", ""}},
       "",
       {"data"}},
      {"token", {{"holdfast-server token new web --scope read:users/ >> tokens.toml", ""}}, ""},
      {"token new",
       {{"holdfast-server token new web --scope read:users/ >> tokens.toml", ""},
        {"holdfast-server token new ci --scope write:site/ --expires 720h >> tokens.toml", ""},
        {"holdfast-server --tokens tokens.toml", "serve clients that have one of them"}},
       "Standard output gets the entry, which has only a digest of the secret. Standard error gets the secret, which "
       "is "
       "shown only once."},
      {"cluster", {{"holdfast-server cluster status --cluster main --etcd http://127.0.0.1:2379", ""}}, ""},
      {"cluster status",
       {{"holdfast-server cluster status --cluster main --etcd http://127.0.0.1:2379", ""}},
       "The exit status is 1 if no server leads, and 69 if etcd can't be reached.",
       {"cluster", "etcd"}},
      {"help", {{"holdfast-server help backup", ""}, {"holdfast-server help token new", ""}}, ""},
      {"completion",
       {{"source <(holdfast-server completion bash)", "in ~/.bashrc"},
        {"holdfast-server completion fish | source", ""}},
       "The packages install these scripts."},
      {"man", {{"holdfast-server man | man -l -", ""}}, ""},
  };
  return all;
}

std::vector<manual::status_description> exit_statuses() {
  return {{0, "done"},
          {1, "the server can't run; healthcheck: it is not ready; cluster status: no server leads"},
          {2, "the command line or the environment is wrong"},
          {65, "the data are damaged, or from a later version"},
          {69, "cluster status: etcd can't be reached"},
          {73, "the data directory can't be created, or contains other files, or an interrupted restore"},
          {74, "the disk failed"},
          {75, "another server uses the data"},
          {77, "no permission to read or write the data"}};
}

bool has_name(manual::flag_description const& flag, std::string_view name) {
  return std::ranges::find(flag.long_names, name) != flag.long_names.end();
}

manual::command_description describe(CLI::App const& app) {
  manual::command_description command;
  std::string path;
  for (auto const* at = &app; at->get_parent() != nullptr; at = at->get_parent())
    path = at->get_name() + (path.empty() ? "" : ' ' + path);
  command.name = path.empty() ? "holdfast-server" : "holdfast-server " + path;
  command.group = "Commands";
  command.summary = app.get_description();
  if (path.empty()) command.statuses = exit_statuses();
  manual::add_flags(app, command);
  if (auto const text = std::ranges::find(command_texts(), path, &command_text::path); text != command_texts().end()) {
    command.examples = text->examples;
    command.details = text->details;
    if (auto const* root = app.get_parent(); root != nullptr) {
      while (root->get_parent() != nullptr) root = root->get_parent();
      manual::command_description program;
      manual::add_flags(*root, program);
      for (auto& flag : program.flags)
        if (std::ranges::any_of(text->program_flags, [&](auto const& name) { return has_name(flag, name); }))
          command.flags.push_back(std::move(flag));
    }
  }
  // --help and --version come last.
  std::ranges::stable_partition(command.flags,
                                [](auto const& flag) { return !has_name(flag, "help") && !has_name(flag, "version"); });
  for (auto const* below : app.get_subcommands({})) command.commands.push_back(describe(*below));
  command.needs_command = app.get_require_subcommand_min() > 0;
  return command;
}

}  // namespace

std::string help_of(CLI::App const& app) {
  auto const command = describe(app);
  if (app.get_parent() == nullptr)
    return manual::help(command) +
           "\n'holdfast-server COMMAND --help' shows the flags of a command, 'holdfast-server\n"
           "help COMMAND' all about it. Each flag but --accept-loss can also be set by an\n"
           "environment variable: --max-hold by HOLDFAST_MAX_HOLD.\n";
  auto const more = "\n'holdfast-server help" + command.name.substr(command.name.find(' ')) + "' shows more.\n";
  return manual::help(command) + (manual::has_more(command) ? more : "");
}

std::string full_help_of(CLI::App const& app) {
  return manual::full_help(describe(app));
}

std::string man_page_of(CLI::App const& app) {
  manual::man_page_terms terms;
  terms.section = 8;
  terms.version = build_info().version;
  terms.see_also = {"holdfast(1)", "curl(1)", "systemctl(1)"};
  return manual::man_page(describe(app), terms);
}

std::string completion_of(CLI::App const& app, manual::shell shell) {
  auto program = describe(app);
  std::vector<std::string> words;
  for (auto const& one : program.commands) words.push_back(manual::word_of(one));
  for (auto& one : program.commands)
    if (manual::word_of(one) == "help") one.arguments.front().choices = words;
  return manual::completion(program, shell);
}

}  // namespace holdfast::server
