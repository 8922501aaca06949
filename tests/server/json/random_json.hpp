#pragma once

#include <random>
#include <string>

namespace holdfast::server::json {

/// A small JSON text with few different names, so that two of them have some in common, and without repeated names in
/// an object. Its numbers are exact as doubles; white space may be anywhere.
[[nodiscard]] std::string random_json(std::mt19937& random, int levels_max);

}  // namespace holdfast::server::json
