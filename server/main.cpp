#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "server/access/token_file.hpp"
#include "server/app/cluster_commands.hpp"
#include "server/app/cluster_member.hpp"
#include "server/app/command_line.hpp"
#include "server/app/data_commands.hpp"
#include "server/app/demo.hpp"
#include "server/app/healthcheck.hpp"
#include "server/app/server.hpp"
#include "server/journal/journal.hpp"
#include "server/journal/rocksdb_engine.hpp"
#include "server/log/log.hpp"
#include "server/net/listener.hpp"

namespace holdfast::server {
namespace {

/// Each connection needs a descriptor, and the usual soft limit is 1024. Where the hard limit allows fewer, fewer
/// connections are admitted, so that the rest get an answer instead of waiting in the backlog.
void allow_descriptors(settings& settings) {
  // Streams, signals, address look-ups; a loop's set, its bell, its clock and its turn for TLS handshakes.
  constexpr rlim_t of_process = 8 + listener::descriptors_max, of_thread = 4;
  // Listening sockets, and connections to etcd with their bells.
  constexpr rlim_t of_cluster = 16;
  // Without them, the next table or log would end the server.
  auto const of_data = settings.data_directory.empty() ? rlim_t{0} : rlim_t{rocksdb_engine::descriptors_max};
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  // Of a cluster, the server of the next phase is made while that of the last one runs.
  auto const phases = settings.cluster.name.empty() ? 1U : 2U;
  auto const others = of_process + of_thread * settings.threads * phases + (phases - 1) * of_cluster + of_data;
  auto const wanted = static_cast<rlim_t>(settings.connections_max) + others;
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= wanted) return;
  settings.connections_max = limit.rlim_cur > others ? limit.rlim_cur - others : 1;
  log_warn("fewer connections than max-connections", {{"connections", settings.connections_max},
                                                      {"descriptors", limit.rlim_cur},
                                                      {"remedy", "raise ulimit -n or lower --max-connections"}});
}

/// A closed standard stream's number would be the next descriptor's: a client would be sent the log.
void open_standard_streams() {
  for (int const stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(stream, F_GETFD) < 0) ::open("/dev/null", O_RDWR);  // takes the lowest number that is free
}

/// Values must not be readable by all users of this machine, also where the data directory is.
void keep_files_private() {
  constexpr mode_t others_and_group_writes = 0027;
  auto const before = ::umask(others_and_group_writes);
  ::umask(before | others_and_group_writes);
}

/// Freed memory up to this size stays with the process, for the next value: giving it back and taking it again costs
/// more than reading a value of 1 MiB does, most of it page faults.
void keep_freed_memory() {
  constexpr int kept_bytes_max = 8 * 1024 * 1024;
  mallopt(M_MMAP_THRESHOLD, kept_bytes_max / 2);
  mallopt(M_TRIM_THRESHOLD, kept_bytes_max);
}

int run(serve_command command) {
  // A log or a client that has gone must not end the process.
  std::signal(SIGPIPE, SIG_IGN);
  // Before the log starts its thread, which would otherwise be the one that they end.
  server::block_stop_signals();
  log_scope const log(command.settings.log_level, command.settings.log_format);
  for (auto const& variable : command.unknown_variables)
    log_warn("unknown environment variable", {{"variable", variable}});
  if (!command.settings.data_directory.empty()) keep_files_private();
  keep_freed_memory();
  allow_descriptors(command.settings);
  try {
    if (!command.settings.cluster.name.empty()) {
      cluster_member(command.settings).run();
      return EXIT_SUCCESS;
    }
    server server(command.settings);
    server.stop_on_signals();
    server.run();
    if (!server.failure().empty() && command.settings.log_level == "off")
      std::cerr << "holdfast-server: storage failed: " << server.failure() << '\n';
    return server.exit_status();
  } catch (journal_error const& error) {
    std::cerr << "holdfast-server: " << error.what() << '\n';
    return exit_status_of(error.fault());
  } catch (tls::error const& error) {
    std::cerr << "holdfast-server: " << error.what() << '\n';
    return EXIT_FAILURE;
  } catch (boost::system::system_error const& error) {
    // Not through the log, which may be off: nobody should have to guess why there is no server.
    std::cerr << "holdfast-server: can't serve on "
              << text_of(command.settings.listen_address, command.settings.listen_port) << ": "
              << error.code().message();
    if (error.code() == boost::asio::error::address_in_use)
      std::cerr << "; is another server there? --listen takes another address or port";
    if (error.code() == boost::asio::error::access_denied) std::cerr << "; ports below 1024 need privileges";
    std::cerr << '\n';
    return EXIT_FAILURE;
  }
}

int run(demo_command command) {
  run_demo(command.rounds);
  return EXIT_SUCCESS;
}

int run(healthcheck_command const& command) {
  std::signal(SIGPIPE, SIG_IGN);
  auto const tls = command.is_tls ? tls::client_context(command.trust) : tls::context();
  auto const wrong = check_health(command.address, command.port, command.timeout, tls);
  if (wrong.empty()) return EXIT_SUCCESS;
  std::cerr << "not ready at " << text_of(command.address, command.port) << ": " << wrong << '\n';
  return EXIT_FAILURE;
}

int run(data_command const& command) {
  keep_files_private();
  auto const& named = command.named.empty() ? command.data : command.named;
  switch (command.which) {
    case data_command::what::inspect:
      return run_inspect(named);
    case data_command::what::backup:
      return run_backup(command.data, named);
    case data_command::what::restore:
      return run_restore(named, command.data);
    case data_command::what::check_disk:
      break;
  }
  return run_check_disk(named);
}

int run(cluster_command const& command) {
  return run_cluster_status(command.cluster);
}

int run(token_command command) {
  auto const secret = make_secret();
  command.made.secret = digest_of(secret);
  auto const entry = to_toml(command.made);
  if (auto const read = read_tokens(entry); !read) {
    std::cerr << "holdfast-server: the name: " << read.error().detail << '\n';
    return 2;
  }
  // Apart, so that the entry can be appended to the file and the secret can't get there.
  std::cerr << secret << '\n';
  std::cout << entry << std::flush;
  return std::cout ? EXIT_SUCCESS : EXIT_FAILURE;
}

int run(print_command const& command) {
  (command.exit_status == 0 ? std::cout : std::cerr) << command.text;
  return command.exit_status;
}

}  // namespace
}  // namespace holdfast::server

int main(int argc, char** argv) {
  using namespace holdfast::server;
  try {
    open_standard_streams();
    return std::visit([](auto const& command) { return run(command); }, parse_command_line(argc, argv));
  } catch (std::exception const& error) {
    std::cerr << "holdfast-server: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
