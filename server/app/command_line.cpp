#include "server/app/command_line.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "manual/complaint.hpp"
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

/// Parses `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`.
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
    throw bad("write an IPv6 address in brackets");
  }
  if (address == "localhost") address = "127.0.0.1";
  boost::system::error_code error;
  boost::asio::ip::make_address(address, error);
  if (error) throw bad("'" + address + "' is not an IP address");
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

/// Adds an option whose value is a number within bounds.
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
                  flag, "'" + text + "' is not a number from " + std::to_string(least) + " to " + std::to_string(most));
          },
          what)
      ->envname(variable)
      ->type_name("N")
      ->default_str(std::to_string(count));
}

/// Enough for a few bodies of the largest size.
constexpr std::uint64_t memory_bytes_min = 16U << 20U;

/// Parses `64MiB`, `2GB` or `1048576`.
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
  throw CLI::ValidationError(flag, "'" + text + "' is not a size; write it as 64MiB, 2GiB or a number of bytes");
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
  return is_one ? std::string() : "'" + url + "' is not such a URL; write it as http://10.0.0.1:8080";
}

void add_cluster_flags(CLI::App& app, cluster_settings& to) {
  app.option_defaults()->group("Cluster");
  app.add_option("--cluster", to.name,
                 "Serve as a member of this cluster\n"
                 "Its servers keep their data in etcd. One of them leads, the others stand by.")
      ->envname("HOLDFAST_CLUSTER")
      ->type_name("NAME")
      ->check([](std::string const& name) {
        constexpr auto allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
        auto const is_one = !name.empty() && name.size() <= 64 && name.find_first_not_of(allowed) == std::string::npos;
        return is_one ? std::string()
                      : "'" + name + "' is not a valid name; use up to 64 letters, digits, '.', '_' and '-'";
      });
  app.add_option("--etcd", to.etcd.endpoints, "URLs of etcd's members\nSuch as http://10.0.0.1:2379; with commas.")
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
          return std::string();  // of its files, which flags that follow may name
        }
      });
  app.add_option("--advertise", to.advertise, "Where the other servers reach this one\nSuch as http://10.0.0.1:8080.")
      ->envname("HOLDFAST_ADVERTISE")
      ->type_name("URL")
      ->check(check_advertise);
  app.add_option_function<std::string>(
         "--reads",
         [&to](std::string const& text) {
           if (text != "confirmed" && text != "lease")
             throw CLI::ValidationError("--reads", "'" + text + "' is neither confirmed nor lease");
           to.reads = text == "lease" ? read_rule::lease : read_rule::confirmed;
         },
         "How a read is known to be current\n"
         "confirmed: etcd confirms after each read that this server still leads; one question serves all reads that "
         "wait. lease: the server's clock decides, without a question.")
      ->envname("HOLDFAST_READS")
      ->type_name("confirmed|lease")
      ->default_str("confirmed");
  add_duration(app, "--cluster-lease", "HOLDFAST_CLUSTER_LEASE",
               "Time until a lost leader is replaced\nWhole seconds, from 2s to 60s.", "5s", [&to](auto lease) {
                 to.lease = std::chrono::duration_cast<std::chrono::seconds>(lease);
                 if (to.lease != lease || to.lease.count() < 2 || to.lease.count() > 60)
                   throw CLI::ValidationError("--cluster-lease", "must be whole seconds, from 2s to 60s");
               });
  add_duration(app, "--etcd-compaction", "HOLDFAST_ETCD_COMPACTION",
               "Time between compactions of etcd\n0: the leader does not compact etcd's history; something else must.",
               "5m", [&to](auto period) { to.compaction_period = period; });
  app.add_option("--etcd-user", to.etcd.user, "User of this server in etcd")
      ->envname("HOLDFAST_ETCD_USER")
      ->type_name("NAME");
  app.add_option_function<std::string>(
         "--etcd-password-file", [&to](std::string const& path) { to.etcd.password = read_password(path); },
         "File whose first line is its password")
      ->envname("HOLDFAST_ETCD_PASSWORD_FILE")
      ->type_name("FILE");
  app.add_option("--etcd-ca", to.etcd.ca_certificate,
                 "CAs of etcd's certificates (PEM)\nThe default is those of the system.")
      ->envname("HOLDFAST_ETCD_CA")
      ->type_name("FILE");
  app.add_option("--etcd-cert", to.etcd.client_certificate, "Certificate to show etcd (PEM)")
      ->envname("HOLDFAST_ETCD_CERT")
      ->type_name("FILE");
  app.add_option("--etcd-key", to.etcd.client_key, "Its key, if not in the same file (PEM)")
      ->envname("HOLDFAST_ETCD_KEY")
      ->type_name("FILE");
}

