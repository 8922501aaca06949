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

/// What is asked for.
struct workload_settings {
  operation_mix mix;
  std::uint32_t keys = 1000;  ///< stored before the run
  load::key_choice key_choice;
  distribution value_bytes = distribution::constant(64);  ///< of the JSON text, quotes included
  std::optional<distribution> hold;                       ///< in nanoseconds; empty: as the server is set
  double hold_share = 1;            ///< of the requests that ask for the hold; the others for none
  std::optional<distribution> ttl;  ///< of values that are put, in nanoseconds; empty: they stay
  double ttl_share = 1;             ///< of the puts that ask for it
  std::uint64_t seed = 1;           ///< the same seed draws the same requests
};

/// Everything that can be set about a run.
struct load_settings {
  connection_settings connection;  ///< request_timeout empty: 30 s, and the holds of all requests one after another
  workload_settings workload;
  unsigned connections = 64;
  unsigned pipeline = 1;  ///< requests in flight on each connection
  unsigned threads = 1;
  std::optional<int> server_pid;  ///< of the server's process on this machine, whose processor time is measured
  nanoseconds duration = std::chrono::seconds(10);  ///< of an open loop: that of all its stages
  nanoseconds warm_up{0};                           ///< asked before, and in no figure
  std::vector<stage> stages;                        ///< of an open loop; none: closed loop
  load::arrivals arrivals = arrivals::constant;
  std::vector<threshold> find_max;                    ///< search for the highest rate that holds these; none: one run
  std::vector<threshold> thresholds;                  ///< what the run is held to
  bool quiet = false;                                 ///< no progress
  bool keep_keys = false;                             ///< leave the keys in the server
  bool json = false;                                  ///< print JSON instead of text
  std::string json_file;                              ///< write the JSON there and print the text
  std::string csv_file, hdr_file, html_file;          ///< write these reports there; empty: not asked for
  unsigned runs = 1;                                  ///< how often to run, one after another, into one report
  bool verify = false;                                ///< record all requests, and check that their answers were right
  nanoseconds verify_time = std::chrono::minutes(1);  ///< how long to check, at most
};

[[nodiscard]] inline bool is_open_loop(load_settings const& settings) {
  return !settings.stages.empty();
}

/// How long a request may take before it counts as timed out.
[[nodiscard]] inline nanoseconds request_timeout(load_settings const& settings) {
  if (settings.connection.request_timeout) return *settings.connection.request_timeout;
  auto const hold = settings.workload.hold ? settings.workload.hold->high() : 0;
  // A year and more is no limit, and what comes of such a product may be more than a number holds.
  constexpr double longest = 365.0 * 24 * 3600 * 1e9;
  return std::chrono::seconds(30) +
         nanoseconds(static_cast<std::int64_t>(std::min(hold * settings.connections * settings.pipeline, longest)));
}

}  // namespace holdfast::client::load
