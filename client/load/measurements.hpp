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

/// The measurements of one answer.
struct sample {
  operation_kind operation;
  unsigned status;
  bool expected;                                   ///< the status is a success of this operation
  nanoseconds latency;                             ///< from the start to the last byte of the answer
  std::optional<protocol::lock_timing> timing;     ///< as reported by the server
  std::optional<nanoseconds> before_sending = {};  ///< open loop: time from its start until it was sent
};

/// The latencies of all answers with the same operation and status.
struct series {
  operation_kind operation;
  unsigned status;
  bool expected;
  histogram latency;
  std::string reason;  ///< why the first one was refused, from its problem document; may be empty
};

constexpr std::size_t error_kinds = static_cast<std::size_t>(error_kind::invalid_request) + 1;

/// The measurements of a time span by one thread, or by several after merging.
class measurements {
 public:
  /// @return the series that contains the sample; valid until the next call
  series& record(sample const& sample);
  /// Counts a failed request or attempt to connect. A refusal is recorded as a sample instead.
  void record(error_kind kind, std::uint64_t times = 1) { errors_[static_cast<std::size_t>(kind)] += times; }
  void record_reconnect() { ++reconnects_; }
  /// Open loop: a request was sent `late` after its start; or it found no free connection and must wait.
  void record_start(nanoseconds late) { late_.record(late); }
  void record_queued() { ++queued_; }
  void merge(measurements const& other);

  [[nodiscard]] std::vector<series> const& all_series() const { return series_; }
  /// The latencies of all successes, or of those of one operation.
  [[nodiscard]] histogram successes(std::optional<operation_kind> operation = {}) const;
  /// The number of successes.
  [[nodiscard]] std::uint64_t success_count() const;

  /// The number of answers with any status.
  [[nodiscard]] std::uint64_t answer_count() const;

  /// Open loop: the latencies of all successes from the time of sending, without the wait before.
  [[nodiscard]] histogram const& since_sent() const { return since_sent_; }
  /// Open loop: delays of requests that found a free connection. They are caused by the client.
  [[nodiscard]] histogram const& late() const { return late_; }
  /// Open loop: the number of requests that found all connections busy.
  [[nodiscard]] std::uint64_t queued() const { return queued_; }

  // The parts of the latency of successes with a Server-Timing.
  [[nodiscard]] histogram const& before_sending() const { return before_sending_; }  ///< open loop, see sample
  [[nodiscard]] histogram const& wait() const { return wait_; }                      ///< waiting for the lock
  [[nodiscard]] histogram const& hold() const { return hold_; }                      ///< owning the lock
  [[nodiscard]] histogram const& disk() const { return disk_; }  ///< delayed until durable; 0 without a delay
  [[nodiscard]] histogram const& rest() const {
    return rest_;
  }  ///< the remainder: network, parsing, queues on both sides
  /// The sum of all parts.
  [[nodiscard]] nanoseconds split_sum() const;
  /// Successes without a Server-Timing, and successes whose timing exceeds their latency.
  [[nodiscard]] std::uint64_t without_timing() const { return without_timing_; }
  [[nodiscard]] std::uint64_t implausible_timing() const { return implausible_timing_; }

  /// Includes refusals, as error_kind::status.
  [[nodiscard]] std::uint64_t errors(error_kind kind) const;
  [[nodiscard]] std::uint64_t error_count() const;
  /// Connections opened again after the server closed one between requests.
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
