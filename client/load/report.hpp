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

/// What the server's process did meanwhile, when it was named.
struct server_process {
  int pid = 0;
  std::string name;                ///< empty when the process was gone
  std::optional<nanoseconds> cpu;  ///< its processor time; nothing when it ended before the run did
};

/// What a run came to. Nothing here is an estimate.
struct load_report {
  load_settings settings;
  std::string key_prefix;
  std::chrono::system_clock::time_point started_at;
  nanoseconds elapsed{0};  ///< from the start until the last answer was in, or given up
  bool interrupted = false;
  measurements total;
  std::vector<second_row> seconds;
  std::uint64_t unfinished = 0;                          ///< in flight at the end; in no other figure
  nanoseconds oldest_unfinished{0};                      ///< how long the oldest of them had been waiting
  nanoseconds cpu{0};                                    ///< processor time of the client's threads
  nanoseconds starved{0};                                ///< how long these were ready and had no processor
  std::optional<server_process> server;                  ///< nothing if its pid was not given
  std::optional<found_rate> found;                       ///< of the search whose last run this is
  std::shared_ptr<verify::verification const> verified;  ///< what its answers prove; null: not asked for
  std::shared_ptr<watch_report const> watched;           ///< what its watchers received; null: there were none

  /// What was asked for, so that it can be asked for again: a run's settings, or those of the search.
  [[nodiscard]] std::vector<experiment_entry> experiment() const;
  /// When the first request that counts was due: the start, and the warm-up behind it.
  [[nodiscard]] std::chrono::system_clock::time_point measured_from() const;
  /// The time that a row of `seconds` is about: a second, but the last one lasts until the end.
  [[nodiscard]] nanoseconds row_length(second_row const& row) const;
  /// Open loop: the rates that were asked for and kept, in requests a second over the time of the stages.
  [[nodiscard]] double asked_rate() const;
  [[nodiscard]] double started_rate() const;
  /// Open loop: the share of requests that the client's own threads started late although a connection was free.
  [[nodiscard]] double late_share() const;
  [[nodiscard]] bool client_was_late() const { return late_share() > 0.01; }
  static constexpr nanoseconds late_limit = std::chrono::milliseconds(1);
  /// Whether the run held to all thresholds; without any, whether it had answers and no errors. Of a search: whether it
  /// confirmed a rate, or had found one when it was interrupted.
  [[nodiscard]] bool passed() const;
  /// Answers that were successes, a second.
  [[nodiscard]] double throughput() const;
  /// A processor time by the number of answers of any status, all of which cost the server and the client something.
  /// Nothing when there were none.
  [[nodiscard]] std::optional<nanoseconds> per_request(nanoseconds used) const;
  /// How many cores were busy on average with what took this processor time.
  [[nodiscard]] double cores(nanoseconds used) const;
  /// The processor time of the client's threads as a share of what they had; 0 to 1.
  [[nodiscard]] double busy_share() const;
  /// The time in which they would have been busy, had others not had their processors; as such a share.
  [[nodiscard]] double starved_share() const;
  /// Whether the client's own threads were the limit, so that the figures are not the server's.
  [[nodiscard]] bool client_was_the_limit() const { return busy_share() + starved_share() > 0.9; }
};

/// For people: throughput and p99 first, then the details. Ends with a line feed.
[[nodiscard]] std::string text_report(load_report const& report);

/// A moment as RFC 3339 writes it, in UTC: `2026-11-24T08:30:00Z`.
[[nodiscard]] std::string rfc3339(std::chrono::system_clock::time_point time);

/// The same as one JSON object. Durations are numbers of milliseconds, shares are 0 to 1; what was not measured is
/// null.
///
///     version            1; raised when a field changes its meaning
///     settings           what was asked for: server, loop (closed, open), stages [{duration_ms, rate_begin_per_s,
///                        rate_end_per_s}], arrivals, warm_up_ms, connections, pipeline, threads, duration_ms, mix,
///                        key_choice, keys, value_size, hold (null: as the server is set), hold_share, seed,
///                        request_timeout_ms, experiment: the same as the flags of `holdfast load` have it, so that
///                        the run can be repeated
///     started_at         UTC, RFC 3339
///     elapsed_ms         from the start until the last answer was in
///     interrupted        ended by a signal before its time
///     throughput_per_s   successes a second
///     latency_ms         {all, and each operation: {count, mean, min, p50, p90, p99, p99_9, max}} of the successes
///     open_loop          null in a closed loop, else {asked_per_s, started_per_s, found_no_connection, late_share,
///                        late_ms, since_sent_ms}; the latter two as latency_ms
///     split              {answers, without_timing, implausible_timing, before_sending_ms, wait_ms, hold_ms, disk_ms,
///                        rest_ms}, each of the latter as latency_ms, with `share` of the whole; from Server-Timing
///     statuses           [{operation, status, count, success, reason (why the first of them was refused, or null),
///                        latency_ms: as above}]
///     errors             {total, kinds: {refused, reset, timeout, status, bad_answer, …: count}}
///     unfinished         {count, oldest_ms}: in flight at the end, in no other figure
///     reconnects         connections opened again because the server closed one between requests
///     client             {cpu_ms, cpu_us_per_request, busy_share, starved_share, was_the_limit}
///     server             null without its pid, else {pid, name, cpu_ms, cpu_us_per_request, cores}; the last three
///                        null when the process ended before the run did
///     find_max           null without the search, else {rate_per_s (null: none held), confirmed, bounded_by (limit,
///                        client, or null: nothing), limits [text], probes [{rate_per_s, answered_per_s, p50_ms,
///                        p99_ms, confirms, outcome (held, broken, client_was_late), why}]}; the rest is of its last
///                        run, but settings.experiment of the search
///     thresholds         [{threshold, held, measured (text)}]
///     watch              null without watchers, else {watchers, events, lost, reconnects, wrong, first_wrong,
///     failure};
///                        the last two texts or null
///     verification       null without --verify, else what verify::json_of() says
///     curve_ms           {all, each operation, since_sent: [[share, ms], …]}: the percentile curve, in steps that
///                        halve with what is left above
///     seconds            [{second, length_ms, answers, errors, mean_ms, p50_ms, p90_ms, p99_ms, p99_9_ms, max_ms,
///                        wait_share, split_ms: {before_sending, wait, hold, rest} (means), since_sent_p99_ms (open
///                        loop), operations: {get, …: {answers, mean_ms, p50_ms, p90_ms, p99_ms, p99_9_ms, max_ms}},
///                        statuses: [{operation, status, answers, and the same}]}]
[[nodiscard]] std::string json_report(load_report const& report);

/// Several runs of the same settings: `{"version": 1, "runs": […]}`, each as json_report() has it.
[[nodiscard]] std::string json_reports(std::span<load_report const> runs);

/// For people: each run's throughput and p99, and how far they are apart. Ends with a line feed.
[[nodiscard]] std::string text_of_runs(std::span<load_report const> runs);

}  // namespace holdfast::client::load
