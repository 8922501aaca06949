#pragma once

#include "client/error.hpp"
#include "client/load/progress.hpp"
#include "client/load/report.hpp"
#include "client/load/settings.hpp"

namespace holdfast::client::load {

/// Stores the keys, drives the connections for the duration, removes the keys, and returns the measurements. Blocks.
/// SIGINT, SIGTERM or SIGHUP ends the run early with a report of what was measured; the second one ends the process at
/// once with status 130. If the first one comes before anything was measured, the report's `elapsed` is 0.
/// @return the error that prevented the start: the server could not be reached, or refused the keys; invalid_request if
/// this process can't open that many connections.
[[nodiscard]] result<load_report> run_load(load_settings const& settings, progress& progress);

}  // namespace holdfast::client::load
