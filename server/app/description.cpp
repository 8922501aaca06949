#include "server/app/description.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <vector>

#include "manual/man_page.hpp"
#include "server/api/version.hpp"

namespace holdfast::server {
namespace {

std::vector<manual::example> const& examples() {
  static std::vector<manual::example> const all{
      {"holdfast-server", "serve on 127.0.0.1:8080"},
      {"holdfast-server --listen 0.0.0.0:80 --threads 2", "for other machines, on two threads"},
      {"holdfast-server --hold 1s", "every read holds the lock for a second: watch the writer wait"},
      {"holdfast-server --writer-period 0 --log-format json", ""},
      {"holdfast-server --tls-cert server.pem --tls-key server.key",
       "https, with a certificate that is read again when it changes"},
      {"holdfast-server --in-memory", "keep nothing; --data DIR keeps the data elsewhere"},
      {"holdfast-server --cluster main --etcd http://127.0.0.1:2379 --advertise http://10.0.0.1:8080", ""},
      {"holdfast-server backup /backups/monday", "copies the data of a server that does not run; restore, inspect"},
      {"holdfast-server token new web --scope read:users/ >> tokens.toml", "then --tokens tokens.toml"},
      {"holdfast-server demo", "two tasks, one lock: the story in fourteen lines"},
      {"HOLDFAST_LISTEN=127.0.0.1:9090 holdfast-server healthcheck && echo ready", ""},
  };
  return all;
}

constexpr auto notes = R"(Durations are a number and a unit: 250us, 350ms, 1s, 1.5s, 2m, 1h; 0 needs none.
Every option can also be set by the environment variable beside it; the flag wins.
)";

/// What only the manual page says.
constexpr auto signals =
    R"(SIGTERM and SIGINT drain the server and end it. SIGHUP reads certificates and tokens again and reopens the logs.
As a systemd service, it runs as the user holdfast and keeps its data in /var/lib/holdfast. Settings are variables in /etc/default/holdfast-server, such as HOLDFAST_LISTEN=127.0.0.1:9090.)";

manual::command_description describe(CLI::App const& app) {
  manual::command_description command;
  for (auto const* at = &app; at != nullptr; at = at->get_parent())
    command.name = at->get_name() + (command.name.empty() ? "" : ' ' + command.name);
  command.summary = app.get_description();
  manual::add_flags(app, command);
  for (auto const* below : app.get_subcommands({})) command.commands.push_back(describe(*below));
  command.needs_command = app.get_require_subcommand_min() > 0;
  return command;
}

}  // namespace

std::string help_footer() {
  constexpr std::size_t columns = 51;
  std::string text = "\nExamples:\n";
  for (auto const& [line, about] : examples()) {
    text += "  " + line;
    if (!about.empty()) text += std::string(line.size() < columns ? columns - line.size() : 5, ' ') + about;
    text += '\n';
  }
  return text + '\n' + notes;
}

std::string man_page_of(CLI::App const& app) {
  auto program = describe(app);
  program.examples = examples();
  program.details = std::string(notes) + signals;
  manual::man_page_terms terms;
  terms.section = 8;
  terms.version = build_info().version;
  terms.statuses = {{0, "done"},
                    {1, "it can't serve, `healthcheck`: not ready, or `cluster status`: nobody leads"},
                    {2, "the command line or the environment is wrong"},
                    {65, "the data are damaged, or of a later version"},
                    {69, "`cluster status`: etcd can't be asked"},
                    {73, "the data directory can't be made, or has other files in it"},
                    {74, "the disk failed"},
                    {75, "another server uses the data"},
                    {77, "the data may not be read or written"}};
  terms.see_also = {"holdfast(1)", "curl(1)", "systemctl(1)"};
  return manual::man_page(program, terms);
}

std::string completion_of(CLI::App const& app, manual::shell shell) {
  return manual::completion(describe(app), shell);
}

}  // namespace holdfast::server
