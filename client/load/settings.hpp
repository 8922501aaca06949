#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/connection.hpp"
#include "client/load/schedule.hpp"
#include "client/load/threshold.hpp"

namespace holdfast::client::load {

using std::chrono::nanoseconds;

/// What is asked for.
struct workload_settings {
  double read_ratio = 0.9;          ///< the share of gets; the rest are puts
  std::uint32_t keys = 1000;        ///< chosen uniformly
  std::uint32_t value_bytes = 64;   ///< of the JSON text, quotes included
  std::optional<nanoseconds> hold;  ///< of every request; empty: as the server is set
  std::uint64_t seed = 1;           ///< the same seed gives the same requests
};

/// Everything that can be set about a run.
struct load_settings {
  connection_settings connection;  ///< request_timeout empty: 30 s, and the holds of all connections one after another
  workload_settings workload;
  unsigned connections = 64;
  unsigned threads = 1;
  nanoseconds duration = std::chrono::seconds(10);  ///< of an open loop: that of all its stages
  nanoseconds warm_up{0};                           ///< asked before, and in no figure
  std::vector<stage> stages;                        ///< of an open loop; none: closed loop
  load::arrivals arrivals = arrivals::constant;
  std::vector<threshold> thresholds;          ///< what the run is held to
  bool quiet = false;                         ///< no progress
  bool keep_keys = false;                     ///< leave the keys in the server
  bool json = false;                          ///< print JSON instead of text
  std::string json_file;                      ///< write the JSON there and print the text
  std::string csv_file, hdr_file, html_file;  ///< write these reports there; empty: not asked for
  unsigned runs = 1;                          ///< how often to run, one after another, into one report
};

[[nodiscard]] inline bool is_open_loop(load_settings const& settings) {
  return !settings.stages.empty();
}

/// How long a request may take before it counts as timed out.
[[nodiscard]] inline nanoseconds request_timeout(load_settings const& settings) {
  if (settings.connection.request_timeout) return *settings.connection.request_timeout;
  return std::chrono::seconds(30) + settings.connections * settings.workload.hold.value_or(nanoseconds(0));
}

}  // namespace holdfast::client::load
