#pragma once

#include <string>
#include <vector>

#include "manual/description.hpp"

namespace holdfast::manual {

/// What a manual page has besides the description of the command.
struct man_page_terms {
  int section = 1;
  std::string version;
  std::vector<std::string> see_also;  ///< other pages, such as `holdfast(1)`, and addresses
};

/// The manual page of a program, in the macros of man(7) and in ASCII.
[[nodiscard]] std::string man_page(command_description const& program, man_page_terms const& terms);

}  // namespace holdfast::manual
