#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace holdfast::tests {

/// What the readers of a trace in Chrome's format would complain of; empty where they open it without a word. Plays
/// what they do with it: the format's own demands on each event, Perfetto's import (integers of nanoseconds in the
/// order of time, slices on a stack for each track, arrows that need an open slice) and speedscope's (floating point
/// from the earliest instant on, ends before beginnings at one instant unless both carry the same arguments).
[[nodiscard]] std::vector<std::string> complaints_about(nlohmann::json const& trace);

}  // namespace holdfast::tests
