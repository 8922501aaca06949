#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <string>

#include "server/app/settings.hpp"

namespace holdfast::server {

/// Adds the flags of the server, in their groups. Parsing fills `to`, and sets `in_memory` for --in-memory. Invalid
/// values cause CLI::ValidationError; rules that concern several flags are command_line.cpp's.
void add_settings(CLI::App& app, settings& to, bool& in_memory);

/// Adds an option whose value is a duration.
CLI::Option* add_duration(CLI::App& app, std::string const& flag, std::string const& variable, std::string const& what,
                          std::string const& standard, std::function<void(nanoseconds)> set);

}  // namespace holdfast::server