void add_service_flags(CLI::App& app, settings& to) {
  app.option_defaults()->group("Service");
  app.add_option_function<std::string>(
         "--listen",
         [&to](std::string const& text) {
           auto const at = parse_listen(text);
           to.listen_address = at.address;
           to.listen_port = at.port;
         },
         "Address and port to serve on\n"
         "An address that other machines can reach needs TLS and --tokens or --tls-client-ca, or --expose-insecure.")
      ->envname("HOLDFAST_LISTEN")
      ->type_name("ADDRESS:PORT")
      ->default_str("127.0.0.1:8080");
  add_count(app, "--threads", "HOLDFAST_THREADS", "Threads, each with its own event loop", to.threads, 1U, 1024U);
  add_duration(app, "--drain-timeout", "HOLDFAST_DRAIN_TIMEOUT",
               "Time for running requests at the end\n"
               "SIGTERM and SIGINT stop the server: it accepts no more requests and waits for those it has.",
               "5s", [&to](auto timeout) { to.drain_timeout = timeout; });
  app.add_flag_callback(
         "--no-live-settings", [&to] { to.live_settings = false; },
         "Refuse PATCH /v1/settings\n"
         "This request changes --hold and --writer-period while the server runs.")
      ->envname("HOLDFAST_NO_LIVE_SETTINGS");
}

void add_data_flags(CLI::App& app, settings& to, bool& in_memory) {
  app.option_defaults()->group("Data");
  app.add_option("--data", to.data_directory, "Data directory\nIt is created if it does not exist.")
      ->envname("HOLDFAST_DATA")
      ->type_name("DIR")
      ->check([](std::string const& path) {
        return path.empty() ? std::string("must name a directory; to keep no data, use --in-memory") : std::string();
      })
      ->capture_default_str();
  app.add_flag("--in-memory", in_memory, "Keep no data: all is lost when the server ends")
      ->envname("HOLDFAST_IN_MEMORY");
  app.add_option_function<std::string>(
         "--sync",
         [&to](std::string const& text) {
           if (text != "on" && text != "off")
             throw CLI::ValidationError("--sync", "'" + text + "' is neither on nor off");
           to.sync = text == "on";
         },
         "Sync writes to the disk before answering\n"
         "on: acknowledged writes survive a power loss. off: they survive only the end of the process.")
      ->envname("HOLDFAST_SYNC")
      ->type_name("on|off")
      ->default_str("on");
  app.add_option("--backups", to.backups_directory,
                 "Directory for backups of POST /v1/backups\nThe default is the name of --data followed by -backups.")
      ->envname("HOLDFAST_BACKUPS")
      ->type_name("DIR")
      ->default_str("DIR-backups");
  app.add_flag("--accept-loss", to.accept_loss,
               "Start with the readable part of damaged data\n"
               "The database gets a new id. Without damage, the flag has no effect.");
}

void add_lock_flags(CLI::App& app, settings& to) {
  app.option_defaults()->group("Lock");
  add_duration(app, "--hold", "HOLDFAST_HOLD", "Default hold for reads without ?hold=", "0",
               [&to](auto hold) { to.routes.read_hold = hold; });
  add_duration(app, "--max-hold", "HOLDFAST_MAX_HOLD", "Longest hold that a request may ask for", "60s",
               [&to](auto hold) { to.routes.hold_max = hold; });
  add_duration(app, "--lock-timeout", "HOLDFAST_LOCK_TIMEOUT",
               "Default lock wait; 0 tries once\nApplies to requests without ?lock-timeout=.", "no limit",
               [&to](auto timeout) { to.routes.lock_timeout = timeout; });
  add_count(app, "--max-waiters", "HOLDFAST_MAX_WAITERS", "Requests waiting; further ones get 503", to.waiters_max,
            std::size_t(0), std::size_t(1'000'000));

  app.option_defaults()->group("Periodic writer");
  add_duration(app, "--writer-period", "HOLDFAST_WRITER_PERIOD", "Time between its writes; 0: no writer", "350ms",
               [&to](auto period) { to.writer_period = period; });
  app.add_option("--writer-key", to.writer_key, "Key for the milliseconds since start")
      ->envname("HOLDFAST_WRITER_KEY")
      ->type_name("KEY")
      ->check([](std::string const& key) {
        auto const checked = protocol::check_key(key);
        return checked ? std::string() : checked.error().detail;
      })
      ->capture_default_str();
}

