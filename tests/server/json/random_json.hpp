#pragma once

#include <random>
#include <string>

namespace holdfast::server::json {

/// A small JSON text whose names are few, so that two of them have something in common, and no object has one twice.
/// Its numbers are exact as doubles; white space stands anywhere.
[[nodiscard]] std::string random_json(std::mt19937& random, int levels_max);

}  // namespace holdfast::server::json
