#pragma once

#include <string_view>

#include "server/json/document.hpp"

namespace holdfast::server::json {

/// The white space (and the colon) around a child of a container, for preserving the format. `{`, the children with
/// their spacing and commas between them, end_space_of() and `}` give the container's text.
struct spacing {
  std::string_view before;  ///< before the name (in arrays: before the value)
  std::string_view colon;   ///< between name and value, including the colon; empty in arrays
  std::string_view after;   ///< between the value and the next comma; empty for the last child
};

[[nodiscard]] spacing spacing_of(value child);

/// The white space before the container's closing bracket.
[[nodiscard]] std::string_view end_space_of(value container);

/// The spacing for a new child, modelled on the container's other children.
[[nodiscard]] spacing spacing_for_new(value container);

}  // namespace holdfast::server::json
