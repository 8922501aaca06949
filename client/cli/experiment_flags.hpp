#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "protocol/error.hpp"

namespace holdfast::client::cli {

/// Reads the experiment in the file `path` as flags of `load`, such as `--keys=1000`. What `load`, which has parsed the
/// command line, was given there is left out, and so is what that decides: --rate and --stage are one setting, and
/// --workload sets the mix and the choice of keys.
/// @return what is wrong with the file, with its name and the line: an unknown setting with those there are.
[[nodiscard]] protocol::result<std::vector<std::string>> flags_of_experiment(std::string const& path,
                                                                             CLI::App const& load);

}  // namespace holdfast::client::cli
