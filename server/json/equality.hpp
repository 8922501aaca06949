#pragma once

#include "server/json/document.hpp"

namespace holdfast::server::json {

/// Compares two values as defined by RFC 6902 §4.6: numbers by exact value, strings by decoded content, arrays by
/// elements, objects as sets of members. An object with a duplicate name equals nothing. Recurses as deep as the values
/// are nested. Both documents must be parsed with every level.
[[nodiscard]] bool are_equal(value left, value right);

}  // namespace holdfast::server::json
