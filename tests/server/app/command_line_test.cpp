#include "server/app/command_line.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <cstdlib>
#include <sstream>
#include <vector>

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;

command parse(std::vector<char const*> arguments) {
  arguments.insert(arguments.begin(), "holdfast-server");
  return parse_command_line(static_cast<int>(arguments.size()), arguments.data());
}

settings settings_of(std::vector<char const*> arguments) {
  auto const parsed = parse(std::move(arguments));
  if (auto const* refused = std::get_if<print_command>(&parsed)) ADD_FAILURE() << refused->text;
  auto const* const serve = std::get_if<serve_command>(&parsed);
  return serve == nullptr ? settings{} : serve->settings;
}

/// Expects status 2 and returns the message.
std::string refusal_of(std::vector<char const*> arguments) {
  auto const parsed = parse(std::move(arguments));
  auto const* const refused = std::get_if<print_command>(&parsed);
  if (refused == nullptr) {
    ADD_FAILURE() << "was accepted";
    return {};
  }
  EXPECT_EQ(refused->exit_status, 2);
  return refused->text;
}

bool says(std::string const& text, std::string const& part) {
  return text.find(part) != std::string::npos;
}

/// Sets an environment variable during its own lifetime.
struct variable {
  variable(char const* its_name, char const* value) : name(its_name) { ::setenv(name, value, 1); }
  ~variable() { ::unsetenv(name); }
  variable(variable const&) = delete;
  variable& operator=(variable const&) = delete;
  char const* name;
};

TEST(command_line, without_arguments_it_serves_with_the_documented_defaults) {
  auto const got = settings_of({});
  EXPECT_EQ(got.listen_address, "127.0.0.1");
  EXPECT_EQ(got.listen_port, 8080);
  EXPECT_GE(got.threads, 1U);
  EXPECT_EQ(got.writer_period, 350ms);
  EXPECT_EQ(got.writer_key, "my-key");
  EXPECT_EQ(got.routes.read_hold, 0s);
  EXPECT_EQ(got.routes.hold_max, 60s);
  EXPECT_EQ(got.routes.lock_timeout, std::nullopt);
  EXPECT_EQ(got.drain_timeout, 5s);
  EXPECT_EQ(got.connections_max, 16384U);
  EXPECT_EQ(got.sessions.header_bytes_max, 8192U);
  EXPECT_EQ(got.sessions.body_bytes_max, 1048576U);
}

TEST(command_line, every_setting_can_be_set) {
  auto const got = settings_of({"--listen",         "[::1]:9090", "--threads",       "3",    "--writer-period",    "0",
                                "--writer-key",     "k",          "--hold",          "1s",   "--max-hold",         "2s",
                                "--lock-timeout",   "0",          "--drain-timeout", "1s",   "--max-connections",  "7",
                                "--max-waiters",    "0",          "--max-header",    "1024", "--max-body",         "10",
                                "--header-timeout", "1s",         "--idle-timeout",  "2s",   "--transfer-timeout", "3s",
                                "--log-level",      "debug",      "--log-format",    "json"});
  EXPECT_EQ(got.listen_address, "::1");
  EXPECT_EQ(got.listen_port, 9090);
  EXPECT_EQ(got.threads, 3U);
  EXPECT_EQ(got.writer_period, 0s);
  EXPECT_EQ(got.writer_key, "k");
  EXPECT_EQ(got.routes.read_hold, 1s);
  EXPECT_EQ(got.routes.hold_max, 2s);
  EXPECT_EQ(got.routes.lock_timeout, 0s);
  EXPECT_EQ(got.drain_timeout, 1s);
  EXPECT_EQ(got.connections_max, 7U);
  EXPECT_EQ(got.waiters_max, 0U);
  EXPECT_EQ(got.sessions.header_bytes_max, 1024U);
  EXPECT_EQ(got.sessions.body_bytes_max, 10U);
  EXPECT_EQ(got.sessions.header_timeout, 1s);
  EXPECT_EQ(got.sessions.idle_timeout, 2s);
  EXPECT_EQ(got.sessions.transfer_timeout, 3s);
  EXPECT_EQ(got.log_level, "debug");
  EXPECT_EQ(got.log_format, log_format::json);
}

