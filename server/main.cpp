#include <sys/resource.h>

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <cstdlib>
#include <iostream>

#include "server/command_line.hpp"
#include "server/demo.hpp"
#include "server/healthcheck.hpp"
#include "server/log.hpp"
#include "server/server.hpp"

namespace holdfast::server {
namespace {

/// Descriptors besides the connections: the log, the event loops, the listener.
constexpr rlim_t other_descriptors = 64;

/// Each connection needs a descriptor, and the usual soft limit is 1024.
void allow_descriptors(std::size_t connections) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  auto const wanted = static_cast<rlim_t>(connections) + other_descriptors;
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < wanted)
    log_warn(
        "too few file descriptors for max-connections",
        {{"allowed", limit.rlim_cur}, {"wanted", wanted}, {"remedy", "raise ulimit -n or lower --max-connections"}});
}

int run(serve_command const& command) {
  log_scope const log(command.settings.log_level, command.settings.log_format);
  allow_descriptors(command.settings.connections_max);
  try {
    server server(command.settings);
    server.stop_on_signals();
    server.run();
    return EXIT_SUCCESS;
  } catch (boost::system::system_error const& error) {
    auto const address = command.settings.listen_address + ':' + std::to_string(command.settings.listen_port);
    log_error("can't serve", {{"address", address},
                              {"error", error.code().message()},
                              {"remedy", "is another server there? --listen takes another address or port"}});
    return EXIT_FAILURE;
  }
}

int run(demo_command const& command) {
  run_demo(command.rounds);
  return EXIT_SUCCESS;
}

int run(healthcheck_command const& command) {
  auto const wrong = check_health(command.address, command.port, command.timeout);
  if (wrong.empty()) return EXIT_SUCCESS;
  std::cerr << "not ready at " << command.address << ':' << command.port << ": " << wrong << '\n';
  return EXIT_FAILURE;
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
    return std::visit([](auto const& command) { return run(command); }, parse_command_line(argc, argv));
  } catch (std::exception const& error) {
    std::cerr << "holdfast-server: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
