#pragma once

#include <chrono>
#include <string>
#include <variant>

#include "server/access/token.hpp"
#include "server/app/settings.hpp"

namespace holdfast::server {

/// What the command line asks for.
struct serve_command {
  holdfast::server::settings settings;
};
struct demo_command {
  unsigned rounds = 2;
};
struct healthcheck_command {
  std::string address;
  std::uint16_t port = 0;
  std::chrono::nanoseconds timeout{};
  bool is_tls = false;
  tls::client_trust trust{};
};
/// Something to do with a data directory that no server uses; see data_commands.
struct data_command {
  enum class what { inspect, backup, restore, check_disk };
  what which = what::inspect;
  std::string data;   ///< --data
  std::string named;  ///< the other directory; empty: there is none
};
/// Prints which server of a cluster leads.
struct cluster_command {
  cluster_settings cluster;
};
/// A token is to be made, which has everything but its secret.
struct token_command {
  token made;
};
/// Nothing to do but print `text` and exit: help, the version, or what is wrong with the command line (status 2).
struct print_command {
  std::string text;
  int exit_status = 0;
};
using command = std::variant<serve_command, demo_command, healthcheck_command, data_command, cluster_command,
                             token_command, print_command>;

/// Reads the command line and the HOLDFAST_* variables of the environment; a flag wins over a variable.
[[nodiscard]] command parse_command_line(int argc, char const* const* argv);

}  // namespace holdfast::server
