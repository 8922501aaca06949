#include "server/app/flags.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <fstream>
#include <limits>
#include <string_view>
#include <utility>

#include "protocol/duration.hpp"
#include "protocol/key.hpp"
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

/// Checks a URL such as `http://10.0.0.1:8080`, at which the other servers of a cluster reach this one.
std::string check_advertise(std::string const& url) {
  auto const scheme = std::string_view(url.starts_with("https://") ? "https://" : "http://");
  auto const rest = url.starts_with(scheme) ? url.substr(scheme.size()) : std::string();
  auto const colon = rest.rfind(':');
  auto const port = colon != std::string::npos ? rest.substr(colon + 1) : std::string();
  auto const is_one = colon != 0 && colon != std::string::npos && !port.empty() &&
                      port.find_first_not_of("0123456789") == std::string::npos &&
                      rest.find_first_of("/?#@ ") == std::string::npos;
  auto const host = is_one ? rest.substr(0, colon) : std::string();
  if (host == "0.0.0.0" || host == "[::]" || host == "::")
    return "'" + url +
           "' is no address to connect to; write the one at which the other servers reach this server, as "
           "http://10.0.0.1:" +
           port;
  if (is_one && port.find_first_not_of('0') == std::string::npos)
    return "'" + url + "' has no port to connect to; write the one of --listen, or of the proxy in front of it";
  return is_one ? std::string()
                : "'" + url + "' is not such a URL; write it as http://10.0.0.1:8080 or https://10.0.0.1:8080";
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
  app.add_option("--advertise", to.advertise,
                 "Where the other servers reach this one\nSuch as http://10.0.0.1:8080; with --tls-cert, https://.")
      ->envname("HOLDFAST_ADVERTISE")
      ->type_name("URL")
      ->check(check_advertise);
  app.add_option("--cluster-ca", to.ca_certificate,
                 "CAs of the other servers' certificates (PEM)\n"
                 "For an https:// leader. The default is those of the system.")
      ->envname("HOLDFAST_CLUSTER_CA")
      ->type_name("FILE");
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
  add_count(app, "--limit-streams", "HOLDFAST_LIMIT_STREAMS", "Watches, exports, imports, event streams",
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

}  // namespace

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

}  // namespace holdfast::server
