#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/load/find_max.hpp"
#include "client/load/measurements.hpp"
#include "client/load/second_row.hpp"
#include "client/load/settings.hpp"

namespace holdfast::client::verify {
struct verification;
}

namespace holdfast::client::load {

struct watch_report;

/// Figures of the server's process, if its pid was given.
struct server_process {
  int pid = 0;
  std::string name;                ///< empty if there was no such process
  std::optional<nanoseconds> cpu;  ///< CPU time; nullopt if the process ended before the run did
};

/// The results of a run. All figures are measured, not estimated.
struct load_report {
  load_settings settings;
  std::string key_prefix;
  std::chrono::system_clock::time_point started_at;
  nanoseconds elapsed{0};  ///< from the start until the last request was answered or abandoned
  bool interrupted = false;
  measurements total;
  std::vector<second_row> seconds;
  std::uint64_t unfinished = 0;                          ///< in flight at the end; not counted elsewhere
  nanoseconds oldest_unfinished{0};                      ///< waiting time of the oldest of them
  nanoseconds cpu{0};                                    ///< CPU time of the client's threads
  nanoseconds starved{0};                                ///< how long these were ready without a processor
  std::optional<server_process> server;                  ///< nullopt if its pid was not given
  std::optional<found_rate> found;                       ///< the search to which this run belongs as the last
  std::shared_ptr<verify::verification const> verified;  ///< the result of --verify; null without it
  std::shared_ptr<watch_report const> watched;           ///< what the watchers received; null without watchers

  /// The settings to repeat the run, or the search that it belongs to.
  [[nodiscard]] std::vector<experiment_entry> experiment() const;
  /// When the first counted request was due: the start plus the warm-up.
  [[nodiscard]] std::chrono::system_clock::time_point measured_from() const;
  /// The length of a row of `seconds`: one second, except for the last row, which lasts until the end.
  [[nodiscard]] nanoseconds row_length(second_row const& row) const;
  /// Open loop: the requested and the achieved rate, in requests per second over the time of the stages.
  [[nodiscard]] double asked_rate() const;
  [[nodiscard]] double started_rate() const;
  /// Open loop: the share of requests that the client's own threads started late although a connection was free.
  [[nodiscard]] double late_share() const;
  [[nodiscard]] bool client_was_late() const { return late_share() > 0.01; }
  static constexpr nanoseconds late_limit = std::chrono::milliseconds(1);
  /// True if the run met all thresholds; without thresholds, if it had answers and no errors. For a search: if it has
  /// confirmed a rate, or had found one when it was interrupted.
  [[nodiscard]] bool passed() const;
  /// Successes per second.
  [[nodiscard]] double throughput() const;
  /// A CPU time divided by the number of answers of any status, since all of them use CPU time. Nullopt if there were
  /// none.
  [[nodiscard]] std::optional<nanoseconds> per_request(nanoseconds used) const;
  /// The average number of cores used by this CPU time.
  [[nodiscard]] double cores(nanoseconds used) const;
  /// The CPU time of the client's threads as a share of their available time; 0 to 1.
  [[nodiscard]] double busy_share() const;
  /// The time in which they were ready but had no processor, as a share of their available time.
  [[nodiscard]] double starved_share() const;
  /// True if the client's own threads were the bottleneck, so that the figures do not describe the server.
  [[nodiscard]] bool client_was_the_limit() const { return busy_share() + starved_share() > 0.9; }
};

/// As text: throughput and p99 first, then the details. Ends with a line feed.
[[nodiscard]] std::string text_report(load_report const& report);

/// A time in RFC 3339 format, in UTC: `2026-11-24T08:30:00Z`.
[[nodiscard]] std::string rfc3339(std::chrono::system_clock::time_point time);

/// As one JSON object. Durations are in milliseconds, shares are 0 to 1; values that were not measured are null.
///
///     version            1; raised when a field changes its meaning
///     settings           server, loop (closed, open), stages [{duration_ms, rate_begin_per_s, rate_end_per_s}],
///                        arrivals, warm_up_ms, connections, pipeline, threads, duration_ms, mix, key_choice, keys,
///                        value_size, hold (null: the server's default), hold_share, seed, request_timeout_ms,
///                        experiment: the flags of `holdfast load` that repeat the run
///     started_at         UTC, RFC 3339
///     elapsed_ms         from the start until the last answer
///     interrupted        ended early by a signal
///     throughput_per_s   successes per second
///     latency_ms         {all, and each operation: {count, mean, min, p50, p90, p99, p99_9, max}} of the successes
///     open_loop          null for a closed loop, else {asked_per_s, started_per_s, found_no_connection, late_share,
///                        late_ms, since_sent_ms}; the last two like latency_ms
///     split              {answers, without_timing, implausible_timing, before_sending_ms, wait_ms, hold_ms, disk_ms,
///                        rest_ms}: each part like latency_ms, with its `share` of the total; from Server-Timing
///     statuses           [{operation, status, count, success, reason (why the first one was refused, or null),
///                        latency_ms}]
///     errors             {total, kinds: {refused, reset, timeout, status, bad_answer, …: count}}
///     unfinished         {count, oldest_ms}: in flight at the end, not counted elsewhere
///     reconnects         connections opened again after the server closed one between requests
///     client             {cpu_ms, cpu_us_per_request, busy_share, starved_share, was_the_limit}
///     server             null without its pid, else {pid, name, cpu_ms, cpu_us_per_request, cores}; the last three
///                        are null if the process ended before the run did
///     find_max           null without a search, else {rate_per_s (null if none held), confirmed, bounded_by (limit,
///                        client, or null for none), limits [text], probes [{rate_per_s, answered_per_s, p50_ms,
///                        p99_ms, confirms, outcome (held, broken, client_was_late), why}]}; all other members are
///                        about its last run, except that settings.experiment repeats the search
///     thresholds         [{threshold, held, measured (text)}]
///     watch              null without watchers, else {watchers, events, lost, reconnects, wrong, first_wrong (text or
///                        null), failure (text or null)}
///     verification       null without --verify, else the result of verify::json_of()
///     curve_ms           {all, each operation, since_sent: [[share, ms], …]}: percentile curves, see
///                        histogram::percentile_curve()
///     seconds            [{second, length_ms, answers, errors, mean_ms, p50_ms, p90_ms, p99_ms, p99_9_ms, max_ms,
///                        wait_share, split_ms: {before_sending, wait, hold, rest} (means), since_sent_p99_ms (open
///                        loop), operations: {get, …: {answers, mean_ms, p50_ms, p90_ms, p99_ms, p99_9_ms, max_ms}},
///                        statuses: [{operation, status, answers, and the same}]}]
[[nodiscard]] std::string json_report(load_report const& report);

/// Several runs with the same settings: `{"version": 1, "runs": […]}`, each as in json_report().
[[nodiscard]] std::string json_reports(std::span<load_report const> runs);

/// As text: throughput and p99 of each run, and their spread. Ends with a line feed.
[[nodiscard]] std::string text_of_runs(std::span<load_report const> runs);

}  // namespace holdfast::client::load
