#pragma once

#include "client/error.hpp"
#include "client/load/progress.hpp"
#include "client/load/report.hpp"
#include "client/load/settings.hpp"

namespace holdfast::client::load {

/// Stores the keys, drives the connections for the duration, removes the keys, and returns what was measured. Blocks.
/// SIGINT, SIGTERM and SIGHUP end the run early with the report of what was done; the second one ends the process at
/// once, with status 130. When the first comes before anything was measured, the report's `elapsed` is 0.
/// @return the error that kept it from starting: the server could not be reached, or did not take the keys; of kind
/// invalid_request, if this process can't open that many connections.
[[nodiscard]] result<load_report> run_load(load_settings const& settings, progress& progress);

}  // namespace holdfast::client::load
