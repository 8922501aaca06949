#pragma once

#include <string>

#include "manual/description.hpp"

namespace holdfast::manual {

enum class shell { bash, zsh, fish };

/// The script with which the shell `in` completes commands, flags, values and file names of a program.
[[nodiscard]] std::string completion(command_description const& program, shell in);

}  // namespace holdfast::manual