TEST(command_line, the_environment_sets_what_no_flag_does) {
  variable const listen("HOLDFAST_LISTEN", "0.0.0.0:8081"), threads("HOLDFAST_THREADS", "2"),
      hold("HOLDFAST_HOLD", "5ms");
  auto const got = settings_of({"--threads", "1", "--expose-insecure"});
  EXPECT_EQ(got.listen_address, "0.0.0.0");
  EXPECT_EQ(got.listen_port, 8081);
  EXPECT_EQ(got.threads, 1U);
  EXPECT_EQ(got.routes.read_hold, 5ms);
}

// `--listen 0.0.0.0` gave everybody in the network access to the database, without a warning.
TEST(command_line, does_not_serve_others_unless_it_is_safe_or_said_not_to_be) {
  for (auto const* const address : {"0.0.0.0:1", "[::]:1", "192.0.2.1:1"}) {
    EXPECT_TRUE(says(refusal_of({"--listen", address}), "--tokens FILE"));
    EXPECT_TRUE(says(refusal_of({"--listen", address, "--tokens", "t"}), "plain text"));
    EXPECT_EQ(settings_of({"--listen", address, "--expose-insecure"}).listen_port, 1);
  }
  EXPECT_EQ(settings_of({"--listen", "[::1]:1"}).listen_port, 1);
  EXPECT_EQ(settings_of({"--listen", "127.0.0.2:1", "--tokens", "t"}).access.tokens_file, "t");
  variable const said("HOLDFAST_EXPOSE_INSECURE", "true");
  EXPECT_EQ(settings_of({"--listen", "0.0.0.0:1"}).listen_port, 1);
}

TEST(command_line, a_token_is_made_with_scopes_and_an_end) {
  auto const parsed = parse({"token", "new", "web", "--scope", "read:users/", "--scope", "admin", "--expires", "24h"});
  auto const& made = std::get<token_command>(parsed).made;
  EXPECT_EQ(made.name, "web");
  ASSERT_EQ(made.permissions.size(), 2U);
  EXPECT_EQ(to_string(made.permissions[0]), "read:users/");
  EXPECT_EQ(to_string(made.permissions[1]), "admin");
  EXPECT_GT(*made.expires, token::instant::clock::now() + 23h);
  EXPECT_TRUE(says(refusal_of({"token", "new", "web", "--scope", "all"}), "read:PREFIX"));
  EXPECT_TRUE(says(refusal_of({"token", "new", "web", "--scope", "read:", "--expires", "soon"}), "2027"));
}

TEST(command_line, limits_are_off_unless_they_are_set) {
  EXPECT_FALSE(settings_of({}).access.is_used());
  auto const got = settings_of({"--limit-requests", "100", "--limit-bytes", "1MiB", "--limit-lock-time", "100ms",
                                "--limit-streams", "3", "--limit-connections", "4"});
  EXPECT_EQ(got.access.rates.requests, 100U);
  EXPECT_EQ(got.access.rates.bytes, 1048576U);
  EXPECT_EQ(got.access.rates.lock_time, 100ms);
  EXPECT_EQ(got.access.streams_max, 3U);
  EXPECT_EQ(got.access.connections_max, 4U);
}

TEST(command_line, a_wrong_value_is_refused_with_what_would_be_right) {
  EXPECT_TRUE(says(refusal_of({"--hold", "10"}), "10ms"));
  EXPECT_TRUE(says(refusal_of({"--listen", "8080"}), "127.0.0.1:8080"));
  EXPECT_TRUE(says(refusal_of({"--listen", "::1:8080"}), "brackets"));
  EXPECT_TRUE(says(refusal_of({"--listen", "127.0.0.1:70000"}), "65535"));
  EXPECT_TRUE(says(refusal_of({"--listen", "example.org:80"}), "IP address"));
  EXPECT_TRUE(says(refusal_of({"--log-level", "loud"}), "debug"));
  EXPECT_TRUE(says(refusal_of({"--log-format", "xml"}), "json"));
  EXPECT_TRUE(says(refusal_of({"--threads", "0"}), "1"));
  EXPECT_TRUE(says(refusal_of({"--threads", "many"}), "--threads"));
  EXPECT_TRUE(says(refusal_of({"--writer-key", ""}), "key"));
  EXPECT_TRUE(says(refusal_of({"--hold", "2m"}), "--max-hold"));
  EXPECT_TRUE(says(refusal_of({"--wat"}), "--help"));
  EXPECT_TRUE(says(refusal_of({"wat"}), "--help"));
}

