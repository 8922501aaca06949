#pragma once

#include "server/json/document.hpp"

namespace holdfast::server::json {

/// Whether two values are equal as RFC 6902 §4.6 has it: numbers by their exact value, strings by what they say, arrays
/// by their elements, objects as sets of members. An object that has a name twice equals nothing. Recurses as deep as
/// the values are nested. Both documents were parsed with every level.
[[nodiscard]] bool are_equal(value left, value right);

}  // namespace holdfast::server::json
