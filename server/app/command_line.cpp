#include "server/app/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "protocol/duration.hpp"
#include "protocol/key.hpp"
#include "server/access/token_file.hpp"
#include "server/api/version.hpp"
#include "server/app/description.hpp"
#include "server/cluster/etcd_client.hpp"
#include "server/log/log.hpp"

namespace holdfast::server {
namespace {

struct listen_at {
  std::string address;
  std::uint16_t port;
};

/// `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`.
listen_at parse_listen(std::string const& text) {
  auto const bad = [&](std::string const& why) {
    return CLI::ValidationError("--listen",
                                "'" + text + "' is not an address: " + why +
                                    "; write ADDRESS:PORT, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080");
  };
  auto const colon = text.rfind(':');
  if (colon == std::string::npos) throw bad("the port is missing");
  auto address = text.substr(0, colon);
  if (address.size() > 1 && address.front() == '[' && address.back() == ']') {
    address = address.substr(1, address.size() - 2);
  } else if (address.find(':') != std::string::npos) {
    throw bad("an IPv6 address stands in brackets");
  }
  if (address == "localhost") address = "127.0.0.1";
  boost::system::error_code error;
  boost::asio::ip::make_address(address, error);
  if (error) throw bad("'" + address + "' is no IP address");
  std::uint16_t port = 0;
  auto const [end, wrong] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
  if (wrong != std::errc() || end != text.data() + text.size()) throw bad("the port must be 0 to 65535");
  return {address, port};
}

/// Adds an option whose value is a duration.
CLI::Option* add_duration(CLI::App& app, std::string const& flag, std::string const& variable, std::string const& what,
                          std::string const& standard, std::function<void(nanoseconds)> set) {
  return app
      .add_option_function<std::string>(
          flag,
          [flag, set = std::move(set)](std::string const& text) {
            auto const duration = protocol::parse_duration(text);
            if (!duration) throw CLI::ValidationError(flag, duration.error().detail);
            set(*duration);
          },
          what)
      ->envname(variable)
      ->type_name("DURATION")
      ->default_str(standard);
}

/// Adds an option whose value is a count within bounds.
template <class T>
CLI::Option* add_count(CLI::App& app, std::string const& flag, std::string const& variable, std::string const& what,
                       T& count, T least, T most) {
  return app
      .add_option_function<std::string>(
          flag,
          [flag, &count, least, most](std::string const& text) {
            auto const [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), count);
            if (wrong != std::errc() || end != text.data() + text.size() || count < least || count > most)
              throw CLI::ValidationError(
                  flag, "'" + text + "' is no number from " + std::to_string(least) + " to " + std::to_string(most));
          },
          what)
      ->envname(variable)
      ->type_name("N")
      ->default_str(std::to_string(count));
}

/// Less would leave no room for a few bodies of the largest size.
constexpr std::uint64_t memory_bytes_min = 16U << 20U;

/// `64MiB`, `2GB`, `1048576`.
std::uint64_t parse_bytes(std::string const& flag, std::string const& text) {
  constexpr std::pair<std::string_view, std::uint64_t> units[]{{"", 1},
                                                               {"B", 1},
                                                               {"kB", 1000},
                                                               {"KB", 1000},
                                                               {"MB", 1'000'000},
                                                               {"GB", 1'000'000'000},
                                                               {"KiB", 1U << 10U},
                                                               {"MiB", 1U << 20U},
                                                               {"GiB", 1U << 30U}};
  std::uint64_t number = 0;
  auto const [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view const unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (auto const& [name, bytes] : units)
    if (wrong == std::errc() && unit == name && number <= std::numeric_limits<std::uint64_t>::max() / bytes)
      return number * bytes;
  throw CLI::ValidationError(flag, "'" + text + "' is no size; write it as 64MiB, 2GiB or a number of bytes");
}

/// A file's first line.
std::string read_password(std::string const& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line) || line.empty())
    throw CLI::ValidationError("--etcd-password-file", "'" + path + "' can't be read, or is empty");
  return line;
}

/// `http://10.0.0.1:8080`, where the other servers of a cluster reach this one.
std::string check_advertise(std::string const& url) {
  auto const rest = url.starts_with("http://") ? url.substr(7) : std::string();
  auto const colon = rest.rfind(':');
  auto const port = colon != std::string::npos ? rest.substr(colon + 1) : std::string();
  auto const is_one = colon != 0 && colon != std::string::npos && !port.empty() &&
                      port.find_first_not_of("0123456789") == std::string::npos &&
                      rest.find_first_of("/?#@ ") == std::string::npos;
  return is_one ? std::string() : "'" + url + "' is no such URL; write it as http://10.0.0.1:8080";
}

void add_cluster_settings(CLI::App& app, cluster_settings& to) {
  app.add_option("--cluster", to.name,
                 "Be one of several servers that keep their data in etcd, the cluster of that name: one leads, the "
                 "others stand by")
      ->envname("HOLDFAST_CLUSTER")
      ->type_name("NAME")
      ->check([](std::string const& name) {
        constexpr auto allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
        auto const is_one = !name.empty() && name.size() <= 64 && name.find_first_not_of(allowed) == std::string::npos;
        return is_one ? std::string() : "'" + name + "' is no name; use up to 64 letters, digits, '.', '_' and '-'";
      });
  app.add_option("--etcd", to.etcd.endpoints, "URLs of etcd's members, such as http://10.0.0.1:2379; with commas")
      ->envname("HOLDFAST_ETCD")
      ->type_name("URLS")
      ->delimiter(',')
      ->check([](std::string const& url) {
        try {
          cancel_signal const never;
          static_cast<void>(etcd_client({.endpoints = {url}}, never));
          return std::string();
        } catch (std::invalid_argument const& error) {
          return std::string(error.what());
        } catch (std::exception const&) {
          return std::string();  // of its files, which may be named by flags that follow
        }
      });
  app.add_option("--advertise", to.advertise, "Where the other servers of the cluster reach this one")
      ->envname("HOLDFAST_ADVERTISE")
      ->type_name("http://HOST:PORT")
      ->check(check_advertise);
  app.add_option("--etcd-user", to.etcd.user, "The user as which this server speaks to etcd")
      ->envname("HOLDFAST_ETCD_USER")
      ->type_name("NAME");
  app.add_option_function<std::string>(
         "--etcd-password-file", [&to](std::string const& path) { to.etcd.password = read_password(path); },
         "File whose first line is that user's password")
      ->envname("HOLDFAST_ETCD_PASSWORD_FILE")
      ->type_name("FILE");
  app.add_option("--etcd-ca", to.etcd.ca_certificate,
                 "The authorities of etcd's certificates, a PEM file; default: the system's")
      ->envname("HOLDFAST_ETCD_CA")
      ->type_name("FILE");
  app.add_option("--etcd-cert", to.etcd.client_certificate, "The certificate that this server shows etcd, a PEM file")
      ->envname("HOLDFAST_ETCD_CERT")
      ->type_name("FILE");
  app.add_option("--etcd-key", to.etcd.client_key, "The key of that certificate; default: in its file")
      ->envname("HOLDFAST_ETCD_KEY")
      ->type_name("FILE");
  add_duration(app, "--cluster-lease", "HOLDFAST_CLUSTER_LEASE",
               "How long a leader that has vanished keeps its place: whole seconds", "5s", [&to](auto lease) {
                 to.lease = std::chrono::duration_cast<std::chrono::seconds>(lease);
                 if (to.lease != lease || to.lease.count() < 2 || to.lease.count() > 60)
                   throw CLI::ValidationError("--cluster-lease", "must be whole seconds, from 2s to 60s");
               });
  app.add_option_function<std::string>(
         "--reads",
         [&to](std::string const& text) {
           if (text != "confirmed" && text != "lease")
             throw CLI::ValidationError("--reads", "'" + text + "' is neither confirmed nor lease");
           to.reads = text == "lease" ? read_rule::lease : read_rule::confirmed;
         },
         "In a cluster: confirmed: etcd confirms for each read that this server still leads; lease: its clock does")
      ->envname("HOLDFAST_READS")
      ->type_name("confirmed|lease")
      ->default_str("confirmed");
  add_duration(app, "--etcd-compaction", "HOLDFAST_ETCD_COMPACTION",
               "How often a leader compacts etcd's history; 0: never, others do", "5m",
               [&to](auto period) { to.compaction_period = period; });
}

/// What a cluster needs, and what does not go with one.
void check_cluster(settings const& settings) {
  auto const& cluster = settings.cluster;
  if (cluster.name.empty()) {
    if (!cluster.etcd.endpoints.empty()) throw CLI::ValidationError("--etcd", "needs --cluster beside it");
    if (!cluster.advertise.empty()) throw CLI::ValidationError("--advertise", "needs --cluster beside it");
    return;
  }
  if (cluster.etcd.endpoints.empty()) throw CLI::ValidationError("--cluster", "needs --etcd beside it");
  if (!cluster.etcd.user.empty() && cluster.etcd.password.empty())
    throw CLI::ValidationError("--etcd-user", "needs --etcd-password-file beside it");
}

/// The same where it serves.
void check_cluster_member(settings const& settings) {
  if (settings.cluster.name.empty()) return;
  if (settings.cluster.advertise.empty()) throw CLI::ValidationError("--cluster", "needs --advertise beside it");
  if (!settings.tls.certificate.empty())
    throw CLI::ValidationError("--tls-cert",
                               "the servers of a cluster speak plain HTTP to each other; let a proxy in front of them "
                               "speak TLS");
  constexpr std::size_t body_bytes_max = 1024 * 1024;
  if (settings.sessions.body_bytes_max > body_bytes_max)
    throw CLI::ValidationError("--max-body", "must be 1048576 at most in a cluster: etcd takes no more at once");
}

void add_settings(CLI::App& app, settings& to, bool& in_memory) {
  app.add_option_function<std::string>(
         "--listen",
         [&to](std::string const& text) {
           auto const at = parse_listen(text);
           to.listen_address = at.address;
           to.listen_port = at.port;
         },
         "Address and port to serve on")
      ->envname("HOLDFAST_LISTEN")
      ->type_name("ADDRESS:PORT")
      ->default_str("127.0.0.1:8080");
  app.add_option("--tls-cert", to.tls.certificate,
                 "Speak TLS with this certificate: a PEM file, those of authorities in between behind the server's own")
      ->envname("HOLDFAST_TLS_CERT")
      ->type_name("FILE");
  app.add_option("--tls-key", to.tls.key, "The key of that certificate: a PEM file without a passphrase")
      ->envname("HOLDFAST_TLS_KEY")
      ->type_name("FILE");
  app.add_option("--tls-client-ca", to.tls.client_ca,
                 "Require a client certificate of an authority in this PEM file (mutual TLS)")
      ->envname("HOLDFAST_TLS_CLIENT_CA")
      ->type_name("FILE");
  add_count(app, "--threads", "HOLDFAST_THREADS", "Threads that serve, each with an event loop of its own", to.threads,
            1U, 1024U);
  app.add_option("--data", to.data_directory, "Directory in which the data are kept; made where there is none")
      ->envname("HOLDFAST_DATA")
      ->type_name("DIR")
      ->check([](std::string const& path) {
        return path.empty() ? std::string("must name a directory; for none there is --in-memory") : std::string();
      })
      ->capture_default_str();
  app.add_flag("--in-memory", in_memory, "Keep no data: all are gone when the server ends")
      ->envname("HOLDFAST_IN_MEMORY");
  app.add_option("--tokens", to.access.tokens_file,
                 "File of the tokens (TOML) of which each request needs one; 'token new' makes them, SIGHUP reloads")
      ->envname("HOLDFAST_TOKENS")
      ->type_name("FILE");
  app.add_flag("--expose-insecure", to.expose_insecure,
               "Serve other machines also without --tokens, or tokens without TLS")
      ->envname("HOLDFAST_EXPOSE_INSECURE");
  add_count(app, "--limit-requests", "HOLDFAST_LIMIT_REQUESTS",
            "Requests a second of each token, or else of each address; more are answered 429. 0: no limit, as below",
            to.access.rates.requests, std::uint64_t(0), std::uint64_t(1'000'000'000));
  app.add_option_function<std::string>(
         "--limit-bytes",
         [&to](std::string const& text) { to.access.rates.bytes = parse_bytes("--limit-bytes", text); },
         "Bytes of bodies and answers a second of each")
      ->envname("HOLDFAST_LIMIT_BYTES")
      ->type_name("SIZE")
      ->default_str("0");
  add_duration(app, "--limit-lock-time", "HOLDFAST_LIMIT_LOCK_TIME",
               "Time a second that each may keep the lock; a longer hold is worked off before the next request", "0",
               [&to](auto time) { to.access.rates.lock_time = time; });
  add_count(app, "--limit-streams", "HOLDFAST_LIMIT_STREAMS",
            "Watches, exports and followers of the lock of each at once", to.access.streams_max, std::size_t(0),
            std::size_t(1'000'000));
  add_count(app, "--limit-connections", "HOLDFAST_LIMIT_CONNECTIONS",
            "Connections of one address at once; more are answered 503", to.access.connections_max, std::size_t(0),
            std::size_t(1'000'000));
  app.add_option("--audit-log", to.access.audit_file,
                 "File to which a line of JSON is appended for each write, hold, change of settings, 401 and 403")
      ->envname("HOLDFAST_AUDIT_LOG")
      ->type_name("FILE");
  app.add_option("--access-log", to.access.requests_file,
                 "File to which a line of JSON is appended for each request; SIGHUP opens both anew")
      ->envname("HOLDFAST_ACCESS_LOG")
      ->type_name("FILE");
  app.add_option_function<std::string>(
         "--sync",
         [&to](std::string const& text) {
           if (text != "on" && text != "off")
             throw CLI::ValidationError("--sync", "'" + text + "' is neither on nor off");
           to.sync = text == "on";
         },
         "on: what is acknowledged survives a power loss; off: only the end of the process")
      ->envname("HOLDFAST_SYNC")
      ->type_name("on|off")
      ->default_str("on");
  app.add_option("--backups", to.backups_directory, "Directory in which POST /v1/backups puts its copies")
      ->envname("HOLDFAST_BACKUPS")
      ->type_name("DIR")
      ->default_str("--data with -backups behind it");
  app.add_flag(
      "--accept-loss", to.accept_loss,
      "Start with what can be read of damaged data, under a new database id; without damage it changes nothing");
  add_duration(app, "--writer-period", "HOLDFAST_WRITER_PERIOD", "How often the periodic writer writes; 0 turns it off",
               "350ms", [&to](auto period) { to.writer_period = period; });
  app.add_option("--writer-key", to.writer_key, "The key under which it puts the milliseconds since the start")
      ->envname("HOLDFAST_WRITER_KEY")
      ->type_name("KEY")
      ->check([](std::string const& key) {
        auto const checked = protocol::check_key(key);
        return checked ? std::string() : checked.error().detail;
      })
      ->capture_default_str();
  add_duration(app, "--hold", "HOLDFAST_HOLD", "How long each read holds the lock that doesn't say (?hold=)", "0",
               [&to](auto hold) { to.routes.read_hold = hold; });
  add_duration(app, "--max-hold", "HOLDFAST_MAX_HOLD", "The longest hold that a request may ask for", "60s",
               [&to](auto hold) { to.routes.hold_max = hold; });
  add_duration(app, "--lock-timeout", "HOLDFAST_LOCK_TIMEOUT",
               "How long a request waits for the lock that doesn't say (?lock-timeout=); 0 tries once",
               "none: as long as it takes", [&to](auto timeout) { to.routes.lock_timeout = timeout; });
  add_duration(app, "--drain-timeout", "HOLDFAST_DRAIN_TIMEOUT",
               "How long what is in flight may take after SIGTERM or SIGINT", "5s",
               [&to](auto timeout) { to.drain_timeout = timeout; });
  add_count(app, "--max-connections", "HOLDFAST_MAX_CONNECTIONS", "Connections at once; more are answered 503",
            to.connections_max, std::size_t(1), std::size_t(1'000'000));
  add_count(app, "--max-waiters", "HOLDFAST_MAX_WAITERS",
            "Requests that wait for the lock at once; more are answered 503", to.waiters_max, std::size_t(0),
            std::size_t(1'000'000));
  app.add_option_function<std::string>(
         "--max-memory",
         [&to](std::string const& text) {
           to.memory_bytes_max = parse_bytes("--max-memory", text);
           if (to.memory_bytes_max < memory_bytes_min)
             throw CLI::ValidationError("--max-memory", "must be 16MiB at least");
         },
         "Memory for the values and for requests under way; what would take more is answered 507 or 503")
      ->envname("HOLDFAST_MAX_MEMORY")
      ->type_name("SIZE")
      ->default_str("three quarters of the machine's or the cgroup's");
  add_count(app, "--max-header", "HOLDFAST_MAX_HEADER", "Bytes of a request's header", to.sessions.header_bytes_max,
            std::size_t(256), std::size_t(1) << 20);
  add_count(app, "--max-body", "HOLDFAST_MAX_BODY", "Bytes of a request's body", to.sessions.body_bytes_max,
            std::size_t(1), std::size_t(1) << 30);
  add_duration(app, "--header-timeout", "HOLDFAST_HEADER_TIMEOUT",
               "From a request's first byte to the end of its header", "10s",
               [&to](auto timeout) { to.sessions.header_timeout = timeout; });
  add_duration(app, "--idle-timeout", "HOLDFAST_IDLE_TIMEOUT", "How long a connection may rest between requests", "60s",
               [&to](auto timeout) { to.sessions.idle_timeout = timeout; });
  add_duration(app, "--transfer-timeout", "HOLDFAST_TRANSFER_TIMEOUT",
               "For a body or an answer to move; a second more for each 16 KiB that did", "10s",
               [&to](auto timeout) { to.sessions.transfer_timeout = timeout; });
  app.add_flag_callback(
         "--no-live-settings", [&to] { to.live_settings = false; },
         "Refuse PATCH /v1/settings, by which --hold and --writer-period change while the server runs")
      ->envname("HOLDFAST_NO_LIVE_SETTINGS");
  app.add_option(
         "--host-name", to.routes.host_names,
         "A name by which browsers reach this server and may change settings, besides IP addresses and localhost; "
         "may be repeated")
      ->envname("HOLDFAST_HOST_NAME")
      ->type_name("NAME")
      ->delimiter(',');
  app.add_option("--cors-origin", to.routes.cors_origins,
                 "An origin, such as https://app.example, whose pages may use this server; may be repeated")
      ->envname("HOLDFAST_CORS_ORIGIN")
      ->type_name("ORIGIN")
      ->delimiter(',')
      ->check([](std::string const& origin) {
        auto const is_one = (origin.starts_with("http://") || origin.starts_with("https://")) &&
                            origin.find('/', origin.find("//") + 2) == std::string::npos;
        return is_one ? std::string() : "'" + origin + "' is no origin; write it as https://app.example";
      });
  app.add_option("--log-level", to.log_level, "The least of what is logged")
      ->envname("HOLDFAST_LOG_LEVEL")
      ->type_name("trace|debug|info|warn|error|off")
      ->check([](std::string const& level) {
        return is_log_level(level) ? std::string()
                                   : "'" + level + "' is no level; use trace, debug, info, warn, error or off";
      })
      ->capture_default_str();
  app.add_option_function<std::string>(
         "--log-format",
         [&to](std::string const& format) {
           if (format != "text" && format != "json")
             throw CLI::ValidationError("--log-format", "'" + format + "' is no format; use text or json");
           to.log_format = format == "json" ? log_format::json : log_format::text;
         },
         "How it is logged")
      ->envname("HOLDFAST_LOG_FORMAT")
      ->type_name("text|json")
      ->default_str("text");
}

void check_settings(settings const& settings) {
  for (auto const& [flag, timeout] : {std::pair("--header-timeout", settings.sessions.header_timeout),
                                      std::pair("--idle-timeout", settings.sessions.idle_timeout),
                                      std::pair("--transfer-timeout", settings.sessions.transfer_timeout)})
    if (timeout.count() == 0) throw CLI::ValidationError(flag, "must be above 0: every wait has an end");
  if (settings.writer_period.count() != 0 && settings.writer_period < std::chrono::milliseconds(1))
    throw CLI::ValidationError("--writer-period", "must be 1ms at least, or 0 for no writer");
  if (settings.tls.certificate.empty() && !settings.tls.key.empty())
    throw CLI::ValidationError("--tls-key", "needs --tls-cert beside it");
  if (settings.tls.certificate.empty() && !settings.tls.client_ca.empty())
    throw CLI::ValidationError("--tls-client-ca", "needs --tls-cert and --tls-key beside it");
  if (!settings.tls.certificate.empty() && settings.tls.key.empty())
    throw CLI::ValidationError("--tls-cert", "needs --tls-key beside it");
  if (settings.routes.read_hold > settings.routes.hold_max)
    throw CLI::ValidationError("--hold", "is longer than --max-hold allows (" +
                                             protocol::format_duration(settings.routes.hold_max) +
                                             "); raise that or lower this");
}

/// Whether this server may listen where it shall.
void check_exposure(settings const& settings) {
  boost::system::error_code error;
  auto const address = boost::asio::ip::make_address(settings.listen_address, error);
  if (settings.expose_insecure || error || address.is_loopback()) return;
  auto const has_tls = !settings.tls.certificate.empty();
  auto const knows_clients = !settings.access.tokens_file.empty() || (has_tls && !settings.tls.client_ca.empty());
  if (!knows_clients)
    throw CLI::ValidationError(
        "--listen",
        "others could reach this server, and whoever does may read and change everything. Give it tokens "
        "(--tokens FILE; 'holdfast-server token new NAME' makes one) or demand client certificates (--tls-client-ca), "
        "or say --expose-insecure if only "
        "those reach it who may (a firewall, a container's network)");
  if (!has_tls)
    throw CLI::ValidationError("--listen",
                               "tokens would cross the network in plain text. Use TLS, or say --expose-insecure if "
                               "a proxy in front of this server speaks it");
}

/// Names the variables of the environment that a message about their flags is really about.
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

/// Whether an argument is that flag.
bool is_given(std::vector<std::string_view> const& arguments, std::string_view flag) {
  return std::any_of(arguments.begin(), arguments.end(), [&](std::string_view argument) {
    return argument == flag || (argument.starts_with(flag) && argument.substr(flag.size()).starts_with('='));
  });
}

/// Of --data and --in-memory, a flag wins over a variable; a cluster keeps its data in etcd.
void choose_journal(std::vector<std::string_view> const& arguments, bool in_memory, settings& to) {
  if (!to.cluster.name.empty()) {
    for (auto const* const flag : {"--data", "--in-memory"})
      if (is_given(arguments, flag)) throw CLI::ValidationError(flag, "a server of a cluster keeps its data in etcd");
    to.data_directory.clear();
    return;
  }
  if (!in_memory) return;
  auto const flag_in_memory = is_given(arguments, "--in-memory"), flag_data = is_given(arguments, "--data");
  if (flag_in_memory && flag_data)
    throw CLI::ValidationError("--in-memory", "keeps no data, and --data names where to keep them; give one of them");
  if (!flag_data) to.data_directory.clear();
}

/// The subcommands about data directories.
void add_data_commands(CLI::App& app, std::optional<data_command>& wanted, std::string& named) {
  using what = data_command::what;
  auto const add = [&](char const* name, char const* description, what which, char const* argument,
                       char const* its_description, char const* its_examples) {
    auto* const one = app.add_subcommand(name, description);
    one->footer(its_examples);
    auto* const path = one->add_option(argument, named, its_description)->type_name("DIR");
    if (which == what::backup || which == what::restore) path->required();
    one->final_callback([&wanted, which] { wanted.emplace().which = which; });
  };
  add("inspect",
      "Say what a data directory or a backup contains and whether it is complete; exit 65 when it is damaged",
      what::inspect, "directory", "The directory to read; default: --data", R"(
Examples:
  holdfast-server inspect                            the data in ./holdfast-data
  holdfast-server inspect /backups/monday            is this backup complete?
)");
  add("backup", "Copy the data at --data of a server that does not run (a running one: POST /v1/backups)", what::backup,
      "to", "Where the copy goes: a directory that is empty or does not exist", R"(
Examples:
  holdfast-server backup /backups/monday             of ./holdfast-data
  holdfast-server backup --data /data /backups/monday
)");
  add("restore", "Make a data directory at --data, which is empty or does not exist, from a backup", what::restore,
      "from", "The backup", R"(
Examples:
  holdfast-server restore --data /data /backups/monday     then serve it: holdfast-server --data /data
)");
  add("check-disk", "Measure how fast and how honest syncs are, and what that allows", what::check_disk, "directory",
      "A directory on the disk in question; default: --data", R"(
Examples:
  holdfast-server check-disk                         the disk of ./holdfast-data
  holdfast-server check-disk /mnt/other
)");
}

constexpr auto token_examples = R"(
Examples:
  holdfast-server token new web --scope read:users/ >> tokens.toml
  holdfast-server token new deploy --scope write:site/ --scope lock: --expires 720h >> tokens.toml
  holdfast-server --tokens tokens.toml               serve those who have one of them
)";

/// The subcommand that makes tokens.
void add_token_command(CLI::App& app, std::optional<token_command>& wanted, token_command& to) {
  auto* const above = app.add_subcommand("token", "Make tokens for --tokens");
  above->require_subcommand(1);
  above->footer(token_examples);
  auto* const one = above->add_subcommand(
      "new",
      "Print a new token's entry for the token file on standard output, and its secret, once, on standard error");
  one->add_option("name", to.made.name, "What logs call whoever has it")->type_name("NAME")->required();
  one->add_option_function<std::vector<std::string>>(
         "--scope",
         [&to](std::vector<std::string> const& texts) {
           for (auto const& text : texts) {
             auto permission = parse_permission(text);
             if (!permission)
               throw CLI::ValidationError("--scope", "'" + text +
                                                         "' is no scope; write read:PREFIX, write:PREFIX, lock:PREFIX "
                                                         "(read: for all keys) or admin");
             to.made.permissions.push_back(*std::move(permission));
           }
         },
         "What it allows: read:PREFIX, write:PREFIX, lock:PREFIX or admin; may be repeated")
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
         "When it ends; without it, never")
      ->type_name("INSTANT|DURATION");
  one->final_callback([&wanted, &to] { wanted = to; });
}

/// The subcommand about clusters.
void add_cluster_command(CLI::App& app, bool& wanted) {
  auto* const above = app.add_subcommand("cluster", "Look at a cluster");
  above->require_subcommand(1);
  constexpr auto cluster_examples = R"(
Examples:
  holdfast-server cluster status --cluster main --etcd http://127.0.0.1:2379
)";
  above->footer(cluster_examples);
  auto* const one = above->add_subcommand(
      "status",
      "Print who leads the cluster at --etcd, who stands by, and how far the data go; exit 1 if nobody leads");
  one->footer(cluster_examples);
  one->final_callback([&wanted] { wanted = true; });
}

