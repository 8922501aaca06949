#pragma once

#include <string>

namespace holdfast::server {

/// The version as `--version` prints it, `holdfast-server 0.1.0`.
[[nodiscard]] std::string version_text();

/// The answer of GET /version.
[[nodiscard]] std::string version_json();

}  // namespace holdfast::server
