#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace holdfast::tests {

/// The errors that readers of a trace in Chrome's format would report; empty if they accept it. Simulates how they read
/// it: the format's own requirements on each event, Perfetto's import (integer nanoseconds in chronological order,
/// slices on a stack per track, arrows that need an open slice) and speedscope's (floating point relative to the
/// earliest instant, ends before begins at one instant unless both have the same arguments).
[[nodiscard]] std::vector<std::string> complaints_about(nlohmann::json const& trace);

}  // namespace holdfast::tests