/// A server that listens everywhere is asked at the loopback.
std::string reachable(std::string const& address) {
  if (address == "0.0.0.0") return "127.0.0.1";
  if (address == "::") return "::1";
  return address;
}

/// Takes where the server that is the process `pid` serves. It has the environment of this process, as in a container.
/// Behind the program's name stands what it was started with; an init before it, such as tini, is skipped. Where
/// nothing of this can be read, the environment alone decides.
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

  CLI::App app("A key-value server that keeps its database behind an awaitable lock, and lets you watch it.",
               "holdfast-server");
  app.set_version_flag("--version", version_text());
  app.set_help_flag("-h,--help", "Print this and exit");
  app.require_subcommand(0, 1);
  app.fallthrough();
  settings.data_directory = "./holdfast-data";
  auto in_memory = false;
  add_settings(app, settings, in_memory);
  add_cluster_settings(app, settings.cluster);

  auto* const demo_app =
      app.add_subcommand("demo", "Run the two tasks of the tutorial on one thread and print who does what");
  demo_app->footer(R"(
Examples:
  holdfast-server demo                               the story in fourteen lines
  holdfast-server demo --rounds 2
)");
  demo_app->add_option("--rounds", demo.rounds, "How many values the reader prints")
      ->check(CLI::Range(1, 1000))
      ->type_name("N")
      ->capture_default_str();
  auto* const healthcheck_app =
      app.add_subcommand("healthcheck", "Ask the server at --listen whether it is ready; exit 0 if so, 1 if not");
  healthcheck_app->footer(R"(
Examples:
  holdfast-server healthcheck && echo ready
  HOLDFAST_LISTEN=127.0.0.1:9090 holdfast-server healthcheck --timeout 1s
)");
  unsigned healthcheck_process = 0;
  healthcheck_app
      ->add_option("--pid", healthcheck_process,
                   "Ask the server that is this process, where the flags of its command line say")
      ->type_name("PID");
  add_duration(*healthcheck_app, "--timeout", "HOLDFAST_HEALTHCHECK_TIMEOUT", "How long it may take to answer", "3s",
               [&](auto timeout) { healthcheck.timeout = timeout; });
  healthcheck_app
      ->add_option("--client-cert", healthcheck.trust.client_certificate,
                   "With --tls-client-ca: the certificate that it shows, a PEM file")
      ->envname("HOLDFAST_HEALTHCHECK_CLIENT_CERT")
      ->type_name("FILE");
  healthcheck_app
      ->add_option("--client-key", healthcheck.trust.client_key, "The key of that certificate; default: in its file")
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
  completion_app->add_option("shell", shell, "The shell")->check(CLI::IsMember({"bash", "zsh", "fish"}))->required();
  auto* const man_app = app.add_subcommand("man", "Print the manual page");
  app.footer(help_footer());  // last: a subcommand takes over the footer that there is

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
  } catch (CLI::ParseError const& error) {
    std::ostringstream out, err;
    if (app.exit(error, out, err) == 0) return print_command{out.str(), 0};
    // Who asks for help is not first told what is wrong with a variable.
    for (auto const argument : arguments)
      if (argument == "--help" || argument == "-h") return print_command{app.help(), 0};
    return print_command{blamed_variables(app, arguments, err.str()) + err.str(), 2};
  }
  if (*completion_app)
    return print_command{completion_of(app, shell == "bash"  ? manual::shell::bash
                                            : shell == "zsh" ? manual::shell::zsh
                                                             : manual::shell::fish)};
  if (*man_app) return print_command{man_page_of(app)};
  if (*demo_app) return demo;
  if (*healthcheck_app) {
    if (healthcheck_process != 0) take_listen_of_process(healthcheck_process, settings);
    healthcheck.address = reachable(settings.listen_address);
    healthcheck.port = settings.listen_port;
    healthcheck.is_tls = !settings.tls.certificate.empty();
    // It asks its own machine for a word that is no secret, by an address that no certificate is for.
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
  return serve_command{std::move(settings)};
}

}  // namespace holdfast::server
