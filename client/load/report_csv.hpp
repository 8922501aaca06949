#pragma once

#include <span>
#include <string>

namespace holdfast::client::load {

struct load_report;

/// The runs as a table for spreadsheets and scripts (RFC 4180, but with plain line feeds). One row per run, second and
/// operation, then the run's totals; fields that were not measured are empty.
///
///     run               from 1
///     second            since the start, from 0; `total` in the rows for the entire run
///     operation         all, get, put, …
///     length_s          the length of the row's time span
///     answers           successes
///     errors            only for `all`, since failures may not belong to an operation
///     throughput_per_s  successes per second
///     mean_ms p50_ms p90_ms p99_ms p99_9_ms max_ms      latency of the successes
///     before_sending_ms wait_ms hold_ms rest_ms         means of its parts, only for `all`; the first only for an
///                       open loop
///     client_cpu_us server_cpu_us     CPU time per answer in microseconds; only for the run's total of `all`, and
///                       for the server only with its pid
[[nodiscard]] std::string csv_report(std::span<load_report const> runs);

}  // namespace holdfast::client::load