TEST(command_line, a_wrong_variable_is_refused_by_its_name) {
  variable const hold("HOLDFAST_HOLD", "10");
  EXPECT_TRUE(says(refusal_of({}), "--hold"));
  EXPECT_TRUE(says(refusal_of({}), "HOLDFAST_HOLD"));
  EXPECT_EQ(std::get<print_command>(parse({"--help"})).exit_status, 0) << "help is given all the same";
}

// HOLDFAST_LISTN=… had no effect, and nothing said so. Kubernetes sets the last two for a service named holdfast.
TEST(command_line, a_variable_that_does_not_exist_is_reported) {
  variable const slip("HOLDFAST_LISTN", "127.0.0.1:1"), of_client("HOLDFAST_URL", "x"),
      service("HOLDFAST_SERVICE_HOST", "10.0.0.1"), port("HOLDFAST_PORT_8080_TCP_ADDR", "10.0.0.1");
  EXPECT_EQ(std::get<serve_command>(parse({})).unknown_variables,
            std::vector<std::string>{"HOLDFAST_LISTN; did you mean HOLDFAST_LISTEN?"});
}

// CLI11 reads numbers as C does, where 010 is eight.
TEST(command_line, numbers_are_decimal) {
  EXPECT_EQ(settings_of({"--threads", "010"}).threads, 10U);
  EXPECT_TRUE(says(refusal_of({"--max-connections", "1e3"}), "1e3"));
  EXPECT_TRUE(says(refusal_of({"--max-connections", "-1"}), "-1"));
}

TEST(command_line, no_wait_without_an_end) {
  EXPECT_TRUE(says(refusal_of({"--idle-timeout", "0"}), "above 0"));
}

std::string printed_by(std::vector<char const*> arguments) {
  auto const parsed = parse(std::move(arguments));
  auto const* const printed = std::get_if<print_command>(&parsed);
  if (printed == nullptr) {
    ADD_FAILURE() << "prints nothing";
    return {};
  }
  EXPECT_EQ(printed->exit_status, 0);
  return printed->text;
}

std::vector<std::vector<char const*>> const all_commands{
    {},         {"demo"},         {"healthcheck"}, {"inspect"},           {"backup"},     {"restore"}, {"check-disk"},
    {"token"},  {"token", "new"}, {"cluster"},     {"cluster", "status"}, {"completion"}, {"man"},     {"help"},
    {"version"}};

// Help had lines of 200 columns, in the order of the code, with the most common flags somewhere between.
TEST(command_line, help_fits_eighty_columns_a_line_for_each_flag) {
  for (auto command : all_commands) {
    command.push_back("--help");
    auto const help = printed_by(command);
    EXPECT_TRUE(says(help, "\nUsage: holdfast-server")) << command[0];
    std::istringstream lines(help);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(line.size(), 80U) << line;
      EXPECT_FALSE(line.starts_with("             ")) << "more than one line for a flag: " << line;
    }
  }
}

TEST(command_line, help_begins_with_the_most_common_examples_and_has_its_flags_in_groups) {
  auto const help = printed_by({"--help"});
  std::size_t at = 0;
  for (auto const* const part :
       {"\nExamples\n  holdfast-server  ", "\nCommands\n", "\nService\n      --listen", "\nData\n      --data",
        "\nLock\n      --hold DURATION", "\nLogs\n", "\n  -h, --help", "\nExit status\n", "HOLDFAST_MAX_HOLD"}) {
    auto const found = help.find(part, at);
    EXPECT_NE(found, std::string::npos) << part;
    if (found != std::string::npos) at = found;
  }
}

// `backup --help` showed how to start a server, and `healthcheck --help` too.
TEST(command_line, help_of_a_subcommand_shows_its_own_examples_and_the_flags_that_it_uses) {
  for (auto const& words : all_commands) {
    if (words.empty() || words[0] == std::string("version")) continue;
    auto asked = words;
    asked.push_back("--help");
    auto const text = printed_by(asked);
    auto const examples = text.find("\nExamples\n");
    ASSERT_NE(examples, std::string::npos) << words[0];
    EXPECT_NE(text.find(std::string("holdfast-server ") + words[0], examples), std::string::npos) << words[0];
    EXPECT_FALSE(says(text, "watch the writer wait")) << words[0];
  }
  EXPECT_TRUE(says(printed_by({"cluster", "status", "--help"}), "--etcd URLS"));
  EXPECT_TRUE(says(printed_by({"backup", "--help"}), "--data DIR"));
  EXPECT_FALSE(says(printed_by({"backup", "--help"}), "--hold"));
}

