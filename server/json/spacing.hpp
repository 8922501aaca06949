#pragma once

#include <string_view>

#include "server/json/document.hpp"

namespace holdfast::server::json {

/// The white space (and the colon) around a child of a container, so that a new text keeps it. `{`, the children with
/// their spacing and commas between them, end_space_of() and `}` make the container's text again.
struct spacing {
  std::string_view before;  ///< between the comma or bracket before it and the name, or the value in an array
  std::string_view colon;   ///< between name and value, the colon included; nothing in an array
  std::string_view after;   ///< between the value and the comma after it; nothing for the last child
};

[[nodiscard]] spacing spacing_of(value child);

/// The white space before the bracket that ends a container.
[[nodiscard]] std::string_view end_space_of(value container);

/// How a new child is best set off, to look like the others of `container`.
[[nodiscard]] spacing spacing_for_new(value container);

}  // namespace holdfast::server::json
