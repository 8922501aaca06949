#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/load/measurements.hpp"

namespace holdfast::client::load {

/// A latency in figures; what `count` 0 leaves at 0 was not measured.
struct latency_figures {
  std::uint64_t count = 0;
  nanoseconds mean{0}, p50{0}, p90{0}, p99{0}, p99_9{0}, max{0};
};

[[nodiscard]] latency_figures figures_of(histogram const& latency);

/// One operation's part of a second.
struct operation_row {
  operation_kind operation;
  latency_figures latency;
  std::string hdr;  ///< its histogram as hdr_text() writes it; empty unless asked for
};

/// The answers of a second that had the same operation and status.
struct status_row {
  operation_kind operation;
  unsigned status;
  latency_figures latency;
};

/// How the latencies of a second's answers split, each part's sum over them.
struct split_row {
  std::uint64_t answers = 0;  ///< those that had a plausible Server-Timing; the parts are theirs alone
  nanoseconds before_sending{0}, wait{0}, hold{0}, disk{0}, rest{0};

  [[nodiscard]] nanoseconds whole() const { return before_sending + wait + hold + disk + rest; }
  /// The share of the latency that was spent in the lock's queue, 0 to 1; nothing when nothing was measured.
  [[nodiscard]] std::optional<double> wait_share() const;
};

/// A second of a run, in figures.
struct second_row {
  std::uint32_t second = 0;  ///< since the start, from 0
  std::uint64_t errors = 0;
  latency_figures latency;                    ///< of all successes
  std::vector<operation_row> operations;      ///< those that had successes
  std::vector<status_row> statuses;           ///< successes or not
  std::optional<latency_figures> since_sent;  ///< of an open loop
  split_row split;
};

enum class row_detail { figures, histograms };

/// @param detail histograms: each operation's histogram is kept too, as text of 1 to 2 KB
[[nodiscard]] second_row summarize(std::uint32_t second, measurements const& measured,
                                   row_detail detail = row_detail::figures);

}  // namespace holdfast::client::load
