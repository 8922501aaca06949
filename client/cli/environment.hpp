#pragma once

#include <string>
#include <vector>

namespace holdfast::client::cli {

/// A line about each variable that begins with HOLDFAST_ and that neither this program nor the server knows: most
/// likely a slip.
[[nodiscard]] std::vector<std::string> complaints_about_environment(char const* const* environment);

}  // namespace holdfast::client::cli
