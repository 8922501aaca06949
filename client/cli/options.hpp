#pragma once

#include <CLI/App.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "client/cli/command_line.hpp"

namespace holdfast::client::cli {

/// Adds an option whose value is a duration; what is none is told with what would be right.
CLI::Option* add_duration(CLI::App& app, std::string const& flag, std::string const& what,
                          std::function<void(std::chrono::nanoseconds)> set);

/// Adds --server and --timeout, which each subcommand takes too.
void add_connection_options(CLI::App& app, connection_settings& to);

// Each adds a subcommand with its options, help and examples.
CLI::App* add_get(CLI::App& app, get_command& to);
CLI::App* add_put(CLI::App& app, put_command& to);
CLI::App* add_del(CLI::App& app, del_command& to);
CLI::App* add_load(CLI::App& app, load_command& to);
CLI::App* add_compare(CLI::App& app, compare_command& to);
struct lock_apps {
  CLI::App* events;
  CLI::App* top;
};
lock_apps add_lock(CLI::App& app, lock_events_command& events, lock_top_command& top);

/// Settles what depends on several options of `load`, after parsing. @throws CLI::ValidationError
void complete_load(CLI::App const& load, load::load_settings& settings);

/// Moves arguments that are negative numbers behind a `--`, so that `put temperature -5` needs none: CLI11 takes every
/// word that starts with a dash for an option. The value of a long option stays where it is.
[[nodiscard]] std::vector<std::string> shelter_negative_numbers(std::vector<std::string> arguments);

}  // namespace holdfast::client::cli
