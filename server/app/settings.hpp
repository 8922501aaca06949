#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "server/access/access_control.hpp"
#include "server/api/route_settings.hpp"
#include "server/cluster/cluster_settings.hpp"
#include "server/http/session_settings.hpp"
#include "server/log/log.hpp"
#include "tls/context.hpp"

namespace holdfast::server {

using std::chrono::nanoseconds;

/// All settings. Only flags.cpp and command_line.cpp fill them, from the command line and the environment.
struct settings {
  std::string listen_address = "127.0.0.1";
  std::uint16_t listen_port = 8080;
  unsigned threads = 1;
  nanoseconds writer_period = std::chrono::milliseconds(350);  ///< 0: no writer
  std::string writer_key = "my-key";
  nanoseconds drain_timeout = std::chrono::seconds(5);
  std::size_t connections_max = 16384;
  std::size_t waiters_max = 16384;
  std::string data_directory;          ///< where the data are kept; empty: in memory alone
  std::string backups_directory;       ///< where backups go; empty: beside the data
  bool sync = true;                    ///< whether what is acknowledged survives a power loss, too
  bool accept_loss = false;            ///< whether to start with what is left of damaged data
  cluster_settings cluster;            ///< of several servers that keep the data in etcd; see cluster_member
  std::uint64_t memory_bytes_max = 0;  ///< for data and requests under way; 0: three quarters of what there is
  access_settings access;
  bool expose_insecure = false;  ///< serve other machines without tokens, or with tokens but without TLS
  route_settings routes;
  session_settings sessions;
  tls::server_files tls;      ///< no certificate: no TLS
  bool live_settings = true;  ///< clients may change settings at runtime
  std::string log_level = "info";
  server::log_format log_format = log_format::text;
};

}  // namespace holdfast::server
