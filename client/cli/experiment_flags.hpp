#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "protocol/error.hpp"

namespace holdfast::client::cli {

/// Reads the experiment in the file `path` as flags of `load`, such as `--keys=1000`. Omits settings that the command
/// line, already parsed by `load`, determines: --rate and --stage are one setting, and --workload sets the mix and the
/// choice of keys.
/// @return on failure the error with the file's name and the line; for an unknown setting also the known ones.
[[nodiscard]] protocol::result<std::vector<std::string>> flags_of_experiment(std::string const& path,
                                                                             CLI::App const& load);

}  // namespace holdfast::client::cli