void add_access_flags(CLI::App& app, settings& to) {
  app.option_defaults()->group("TLS");
  app.add_option("--tls-cert", to.tls.certificate,
                 "Serve https with this certificate (PEM)\n"
                 "Intermediate certificates follow the server's own. The file is read again when it changes.")
      ->envname("HOLDFAST_TLS_CERT")
      ->type_name("FILE");
  app.add_option("--tls-key", to.tls.key, "Its private key (PEM, without a passphrase)")
      ->envname("HOLDFAST_TLS_KEY")
      ->type_name("FILE");
  app.add_option("--tls-client-ca", to.tls.client_ca,
                 "Require client certificates of these CAs (PEM)\nThis is also known as mutual TLS.")
      ->envname("HOLDFAST_TLS_CLIENT_CA")
      ->type_name("FILE");

  app.option_defaults()->group("Access");
  app.add_option("--tokens", to.access.tokens_file,
                 "Require a token of this file (TOML)\n"
                 "`holdfast-server token new` creates tokens. SIGHUP reads the file again.")
      ->envname("HOLDFAST_TOKENS")
      ->type_name("FILE");
  app.add_flag("--expose-insecure", to.expose_insecure,
               "Serve other machines without tokens or TLS\n"
               "For example behind a firewall, in a container's network, or behind a proxy that speaks TLS.")
      ->envname("HOLDFAST_EXPOSE_INSECURE");
  app.add_option("--host-name", to.routes.host_names,
                 "Name by which browsers may change settings\n"
                 "IP addresses and localhost are always accepted. May be repeated.")
      ->envname("HOLDFAST_HOST_NAME")
      ->type_name("NAME")
      ->delimiter(',');
  app.add_option("--cors-origin", to.routes.cors_origins,
                 "Origin whose pages may use this server\nSuch as https://app.example. May be repeated.")
      ->envname("HOLDFAST_CORS_ORIGIN")
      ->type_name("ORIGIN")
      ->delimiter(',')
      ->check([](std::string const& origin) {
        auto const is_one = (origin.starts_with("http://") || origin.starts_with("https://")) &&
                            origin.find('/', origin.find("//") + 2) == std::string::npos;
        return is_one ? std::string() : "'" + origin + "' is not an origin; write it as https://app.example";
      });
}

