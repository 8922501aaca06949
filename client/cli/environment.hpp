#pragma once

#include <string>
#include <vector>

namespace holdfast::client::cli {

/// A message for each variable that begins with HOLDFAST_ but is unknown to this program and to the server: most likely
/// a typing error.
[[nodiscard]] std::vector<std::string> complaints_about_environment(char const* const* environment);

}  // namespace holdfast::client::cli
