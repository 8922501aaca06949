#pragma once

#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include "server/access/token.hpp"
#include "server/app/settings.hpp"

namespace holdfast::server {

/// Runs the server.
struct serve_command {
  holdfast::server::settings settings;
  std::vector<std::string> unknown_variables{};  ///< HOLDFAST_* variables that are most likely typing errors
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
/// Works on a data directory that no server uses; see data_commands.
struct data_command {
  enum class what { inspect, backup, restore, check_disk };
  what which = what::inspect;
  std::string data;   ///< --data
  std::string named;  ///< the other directory; empty: none
};
/// Prints which server of a cluster leads.
struct cluster_command {
  cluster_settings cluster;
};
/// Creates a token, of which only the secret is missing.
struct token_command {
  token made;
};
/// Only prints `text` and exits: help, the version, or an error in the command line (status 2).
struct print_command {
  std::string text;
  int exit_status = 0;
};
using command = std::variant<serve_command, demo_command, healthcheck_command, data_command, cluster_command,
                             token_command, print_command>;

/// Parses the command line and the HOLDFAST_* environment variables; a flag takes precedence over a variable.
[[nodiscard]] command parse_command_line(int argc, char const* const* argv);

}  // namespace holdfast::server
