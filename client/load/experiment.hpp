#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "client/load/settings.hpp"
#include "protocol/error.hpp"

namespace holdfast::client::load {

/// One setting of an experiment. The key is that of the flag of `holdfast load` without its dashes.
struct experiment_entry {
  using list = std::vector<std::string>;

  std::string key;
  std::variant<bool, std::int64_t, std::string, list> value;
  unsigned line = 0;  ///< where it stands in its file, from 1; 0: in none
};

/// Reads an experiment: TOML whose top level has the settings. A number stands for its text; a table of numbers for
/// what a mix is, `{get = 80, put = 20}` for `get=80,put=20`. Which keys there are, and what their values may be, the
/// caller knows.
/// @return what is wrong after the line's number: `7: …`
[[nodiscard]] protocol::result<std::vector<experiment_entry>> parse_experiment(std::string_view toml);

/// Everything that decides what a run does and what it is held to, in full, defaults included; not where and how it is
/// reported. What stands in no entry is as if its flag was not given.
[[nodiscard]] std::vector<experiment_entry> experiment_of(load_settings const& settings);

/// The entries as a TOML file that parse_experiment() reads.
[[nodiscard]] std::string to_toml(std::vector<experiment_entry> const& entries);

/// The flags of `holdfast load` that say the same as the entry, each as one word: `--keys=1000`.
[[nodiscard]] std::vector<std::string> to_flags(experiment_entry const& entry);

/// The entries as the command that makes such a run, for a shell, in lines of at most 110 columns as far as that goes;
/// those behind the first begin with `indent` spaces.
[[nodiscard]] std::string to_command(std::vector<experiment_entry> const& entries, std::size_t indent);

}  // namespace holdfast::client::load
