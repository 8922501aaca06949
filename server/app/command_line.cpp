#include "server/app/command_line.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "manual/complaint.hpp"
#include "protocol/duration.hpp"
#include "server/access/token_file.hpp"
#include "server/api/version.hpp"
#include "server/app/description.hpp"
#include "server/app/flags.hpp"

namespace holdfast::server {
namespace {

void check_settings(settings const& settings) {
  for (auto const& [flag, timeout] : {std::pair("--header-timeout", settings.sessions.header_timeout),
                                      std::pair("--idle-timeout", settings.sessions.idle_timeout),
                                      std::pair("--transfer-timeout", settings.sessions.transfer_timeout)})
    if (timeout.count() == 0) throw CLI::ValidationError(flag, "must be above 0");
  if (settings.writer_period.count() != 0 && settings.writer_period < std::chrono::milliseconds(1))
    throw CLI::ValidationError("--writer-period", "must be at least 1ms, or 0 for no writer");
  if (settings.tls.certificate.empty() && !settings.tls.key.empty())
    throw CLI::ValidationError("--tls-key", "needs --tls-cert, too");
  if (settings.tls.certificate.empty() && !settings.tls.client_ca.empty())
    throw CLI::ValidationError("--tls-client-ca", "needs --tls-cert and --tls-key, too");
  if (!settings.tls.certificate.empty() && settings.tls.key.empty())
    throw CLI::ValidationError("--tls-cert", "needs --tls-key, too");
  if (settings.routes.read_hold > settings.routes.hold_max)
    throw CLI::ValidationError("--hold", "is longer than --max-hold allows (" +
                                             protocol::format_duration(settings.routes.hold_max) +
                                             "); raise --max-hold or lower --hold");
}

/// Refuses incomplete settings of a cluster. @throws CLI::ValidationError
void check_cluster(settings const& settings) {
  auto const& cluster = settings.cluster;
  if (cluster.name.empty()) {
    if (!cluster.etcd.endpoints.empty()) throw CLI::ValidationError("--etcd", "needs --cluster, too");
    if (!cluster.advertise.empty()) throw CLI::ValidationError("--advertise", "needs --cluster, too");
    if (!cluster.ca_certificate.empty()) throw CLI::ValidationError("--cluster-ca", "needs --cluster, too");
    return;
  }
  if (cluster.etcd.endpoints.empty()) throw CLI::ValidationError("--cluster", "needs --etcd, too");
  if (!cluster.etcd.user.empty() && cluster.etcd.password.empty())
    throw CLI::ValidationError("--etcd-user", "needs --etcd-password-file, too");
}

/// The same for a server that is going to serve.
void check_cluster_member(settings const& settings) {
  if (settings.cluster.name.empty()) return;
  if (settings.cluster.advertise.empty()) throw CLI::ValidationError("--cluster", "needs --advertise, too");
  if (settings.accept_loss)
    throw CLI::ValidationError("--accept-loss", "is for a damaged data directory; a cluster keeps its data in etcd");
  if (!settings.sync) throw CLI::ValidationError("--sync", "can't be off in a cluster, where etcd syncs each write");
  if (!settings.tls.certificate.empty() && !settings.cluster.advertise.starts_with("https://"))
    throw CLI::ValidationError("--advertise", "must begin with https:// because of --tls-cert");
  constexpr std::size_t body_bytes_max = 1024 * 1024;
  if (settings.sessions.body_bytes_max > body_bytes_max)
    throw CLI::ValidationError("--max-body",
                               "must be at most 1048576 in a cluster, because etcd accepts no more at once");
}

/// Refuses to serve other machines without access control and TLS. @throws CLI::ValidationError
void check_exposure(settings const& settings) {
  boost::system::error_code error;
  auto const address = boost::asio::ip::make_address(settings.listen_address, error);
  if (settings.expose_insecure || error || address.is_loopback()) return;
  auto const has_tls = !settings.tls.certificate.empty();
  auto const knows_clients = !settings.access.tokens_file.empty() || (has_tls && !settings.tls.client_ca.empty());
  if (!knows_clients)
    throw CLI::ValidationError(
        "--listen",
        "other machines could reach this server, and anybody could read and change everything. Require tokens "
        "(--tokens FILE; 'holdfast-server token new NAME' creates one) or client certificates (--tls-client-ca). If "
        "something else limits access, such as a firewall or a container's network, use --expose-insecure");
  if (!has_tls)
    throw CLI::ValidationError("--listen",
                               "tokens would cross the network in plain text. Use --tls-cert and --tls-key, or "
                               "--expose-insecure if a proxy in front of this server speaks TLS");
}

/// Names the environment variable if an error message about a flag is caused by its variable.
std::string blamed_variables(CLI::App const& app, std::vector<std::string_view> const& arguments,
                             std::string const& message) {
  std::string blamed;
  for (auto const* const option : app.get_options()) {
    auto const flag = option->get_name();
    auto const* const value = option->get_envname().empty() ? nullptr : std::getenv(option->get_envname().c_str());
    auto const is_given = std::any_of(arguments.begin(), arguments.end(),
                                      [&](std::string_view argument) { return argument.starts_with(flag); });
    if (value != nullptr && !is_given && message.starts_with(flag + ':'))
      blamed += "In the environment variable " + option->get_envname() + ":\n";
  }
  return blamed;
}

/// Adds the environment variables of a command's options, and those of its subcommands.
void add_variables(CLI::App const& app, std::vector<std::string>& to) {
  for (auto const* const option : app.get_options())
    if (!option->get_envname().empty()) to.push_back(option->get_envname());
  for (auto const* const below : app.get_subcommands({})) add_variables(*below, to);
}

/// The HOLDFAST_* variables that neither the server nor the client nor ./x reads, with a suggestion if there is one.
std::vector<std::string> unknown_variables(CLI::App const& app) {
  std::vector<std::string> ours,
      known{"HOLDFAST_CA_CERT", "HOLDFAST_CLIENT_CERT", "HOLDFAST_CLIENT_KEY", "HOLDFAST_JOBS",
            "HOLDFAST_LOCK",    "HOLDFAST_LOCK_TICKET", "HOLDFAST_LOCK_TOKEN", "HOLDFAST_NO_INSTALL",
            "HOLDFAST_TOKEN",   "HOLDFAST_TOKEN_FILE",  "HOLDFAST_URL"};
  add_variables(app, ours);
  known.insert(known.end(), ours.begin(), ours.end());
  // Without the prefix, which would make all names look alike.
  constexpr auto prefix_length = std::string_view("HOLDFAST_").size();
  for (auto& name : ours) name.erase(0, prefix_length);
  auto unknown = manual::unknown_variables(environ, known);
  for (auto& name : unknown)
    if (auto const meant = manual::closest(std::string_view(name).substr(prefix_length), ours); !meant.empty())
      name += "; did you mean HOLDFAST_" + std::string(meant) + '?';
  return unknown;
}

/// True if one of the arguments is this flag.
bool is_given(std::vector<std::string_view> const& arguments, std::string_view flag) {
  return std::any_of(arguments.begin(), arguments.end(), [&](std::string_view argument) {
    return argument == flag || (argument.starts_with(flag) && argument.substr(flag.size()).starts_with('='));
  });
}

/// Settles --data and --in-memory: a flag takes precedence over a variable. A cluster keeps its data in etcd.
void choose_journal(std::vector<std::string_view> const& arguments, bool in_memory, settings& to) {
  if (!to.cluster.name.empty()) {
    for (auto const* const flag : {"--data", "--in-memory"})
      if (is_given(arguments, flag)) throw CLI::ValidationError(flag, "a server of a cluster keeps its data in etcd");
    if (is_given(arguments, "--backups"))
      throw CLI::ValidationError(
          "--backups", "a server of a cluster makes no backups, its data is in etcd; use 'etcdctl snapshot save FILE'");
    to.data_directory.clear();
    return;
  }
  if (!in_memory) return;
  auto const flag_in_memory = is_given(arguments, "--in-memory"), flag_data = is_given(arguments, "--data");
  if (flag_in_memory && flag_data)
    throw CLI::ValidationError("--in-memory", "and --data exclude each other; use one of them");
  if (!flag_data) to.data_directory.clear();
}

/// Full help for the command that `words` name, or for the program.
print_command answer_to_help(CLI::App const& app, std::vector<std::string> const& words) {
  auto const* about = &app;
  for (auto const& word : words) {
    auto const below = about->get_subcommands([&](auto const* one) { return one->check_name(word); });
    if (below.empty())
      return {
          "holdfast-server: " + manual::complaint_about_command(*about, {word}) + "\nTry 'holdfast-server --help'.\n",
          2};
    about = below.front();
  }
  return {full_help_of(*about), 0};
}

/// The subcommands about data directories.
void add_data_commands(CLI::App& app, std::optional<data_command>& wanted, std::string& named) {
  using what = data_command::what;
  auto const add = [&](char const* name, char const* description, what which, char const* argument,
                       char const* its_description) {
    auto* const one = app.add_subcommand(name, description);
    auto* const path = one->add_option(argument, named, its_description)->type_name("DIR");
    if (which == what::backup || which == what::restore) path->required();
    one->final_callback([&wanted, which] { wanted.emplace().which = which; });
  };
  add("inspect", "Show what a data directory or a backup contains, and check it", what::inspect, "DIRECTORY",
      "Directory to read (default: --data)");
  add("backup", "Copy the data of a server that is not running", what::backup, "TO",
      "Directory for the copy: empty, or it does not exist");
  add("restore", "Create the data directory from a backup", what::restore, "FROM", "Directory of the backup");
  add("check-disk", "Measure how fast the disk syncs, and whether it really does", what::check_disk, "DIRECTORY",
      "Directory on the disk (default: --data)");
}

/// The subcommand that creates tokens.
void add_token_command(CLI::App& app, std::optional<token_command>& wanted, token_command& to) {
  auto* const above = app.add_subcommand("token", "Create tokens for --tokens");
  above->require_subcommand(1);
  auto* const one = above->add_subcommand("new", "Create a token: print its entry for the token file, and its secret");
  one->add_option("NAME", to.made.name, "Name of its owner, for logs")->required();
  one->add_option_function<std::vector<std::string>>(
         "--scope",
         [&to](std::vector<std::string> const& texts) {
           for (auto const& text : texts) {
             auto permission = parse_permission(text);
             if (!permission)
               throw CLI::ValidationError("--scope", "'" + text +
                                                         "' is not a scope; write read:PREFIX, write:PREFIX, "
                                                         "lock:PREFIX (read: for all keys) or admin");
             to.made.permissions.push_back(*std::move(permission));
           }
         },
         "read:PREFIX, write:PREFIX, lock:PREFIX or admin\nWithout a prefix, as in read:, it applies to all keys. "
         "May be repeated.")
      ->type_name("SCOPE")
      ->required()
      ->expected(1, 1'000);
  one->add_option_function<std::string>(
         "--expires",
         [&to](std::string const& text) {
           if (auto const when = parse_instant(text)) {
             to.made.expires = *when;
           } else if (auto const after = protocol::parse_duration(text); after && after->count() > 0) {
             to.made.expires = std::chrono::system_clock::now() +
                               std::chrono::duration_cast<std::chrono::system_clock::duration>(*after);
           } else {
             throw CLI::ValidationError("--expires", "'" + text +
                                                         "' is neither an instant such as 2027-01-01T00:00:00Z "
                                                         "nor a duration such as 720h");
           }
         },
         "When it expires\nAn instant, such as 2027-01-01T00:00:00Z, or a duration, such as 720h.")
      ->type_name("WHEN")
      ->default_str("never");
  one->final_callback([&wanted, &to] { wanted = to; });
}

/// Adds the subcommand about clusters.
void add_cluster_command(CLI::App& app, bool& wanted) {
  auto* const above = app.add_subcommand("cluster", "Look at a cluster");
  above->require_subcommand(1);
  auto* const one = above->add_subcommand("status", "Show who leads and who stands by: status 0 if a server leads");
  one->final_callback([&wanted] { wanted = true; });
}

/// The address at which this machine reaches a server that listens on `address`.
std::string reachable(std::string const& address) {
  if (address == "0.0.0.0") return "127.0.0.1";
  if (address == "::") return "::1";
  return address;
}

/// Takes the address and the TLS settings from the command line of the server that is the process `pid`. Words before
/// the program's name, such as tini as an init, are skipped. Its environment is assumed to be that of this process, as
/// in a container. If the command line can't be read, the environment alone decides.
void take_listen_of_process(unsigned pid, settings& to) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(std::move(word));
  auto const program = std::ranges::find_if(words, [](auto const& word) { return word.ends_with("holdfast-server"); });
  std::vector<char const*> argv;
  for (auto word = program; word != words.end(); ++word) argv.push_back(word->c_str());
  if (argv.empty()) return;
  auto const its = parse_command_line(static_cast<int>(argv.size()), argv.data());
  if (auto const* const serves = std::get_if<serve_command>(&its)) {
    to.listen_address = serves->settings.listen_address;
    to.listen_port = serves->settings.listen_port;
    to.tls = serves->settings.tls;
  }
}

}  // namespace

command parse_command_line(int argc, char const* const* argv) {
  settings settings;
  settings.threads = std::clamp(std::thread::hardware_concurrency(), 1U, 1024U);
  demo_command demo;
  healthcheck_command healthcheck;
  healthcheck.timeout = std::chrono::seconds(3);

  CLI::App app("Holdfast, a key-value server that shows its lock.", "holdfast-server");
  app.set_help_flag("-h,--help", "Print this and exit")->group("Help");
  app.set_version_flag("--version", version_text(), "Print the version and exit")->group("Help");
  app.require_subcommand(0, 1);
  app.fallthrough();
  settings.data_directory = "./holdfast-data";
  auto in_memory = false;
  add_settings(app, settings, in_memory);

  auto* const demo_app = app.add_subcommand("demo", "Run the two tasks of the tutorial, and print what each does");
  demo_app->add_option("--rounds", demo.rounds, "Number of values that the reader prints")
      ->check(CLI::Range(1, 1000))
      ->type_name("N")
      ->capture_default_str();
  auto* const healthcheck_app =
      app.add_subcommand("healthcheck", "Ask the server at --listen if it is ready: status 0 or 1");
  unsigned healthcheck_process = 0;
  healthcheck_app
      ->add_option("--pid", healthcheck_process,
                   "Process of the server to ask\nThe address is taken from the flags of its command line.")
      ->type_name("PID");
  add_duration(*healthcheck_app, "--timeout", "HOLDFAST_HEALTHCHECK_TIMEOUT", "Time to answer", "3s",
               [&](auto timeout) { healthcheck.timeout = timeout; });
  healthcheck_app
      ->add_option("--client-cert", healthcheck.trust.client_certificate,
                   "Certificate to show (PEM), for --tls-client-ca")
      ->envname("HOLDFAST_HEALTHCHECK_CLIENT_CERT")
      ->type_name("FILE");
  healthcheck_app->add_option("--client-key", healthcheck.trust.client_key, "Its key, if not in the same file (PEM)")
      ->envname("HOLDFAST_HEALTHCHECK_CLIENT_KEY")
      ->type_name("FILE");

  std::optional<data_command> data;
  std::string named;
  add_data_commands(app, data, named);
  std::optional<token_command> token;
  token_command making;
  add_token_command(app, token, making);
  auto wants_cluster_status = false;
  add_cluster_command(app, wants_cluster_status);

  auto* const completion_app =
      app.add_subcommand("completion", "Print a script by which a shell completes holdfast-server");
  std::string shell;
  completion_app->add_option("SHELL", shell, "The shell")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->type_name("SHELL")
      ->required();
  auto* const man_app = app.add_subcommand("man", "Print the manual page");
  auto* const help_app = app.add_subcommand("help", "Show everything about a command");
  std::vector<std::string> help_about;
  help_app->add_option("COMMAND", help_about, "Such as `backup` or `token new`; without it, the program");
  auto* const version_app = app.add_subcommand("version", "Print the version");

  std::vector<std::string_view> const arguments(argv + 1, argv + argc);
  try {
    app.parse(argc, argv);
    check_settings(settings);
    check_cluster(settings);
    if (app.get_subcommands().empty()) {
      check_cluster_member(settings);
      check_exposure(settings);
    }
    if (wants_cluster_status && settings.cluster.name.empty())
      throw CLI::ValidationError("cluster status", "needs --cluster NAME and --etcd URLS");
    if (!data) choose_journal(arguments, in_memory, settings);
  } catch (CLI::CallForHelp const&) {
    return print_command{help_of(manual::chosen_in(app))};
  } catch (CLI::CallForVersion const&) {
    return print_command{version_text() + '\n'};
  } catch (CLI::ParseError const& error) {
    // Help is available even if a variable is wrong.
    for (auto const argument : arguments)
      if (argument == "--help" || argument == "-h") return print_command{help_of(app)};
    return print_command{blamed_variables(app, arguments, error.what()) + manual::complaint(app, error), 2};
  }
  if (*completion_app)
    return print_command{completion_of(app, shell == "bash"  ? manual::shell::bash
                                            : shell == "zsh" ? manual::shell::zsh
                                                             : manual::shell::fish)};
  if (*man_app) return print_command{man_page_of(app)};
  if (*version_app) return print_command{version_text() + '\n'};
  if (*help_app) return answer_to_help(app, help_about);
  if (*demo_app) return demo;
  if (*healthcheck_app) {
    if (healthcheck_process != 0) take_listen_of_process(healthcheck_process, settings);
    healthcheck.address = reachable(settings.listen_address);
    healthcheck.port = settings.listen_port;
    healthcheck.is_tls = !settings.tls.certificate.empty();
    // The check asks its own machine, whose address no certificate names, and the answer is not secret.
    healthcheck.trust.accept_any = true;
    return healthcheck;
  }
  if (wants_cluster_status) return cluster_command{std::move(settings.cluster)};
  if (token) return *std::move(token);
  if (data) {
    data->data = std::move(settings.data_directory);
    data->named = std::move(named);
    return *std::move(data);
  }
  return serve_command{std::move(settings), unknown_variables(app)};
}

}  // namespace holdfast::server
