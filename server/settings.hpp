#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::server {

using std::chrono::nanoseconds;

/// What routes need to turn a request into an operation.
struct route_settings {
  nanoseconds read_hold{0};  ///< the hold of a GET or HEAD that names none
  nanoseconds hold_max = std::chrono::seconds(60);
  std::optional<nanoseconds> lock_timeout;  ///< of requests that name none; empty: wait as long as it takes
  std::vector<std::string> host_names;      ///< by which browsers reach this server, besides IP addresses and localhost
};

/// How much of the server one connection may use, and for how long.
struct session_settings {
  std::size_t header_bytes_max = 8 * 1024;
  std::size_t body_bytes_max = 1024 * 1024;
  nanoseconds header_timeout = std::chrono::seconds(10);    ///< from a request's first byte to the end of its header
  nanoseconds idle_timeout = std::chrono::seconds(60);      ///< between requests
  nanoseconds transfer_timeout = std::chrono::seconds(10);  ///< for a body or an answer, and a second more for each
                                                            ///< 16 KiB that moved
};

enum class log_format { text, json };

/// Everything that can be set. Filled by the command line and the environment in command_line.cpp, nowhere else.
struct settings {
  std::string listen_address = "127.0.0.1";
  std::uint16_t listen_port = 8080;
  unsigned threads = 1;
  nanoseconds writer_period = std::chrono::milliseconds(350);  ///< 0: no writer
  std::string writer_key = "my-key";
  nanoseconds drain_timeout = std::chrono::seconds(5);
  std::size_t connections_max = 16384;
  std::size_t waiters_max = 16384;
  route_settings routes;
  session_settings sessions;
  bool live_settings = true;  ///< whether clients may change what may change while the server runs
  std::string log_level = "info";
  server::log_format log_format = log_format::text;
};

}  // namespace holdfast::server