TEST(command_line, the_word_help_shows_details_too) {
  EXPECT_FALSE(says(printed_by({"--help"}), "/etc/default/holdfast-server"));
  EXPECT_TRUE(says(printed_by({"help"}), "/etc/default/holdfast-server"));
  EXPECT_TRUE(says(printed_by({"help", "token", "new"}), "2027-01-01T00:00:00Z"));
  EXPECT_TRUE(says(refusal_of({"help", "bakcup"}), "did you mean 'backup'?"));
  EXPECT_TRUE(says(printed_by({"version"}), "holdfast-server "));
  EXPECT_EQ(printed_by({"version"}), printed_by({"--version"}));
}

// The help names one variable and the rule for the rest.
TEST(command_line, each_flag_but_accept_loss_has_the_variable_of_its_name) {
  auto page = printed_by({"man"});
  page = page.substr(0, page.find("\n.SH COMMANDS"));
  for (std::size_t at = 0; (at = page.find("\\-\\-", at)) != std::string::npos;) {
    if (!page.substr(0, at).ends_with("\n\\fB")) {  // not a label
      ++at;
      continue;
    }
    auto const label_end = page.find("\\fR", at);
    std::string variable = "HOLDFAST_";
    for (auto const c : page.substr(at + 4, label_end - at - 4))
      if (c != '\\') variable += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    auto const entry = page.substr(at, page.find(".TP", at) - at);
    auto const has_none = variable == "HOLDFAST_ACCEPT_LOSS" || variable == "HOLDFAST_VERSION";
    EXPECT_EQ(says(entry, "\nEnvironment: \\fB" + variable + "\\fR"), !has_none) << entry;
    at = label_end;
  }
}

TEST(command_line, a_slip_is_answered_with_what_was_meant) {
  EXPECT_TRUE(says(refusal_of({"helthcheck"}), "did you mean 'healthcheck'?"));
  EXPECT_TRUE(says(refusal_of({"--lisen", "127.0.0.1:1"}), "Did you mean --listen instead of --lisen?"));
  EXPECT_TRUE(says(refusal_of({"token"}), "a command of token is missing; there are new"));
  EXPECT_TRUE(says(refusal_of({"wat"}), "holdfast-server: there is no command 'wat'\nThere are demo, "));
  EXPECT_TRUE(says(refusal_of({"inspect", "a", "b", "--c"}), "not expected: b --c\nTry 'holdfast-server inspect"));
  EXPECT_TRUE(says(refusal_of({"--", "--listen", "127.0.0.1:1"}), "No flag may follow --; leave it out.\nTry"));
}

TEST(command_line, demo_and_healthcheck_are_commands) {
  EXPECT_EQ(std::get<demo_command>(parse({"demo"})).rounds, 2U);
  EXPECT_EQ(std::get<demo_command>(parse({"demo", "--rounds", "5"})).rounds, 5U);
  EXPECT_TRUE(says(refusal_of({"demo", "--rounds", "0"}), "rounds"));
  variable const listen("HOLDFAST_LISTEN", "0.0.0.0:8081");
  auto const parsed = parse({"healthcheck", "--timeout", "1s"});
  auto const& check = std::get<healthcheck_command>(parsed);
  EXPECT_EQ(check.address, "127.0.0.1") << "a server that listens everywhere is asked at the loopback";
  EXPECT_EQ(check.port, 8081);
  EXPECT_EQ(check.timeout, 1s);
}

TEST(command_line, settings_are_live_unless_they_are_not_to_be) {
  EXPECT_TRUE(settings_of({}).live_settings);
  EXPECT_FALSE(settings_of({"--no-live-settings"}).live_settings);
  variable const set("HOLDFAST_NO_LIVE_SETTINGS", "1");
  EXPECT_FALSE(settings_of({}).live_settings);
}

