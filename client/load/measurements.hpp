#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/error.hpp"
#include "client/load/histogram.hpp"
#include "client/load/workload.hpp"
#include "protocol/lock_timing.hpp"

namespace holdfast::client::load {

/// One answer, as it is measured.
struct sample {
  operation_kind operation;
  unsigned status;
  bool expected;                                   ///< whether the status is a success of this operation
  nanoseconds latency;                             ///< from the start to the last byte of the answer
  std::optional<protocol::lock_timing> timing;     ///< what the server said
  std::optional<nanoseconds> before_sending = {};  ///< open loop: how long after its start it was sent
};

/// The latencies of the answers that had the same operation and status.
struct series {
  operation_kind operation;
  unsigned status;
  bool expected;
  histogram latency;
  std::string reason;  ///< why the first of them was refused, from its problem document; empty: it does not say
};

constexpr std::size_t error_kinds = static_cast<std::size_t>(error_kind::invalid_request) + 1;

/// What was measured in a span of time by one thread, or by several after merging.
class measurements {
 public:
  /// @return what the sample was added to, until the next call
  series& record(sample const& sample);
  /// A request, or an attempt to connect, that came to nothing. A refusal is recorded as a sample.
  void record(error_kind kind, std::uint64_t times = 1) { errors_[static_cast<std::size_t>(kind)] += times; }
  void record_reconnect() { ++reconnects_; }
  /// Open loop: a request was sent at once, `late` after its start; or it found no free connection and has to wait.
  void record_start(nanoseconds late) { late_.record(late); }
  void record_queued() { ++queued_; }
  void merge(measurements const& other);

  [[nodiscard]] std::vector<series> const& all_series() const { return series_; }
  /// The latencies of all successes, or of those of one operation.
  [[nodiscard]] histogram successes(std::optional<operation_kind> operation = {}) const;
  /// How many answers were successes.
  [[nodiscard]] std::uint64_t success_count() const;

  /// How many answers there were, of any status.
  [[nodiscard]] std::uint64_t answer_count() const;

  /// Open loop: the latencies of all successes since they were sent, which leaves out what they waited before.
  [[nodiscard]] histogram const& since_sent() const { return since_sent_; }
  /// Open loop: how late requests started that found a free connection; the client's own doing.
  [[nodiscard]] histogram const& late() const { return late_; }
  /// Open loop: requests that found all connections busy.
  [[nodiscard]] std::uint64_t queued() const { return queued_; }

  // How the latency of each success with a Server-Timing splits.
  [[nodiscard]] histogram const& before_sending() const { return before_sending_; }  ///< open loop: see sample
  [[nodiscard]] histogram const& wait() const { return wait_; }                      ///< in the lock's queue
  [[nodiscard]] histogram const& hold() const { return hold_; }                      ///< owning the lock
  [[nodiscard]] histogram const& disk() const { return disk_; }  ///< withheld until durable; 0 where it was not
  [[nodiscard]] histogram const& rest() const { return rest_; }  ///< all else: network, parsing, queues on both sides
  /// The sum of all parts.
  [[nodiscard]] nanoseconds split_sum() const;
  /// Successes that had no Server-Timing, and those whose timing was longer than their latency.
  [[nodiscard]] std::uint64_t without_timing() const { return without_timing_; }
  [[nodiscard]] std::uint64_t implausible_timing() const { return implausible_timing_; }

  /// Refusals included, as error_kind::status.
  [[nodiscard]] std::uint64_t errors(error_kind kind) const;
  [[nodiscard]] std::uint64_t error_count() const;
  /// Connections opened again because the server had closed one between requests.
  [[nodiscard]] std::uint64_t reconnects() const { return reconnects_; }

 private:
  series& series_of(sample const& sample);
  void record_split(sample const& sample);

  std::vector<series> series_;
  histogram before_sending_, wait_, hold_, disk_, rest_;
  histogram since_sent_, late_;
  std::uint64_t queued_ = 0;
  std::uint64_t without_timing_ = 0;
  std::uint64_t implausible_timing_ = 0;
  std::array<std::uint64_t, error_kinds> errors_{};
  std::uint64_t reconnects_ = 0;
};

}  // namespace holdfast::client::load