void add_limits_of_clients(CLI::App& app, settings& to) {
  app.option_defaults()->group("Limits of each client (0: none)");
  add_count(app, "--limit-requests", "HOLDFAST_LIMIT_REQUESTS",
            "Requests a second; further ones get 429\nA client is a token, or without tokens an address.",
            to.access.rates.requests, std::uint64_t(0), std::uint64_t(1'000'000'000));
  app.add_option_function<std::string>(
         "--limit-bytes",
         [&to](std::string const& text) { to.access.rates.bytes = parse_bytes("--limit-bytes", text); },
         "Bytes of bodies and answers a second")
      ->envname("HOLDFAST_LIMIT_BYTES")
      ->type_name("SIZE")
      ->default_str("0");
  add_duration(app, "--limit-lock-time", "HOLDFAST_LIMIT_LOCK_TIME",
               "Time that it holds the lock, per second\n"
               "After a longer hold, its requests get 429 until the average is below the limit.",
               "0", [&to](auto time) { to.access.rates.lock_time = time; });
  add_count(app, "--limit-streams", "HOLDFAST_LIMIT_STREAMS", "Watches, exports and event streams",
            to.access.streams_max, std::size_t(0), std::size_t(1'000'000));
  add_count(app, "--limit-connections", "HOLDFAST_LIMIT_CONNECTIONS", "Connections of its address; more get 503",
            to.access.connections_max, std::size_t(0), std::size_t(1'000'000));
}

void add_limits_of_server(CLI::App& app, settings& to) {
  app.option_defaults()->group("Limits of the server");
  add_count(app, "--max-connections", "HOLDFAST_MAX_CONNECTIONS", "Connections; further ones get 503",
            to.connections_max, std::size_t(1), std::size_t(1'000'000));
  app.add_option_function<std::string>(
         "--max-memory",
         [&to](std::string const& text) {
           to.memory_bytes_max = parse_bytes("--max-memory", text);
           if (to.memory_bytes_max < memory_bytes_min)
             throw CLI::ValidationError("--max-memory", "must be at least 16MiB");
         },
         "Memory for values and requests\n"
         "The default is three quarters of the memory of the machine or the cgroup. Requests that need more get 507 "
         "or 503.")
      ->envname("HOLDFAST_MAX_MEMORY")
      ->type_name("SIZE")
      ->default_str("3/4 of it");
  add_count(app, "--max-header", "HOLDFAST_MAX_HEADER", "Bytes of a request's header", to.sessions.header_bytes_max,
            std::size_t(256), std::size_t(1) << 20);
  add_count(app, "--max-body", "HOLDFAST_MAX_BODY", "Bytes of a request's body", to.sessions.body_bytes_max,
            std::size_t(1), std::size_t(1) << 30);
  add_duration(app, "--header-timeout", "HOLDFAST_HEADER_TIMEOUT", "Time to receive a request's header", "10s",
               [&to](auto timeout) { to.sessions.header_timeout = timeout; });
  add_duration(app, "--idle-timeout", "HOLDFAST_IDLE_TIMEOUT", "Idle time between requests", "60s",
               [&to](auto timeout) { to.sessions.idle_timeout = timeout; });
  add_duration(app, "--transfer-timeout", "HOLDFAST_TRANSFER_TIMEOUT",
               "Time to move a body or an answer\nEach 16 KiB moved adds one second.", "10s",
               [&to](auto timeout) { to.sessions.transfer_timeout = timeout; });
}

void add_log_flags(CLI::App& app, settings& to) {
  app.option_defaults()->group("Logs");
  app.add_option("--log-level", to.log_level, "trace, debug, info, warn, error or off")
      ->envname("HOLDFAST_LOG_LEVEL")
      ->type_name("LEVEL")
      ->check(CLI::Validator(
          [](std::string const& level) {
            return is_log_level(level) ? std::string()
                                       : "'" + level + "' is not a level; use trace, debug, info, warn, error or off";
          },
          "{trace,debug,info,warn,error,off}"))
      ->capture_default_str();
  app.add_option_function<std::string>(
         "--log-format",
         [&to](std::string const& format) {
           if (format != "text" && format != "json")
             throw CLI::ValidationError("--log-format", "'" + format + "' is not a format; use text or json");
           to.log_format = format == "json" ? log_format::json : log_format::text;
         },
         "Format of the log, on standard error")
      ->envname("HOLDFAST_LOG_FORMAT")
      ->type_name("text|json")
      ->default_str("text");
  app.add_option("--access-log", to.access.requests_file,
                 "Append a line of JSON for each request\nSIGHUP opens the file again.")
      ->envname("HOLDFAST_ACCESS_LOG")
      ->type_name("FILE");
  app.add_option("--audit-log", to.access.audit_file,
                 "Append a line of JSON for each change\n"
                 "Changes are writes, holds and changes of settings; answers 401 and 403 are logged, too. SIGHUP opens "
                 "the file again.")
      ->envname("HOLDFAST_AUDIT_LOG")
      ->type_name("FILE");
}

void add_settings(CLI::App& app, settings& to, bool& in_memory) {
  add_service_flags(app, to);
  add_data_flags(app, to, in_memory);
  add_cluster_flags(app, to.cluster);
  add_lock_flags(app, to);
  add_access_flags(app, to);
  add_limits_of_clients(app, to);
  add_limits_of_server(app, to);
  add_log_flags(app, to);
  app.option_defaults()->group("Flags");
}

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
  if (!settings.tls.certificate.empty())
    throw CLI::ValidationError("--tls-cert",
                               "the servers of a cluster speak plain HTTP to each other; let a proxy in front of them "
                               "speak TLS");
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
