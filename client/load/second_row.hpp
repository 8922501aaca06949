#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/load/measurements.hpp"

namespace holdfast::client::load {

/// Figures of a latency. If `count` is 0, nothing was measured, and the other members are 0.
struct latency_figures {
  std::uint64_t count = 0;
  nanoseconds mean{0}, p50{0}, p90{0}, p99{0}, p99_9{0}, max{0};
};

[[nodiscard]] latency_figures figures_of(histogram const& latency);

/// One operation's figures for a second.
struct operation_row {
  operation_kind operation;
  latency_figures latency;
  std::string hdr;  ///< its histogram from hdr_text(); empty unless requested
};

/// The answers of a second with the same operation and status.
struct status_row {
  operation_kind operation;
  unsigned status;
  latency_figures latency;
};

/// The parts of the latencies of a second's answers; each member is a sum over the answers.
struct split_row {
  std::uint64_t answers = 0;  ///< answers with a plausible Server-Timing; only these contribute to the parts
  nanoseconds before_sending{0}, wait{0}, hold{0}, disk{0}, rest{0};

  [[nodiscard]] nanoseconds whole() const { return before_sending + wait + hold + disk + rest; }
  /// The share of the latency spent waiting for the lock, 0 to 1; nullopt if nothing was measured.
  [[nodiscard]] std::optional<double> wait_share() const;
};

/// The figures of one second of a run.
struct second_row {
  std::uint32_t second = 0;  ///< since the start, from 0
  std::uint64_t errors = 0;
  latency_figures latency;                    ///< of all successes
  std::vector<operation_row> operations;      ///< those with successes
  std::vector<status_row> statuses;           ///< successes and failures
  std::optional<latency_figures> since_sent;  ///< for an open loop
  split_row split;
};

enum class row_detail { figures, histograms };

/// @param detail `histograms` also keeps each operation's histogram, as text of 1 to 2 KB
[[nodiscard]] second_row summarize(std::uint32_t second, measurements const& measured,
                                   row_detail detail = row_detail::figures);

}  // namespace holdfast::client::load
