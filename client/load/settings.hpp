#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/connection.hpp"
#include "client/load/distribution.hpp"
#include "client/load/key_choice.hpp"
#include "client/load/mix.hpp"
#include "client/load/schedule.hpp"
#include "client/load/threshold.hpp"

namespace holdfast::client::load {

using std::chrono::nanoseconds;

/// The requests of a run.
struct workload_settings {
  operation_mix mix;
  std::uint32_t keys = 1000;  ///< stored before the run
  load::key_choice key_choice;
  distribution value_bytes = distribution::constant(64);  ///< size of the JSON text, including quotes
  std::optional<distribution> hold;                       ///< in nanoseconds; nullopt for the server's default
  double hold_share = 1;                                  ///< share of requests with this hold; the others have none
  std::optional<distribution> ttl;  ///< time to live of put values, in nanoseconds; nullopt for none
  double ttl_share = 1;             ///< share of puts with a time to live
  std::uint64_t seed = 1;           ///< the same seed generates the same requests
};

/// All settings of a run.
struct load_settings {
  connection_settings connection;  ///< without request_timeout: 30 s plus the holds of all requests in sequence
  workload_settings workload;
  unsigned connections = 64;
  unsigned pipeline = 1;  ///< requests in flight on each connection
  unsigned threads = 1;
  std::optional<int> server_pid;                    ///< process of a server on this machine, whose CPU time is measured
  nanoseconds duration = std::chrono::seconds(10);  ///< for an open loop, the total of its stages
  nanoseconds warm_up{0};                           ///< requests before the run, excluded from all figures
  std::vector<stage> stages;                        ///< of an open loop; empty for a closed loop
  load::arrivals arrivals = arrivals::constant;
  std::vector<threshold> find_max;    ///< searches for the highest rate that meets these; empty for a single run
  std::vector<threshold> thresholds;  ///< limits that the run must meet
  bool quiet = false;                 ///< no progress output
  bool keep_keys = false;             ///< does not remove the keys after the run
  bool json = false;                  ///< prints JSON instead of text
  std::string json_file;              ///< writes JSON to this file and prints the text
  std::string csv_file, hdr_file, html_file;          ///< writes these reports to files; empty for none
  unsigned runs = 1;                                  ///< number of runs, one after another, in one report
  bool verify = false;                                ///< records all requests and checks their answers
  nanoseconds verify_time = std::chrono::minutes(1);  ///< time limit of the check
};

[[nodiscard]] inline bool is_open_loop(load_settings const& settings) {
  return !settings.stages.empty();
}

/// The time after which a request counts as timed out.
[[nodiscard]] inline nanoseconds request_timeout(load_settings const& settings) {
  if (settings.connection.request_timeout) return *settings.connection.request_timeout;
  auto const hold = settings.workload.hold ? settings.workload.hold->high() : 0;
  // Treat a year or more as no limit, which also prevents an overflow of the product.
  constexpr double longest = 365.0 * 24 * 3600 * 1e9;
  return std::chrono::seconds(30) +
         nanoseconds(static_cast<std::int64_t>(std::min(hold * settings.connections * settings.pipeline, longest)));
}

}  // namespace holdfast::client::load