TEST(command_line, data_are_kept_unless_they_are_not_to_be) {
  EXPECT_EQ(settings_of({}).data_directory, "./holdfast-data");
  EXPECT_TRUE(settings_of({}).sync);
  EXPECT_FALSE(settings_of({}).accept_loss);
  EXPECT_EQ(settings_of({"--data", "/d"}).data_directory, "/d");
  EXPECT_EQ(settings_of({"--in-memory"}).data_directory, "");
  EXPECT_FALSE(settings_of({"--sync", "off"}).sync);
  EXPECT_TRUE(settings_of({"--accept-loss"}).accept_loss);
  EXPECT_EQ(settings_of({"--backups", "/b"}).backups_directory, "/b");
  EXPECT_TRUE(says(refusal_of({"--sync", "sometimes"}), "neither on nor off"));
  EXPECT_TRUE(says(refusal_of({"--data", ""}), "--in-memory"));
  EXPECT_TRUE(says(refusal_of({"--data", "/d", "--in-memory"}), "use one of them"));
}

// A variable that says "keep nothing" must not silently undo a flag that says where to keep it.
TEST(command_line, of_data_and_in_memory_the_flag_wins) {
  {
    variable const in_memory("HOLDFAST_IN_MEMORY", "1");
    EXPECT_EQ(settings_of({}).data_directory, "");
    EXPECT_EQ(settings_of({"--data", "/d"}).data_directory, "/d");
    EXPECT_EQ(settings_of({"--data=/d"}).data_directory, "/d");
  }
  variable const data("HOLDFAST_DATA", "/variable");
  EXPECT_EQ(settings_of({}).data_directory, "/variable");
  EXPECT_EQ(settings_of({"--in-memory"}).data_directory, "");
}

TEST(command_line, data_commands_know_their_directories) {
  using what = data_command::what;
  auto const command_of = [](std::vector<char const*> arguments) {
    return std::get<data_command>(parse(std::move(arguments)));
  };
  auto const backup = command_of({"backup", "/copy", "--data", "/d"});
  EXPECT_EQ(backup.which, what::backup);
  EXPECT_EQ(backup.data, "/d");
  EXPECT_EQ(backup.named, "/copy");
  EXPECT_EQ(command_of({"restore", "/copy"}).which, what::restore);
  EXPECT_EQ(command_of({"restore", "/copy"}).data, "./holdfast-data");
  EXPECT_EQ(command_of({"inspect"}).named, "");
  EXPECT_EQ(command_of({"inspect", "/copy"}).named, "/copy");
  EXPECT_EQ(command_of({"check-disk", "/disk"}).which, what::check_disk);
  EXPECT_TRUE(says(refusal_of({"backup"}), "TO is required"));
  EXPECT_TRUE(says(refusal_of({"restore"}), "FROM is required"));
}

TEST(command_line, takes_several_host_names) {
  EXPECT_EQ(settings_of({"--host-name", "a.example", "--host-name", "b.example"}).routes.host_names,
            (std::vector<std::string>{"a.example", "b.example"}));
}

