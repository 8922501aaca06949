#pragma once

#include <span>
#include <string>

namespace holdfast::client::load {

struct load_report;

/// The runs as a table for spreadsheets and scripts (RFC 4180, but with plain line feeds). A row for each run, second
/// and operation, then the run's totals; a field that was not measured is empty.
///
///     run               from 1
///     second            since the start, from 0; `total` in the rows about the entire run
///     operation         all, get, put, …
///     length_s          the time that the row is about
///     answers           successes
///     errors            only of `all`: what failed may have had no operation
///     throughput_per_s  successes a second
///     mean_ms p50_ms p90_ms p99_ms p99_9_ms max_ms      of the successes' latency
///     before_sending_ms wait_ms hold_ms rest_ms         means of its parts, only of `all`; the first only of an open
///                       loop
///     client_cpu_us server_cpu_us     processor time an answer, in microseconds; only of the run's `all`, the latter
///                       with the server's pid
[[nodiscard]] std::string csv_report(std::span<load_report const> runs);

}  // namespace holdfast::client::load
