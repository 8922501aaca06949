#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "client/load/settings.hpp"
#include "protocol/error.hpp"

namespace holdfast::client::load {

/// One setting of an experiment. The key is the flag of `holdfast load` without its dashes.
struct experiment_entry {
  using list = std::vector<std::string>;

  std::string key;
  std::variant<bool, std::int64_t, std::string, list> value;
  unsigned line = 0;  ///< line in its file, from 1; 0 without a file
};

/// Parses an experiment: TOML with the settings at top level. A number is equivalent to its text, and a table of
/// numbers to a mix: `{get = 80, put = 20}` means `get=80,put=20`. Does not check keys and values; the caller does.
/// @return on failure the line and the error: `7: …`
[[nodiscard]] protocol::result<std::vector<experiment_entry>> parse_experiment(std::string_view toml);

/// All settings that determine what a run does and which limits it must meet, including defaults, but not where and how
/// it is reported. A missing entry is equivalent to a missing flag.
[[nodiscard]] std::vector<experiment_entry> experiment_of(load_settings const& settings);

/// The entries as TOML for parse_experiment().
[[nodiscard]] std::string to_toml(std::vector<experiment_entry> const& entries);

/// The flags of `holdfast load` equivalent to the entry, each as one word: `--keys=1000`.
[[nodiscard]] std::vector<std::string> to_flags(experiment_entry const& entry);

/// The entries as a shell command that repeats the run, in lines of at most 110 columns if possible. Lines after the
/// first are indented by `indent` spaces.
[[nodiscard]] std::string to_command(std::vector<experiment_entry> const& entries, std::size_t indent);

}  // namespace holdfast::client::load
