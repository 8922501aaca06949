#pragma once

#include <string>

#include "manual/description.hpp"

namespace holdfast::manual {

enum class shell { bash, zsh, fish };

/// A script by which `in` completes the commands, flags, choices and file names of a program.
[[nodiscard]] std::string completion(command_description const& program, shell in);

}  // namespace holdfast::manual