std::vector<char const*> in_cluster(std::vector<char const*> more = {}) {
  std::vector<char const*> arguments{"--cluster",   "main",          "--etcd", "http://a:2379,https://b:2379",
                                     "--advertise", "http://me:8080"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(command_line, a_server_of_a_cluster_keeps_its_data_in_etcd) {
  variable const data("HOLDFAST_DATA", "/data");
  auto const got = settings_of(in_cluster());
  EXPECT_EQ(got.cluster.name, "main");
  EXPECT_EQ(got.cluster.etcd.endpoints, (std::vector<std::string>{"http://a:2379", "https://b:2379"}));
  EXPECT_EQ(got.cluster.advertise, "http://me:8080");
  EXPECT_EQ(got.cluster.lease, 5s);
  EXPECT_EQ(got.cluster.reads, read_rule::confirmed);
  EXPECT_EQ(got.cluster.compaction_period, 5min);
  EXPECT_EQ(got.data_directory, "");
  auto const other = settings_of(in_cluster({"--reads", "lease", "--cluster-lease", "10s", "--etcd-compaction", "0"}));
  EXPECT_EQ(other.cluster.reads, read_rule::lease);
  EXPECT_EQ(other.cluster.lease, 10s);
  EXPECT_EQ(other.cluster.compaction_period, 0s);
  EXPECT_TRUE(says(refusal_of(in_cluster({"--data", "/d"})), "--data"));
  EXPECT_TRUE(says(refusal_of(in_cluster({"--in-memory"})), "--in-memory"));
}

// They did nothing. Packages set the directories of all servers by variables, which therefore are no error.
TEST(command_line, flags_about_a_data_directory_do_not_go_with_a_cluster) {
  variable const backups("HOLDFAST_BACKUPS", "/backups");
  EXPECT_EQ(settings_of(in_cluster({"--sync", "on"})).cluster.name, "main");
  EXPECT_TRUE(says(refusal_of(in_cluster({"--backups", "/b"})), "etcdctl snapshot save"));
  EXPECT_TRUE(says(refusal_of(in_cluster({"--accept-loss"})), "--accept-loss: is for a damaged data directory"));
  EXPECT_TRUE(says(refusal_of(in_cluster({"--sync", "off"})), "--sync: can't be off in a cluster"));
  variable const sync("HOLDFAST_SYNC", "off");
  EXPECT_TRUE(says(refusal_of(in_cluster()), "HOLDFAST_SYNC"));
}

TEST(command_line, says_what_a_cluster_lacks) {
  EXPECT_TRUE(says(refusal_of({"--cluster", "main"}), "--etcd"));
  EXPECT_TRUE(says(refusal_of({"--cluster", "main", "--etcd", "http://a:2379"}), "--advertise"));
  EXPECT_TRUE(says(refusal_of({"--etcd", "http://a:2379"}), "--cluster"));
  EXPECT_TRUE(says(refusal_of({"--advertise", "http://a:80"}), "--cluster"));
  EXPECT_TRUE(says(refusal_of({"--cluster", "a/b"}), "is not a valid name"));
  EXPECT_TRUE(says(refusal_of({"--cluster", "main", "--etcd", "a:2379"}), "is no URL of etcd"));
  for (auto const* const url :
       {"me:8080", "ftp://me:8080", "http://me", "https://me", "http://:80", "http://me:8080/path"})
    EXPECT_TRUE(says(refusal_of({"--cluster", "main", "--etcd", "http://a:2379", "--advertise", url}), url));
  for (auto const* const url : {"http://0.0.0.0:80", "http://[::]:80"})
    EXPECT_TRUE(says(refusal_of({"--cluster", "main", "--etcd", "http://a:2379", "--advertise", url}),
                     "the other servers reach this server"));
  for (auto const* const url : {"http://127.0.0.1:0", "https://me:000"})
    EXPECT_TRUE(says(refusal_of({"--cluster", "main", "--etcd", "http://a:2379", "--advertise", url}),
                     "has no port to connect to"));
  EXPECT_TRUE(says(refusal_of(in_cluster({"--max-body", "1048577"})), "--max-body"));
  EXPECT_TRUE(says(refusal_of(in_cluster({"--cluster-lease", "1500ms"})), "--cluster-lease"));
  EXPECT_TRUE(says(refusal_of(in_cluster({"--reads", "stale"})), "--reads"));
  EXPECT_TRUE(says(refusal_of(in_cluster({"--etcd-user", "u"})), "--etcd-password-file"));
  EXPECT_TRUE(says(refusal_of(in_cluster({"--etcd-password-file", "/nowhere"})), "/nowhere"));
  EXPECT_TRUE(says(refusal_of(in_cluster({"--tls-cert", "c", "--tls-key", "k"})), "must begin with https://"));
  EXPECT_TRUE(says(refusal_of({"--cluster-ca", "ca"}), "needs --cluster"));
}

TEST(command_line, servers_of_a_cluster_may_use_tls) {
  auto const got = settings_of({"--cluster", "main", "--etcd", "http://a:2379", "--advertise", "https://me:8443",
                                "--tls-cert", "c", "--tls-key", "k", "--cluster-ca", "ca"});
  EXPECT_EQ(got.cluster.advertise, "https://me:8443");
  EXPECT_EQ(got.cluster.ca_certificate, "ca");
  EXPECT_EQ(got.tls.certificate, "c");
}

TEST(command_line, the_status_of_a_cluster_needs_no_server) {
  auto const parsed = parse({"cluster", "status", "--cluster", "main", "--etcd", "http://a:2379"});
  auto const* const status = std::get_if<cluster_command>(&parsed);
  ASSERT_NE(status, nullptr);
  EXPECT_EQ(status->cluster.prefix(), "/holdfast/main/");
  EXPECT_TRUE(says(refusal_of({"cluster", "status"}), "--cluster"));
}

}  // namespace
}  // namespace holdfast::server
